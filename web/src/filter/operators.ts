/** Which operators a kind of field has, and what each of them takes. */

import type { FieldKind, Operator } from "./types";

/** How an operator's values are entered. */
export type Editor =
  | "none"
  | "texts"
  | "number"
  | "numbers"
  | "numberPair"
  | "boolean"
  | "instant"
  | "instantPair"
  | "day"
  | "span"
  | "calendar"
  | "days"
  | "size"
  | "segments";

const TEXT = {
  eq: "texts",
  ne: "texts",
  contains: "texts",
  notContains: "texts",
  startsWith: "texts",
  endsWith: "texts",
  chosung: "texts",
  exists: "none",
  notExists: "none",
} as const satisfies Partial<Record<Operator, Editor>>;

const { chosung: _, ...PHONE } = TEXT;

const BY_KIND: Record<FieldKind, Partial<Record<Operator, Editor>>> = {
  text: TEXT,
  email: { ...TEXT, domain: "texts" },
  phone: { ...PHONE, lastDigits: "texts", countryCode: "texts" },
  number: {
    eq: "numbers",
    ne: "numbers",
    gte: "number",
    gt: "number",
    lte: "number",
    lt: "number",
    between: "numberPair",
    notBetween: "numberPair",
    exists: "none",
    notExists: "none",
  },
  boolean: { eq: "boolean", ne: "boolean", exists: "none", notExists: "none" },
  date: {
    withinLast: "span",
    notWithinLast: "span",
    withinNext: "span",
    calendar: "calendar",
    on: "day",
    before: "instant",
    after: "instant",
    between: "instantPair",
    anniversary: "days",
    exists: "none",
    notExists: "none",
  },
  list: {
    hasAny: "texts",
    hasAll: "texts",
    hasNone: "texts",
    isExactly: "texts",
    hasPrefix: "texts",
    size: "size",
    exists: "none",
    notExists: "none",
  },
  segment: { in: "segments", notIn: "segments" },
};

/** The operators of a kind of field, the commonest first. */
export function operatorsOf(kind: FieldKind): Operator[] {
  return Object.keys(BY_KIND[kind]) as Operator[];
}

/** How an operator's values are entered for a kind of field; undefined where the kind does not have it. */
export function editorOf(kind: FieldKind, operator: Operator): Editor | undefined {
  return BY_KIND[kind][canonical(kind, operator)];
}

/** `in` and `notIn` are other names of the same but for segments. */
export function canonical(kind: FieldKind, operator: Operator): Operator {
  if (kind === "segment") return operator;
  if (operator === "in") return kind === "list" ? "hasAny" : "eq";
  if (operator === "notIn") return kind === "list" ? "hasNone" : "ne";
  return operator;
}

/** Whether a contact without the value matters to the operator, so that one may say what becomes of it. */
export function asksMissing(operator: Operator): boolean {
  return operator !== "exists" && operator !== "notExists";
}

/** Those that a contact without the value passes, unless the filter says otherwise. */
export const PASSES_MISSING: ReadonlySet<Operator> = new Set(["ne", "notIn", "notContains", "hasNone", "notBetween"]);

const PHONES = new Set(["mobileNumber", "landlineNumber"]);

/** The kind of a field by its key and the type that the API tells. */
export function kindOf(key: string, type: string): FieldKind {
  if (key === "segment") return "segment";
  if (PHONES.has(key)) return "phone";
  if (key === "email") return "email";
  switch (type) {
    case "Number":
      return "number";
    case "Boolean":
      return "boolean";
    case "Date":
      return "date";
    case "List":
      return "list";
    default:
      return "text";
  }
}
