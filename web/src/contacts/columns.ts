/** The columns of the list, and what a contact shows in each. */

import type { Contact, Field } from "../api/types";
import { kindOf } from "../filter/operators";
import type { FieldKind } from "../filter/types";
import { formatInstant, formatNumber, nationalPhone } from "../text/format";
import type { Texts } from "../text/ko";
import { nameOf } from "./fields";

export interface Column {
  key: string;
  name: string;
  kind: FieldKind;
  width: number;
  /** Values of one's own fields are edited in the list; built-in ones are not. */
  editable: boolean;
  sortable: boolean;
}

const WIDTHS: Record<FieldKind, number> = {
  text: 150,
  phone: 148,
  email: 224,
  number: 124,
  boolean: 104,
  date: 148,
  list: 176,
  segment: 160,
};

export const NAME_WIDTH = 208;
export const CHECK_WIDTH = 44;

export function columnsOf(fields: readonly Field[], language: "ko" | "en", own: Readonly<Record<string, number>>): Column[] {
  return fields
    .filter((field) => field.key !== "name")
    .map((field) => {
      const kind = kindOf(field.key, field.type);
      const name = nameOf(field, language);
      return {
        key: field.key,
        name,
        kind,
        width: own[field.key] ?? Math.max(WIDTHS[kind], 44 + wordWidth(name)),
        editable: field.key.startsWith("profile."),
        sortable: kind !== "list",
      };
    });
}

/** About how wide a heading is, so that none is cut. */
function wordWidth(name: string): number {
  return [...name].reduce((sum, letter) => sum + ((letter.codePointAt(0) ?? 0) > 0x2e80 ? 12 : 7), 0);
}

export function contactValue(contact: Contact, key: string): unknown {
  if (key.startsWith("profile.")) return contact.profile[key.slice(8)] ?? null;
  const [holder, member] = key.split(".") as [string, string | undefined];
  const value = (contact as unknown as Record<string, unknown>)[holder];
  if (member === undefined) return value ?? null;
  return typeof value === "object" && value !== null ? ((value as Record<string, unknown>)[member] ?? null) : null;
}

export interface Shown {
  texts: Texts;
  zone: string;
  now: Date;
}

/** What a cell shows; nothing where there is no value. */
export function cellText(value: unknown, column: { key: string; kind: FieldKind }, shown: Shown): string {
  if (value === null || value === undefined) return "";
  const { texts } = shown;
  switch (column.kind) {
    case "boolean":
      if (column.key === "member") return value === true ? texts.peek.member : texts.peek.lead;
      return value === true ? texts.cell.yes : value === false ? texts.cell.no : String(value);
    case "number":
      return typeof value === "number" ? formatNumber(value, texts.language) : String(value);
    case "date":
      return typeof value === "string" ? formatInstant(value, shown.zone, texts.language, shown.now) : String(value);
    case "phone":
      return typeof value === "string" ? nationalPhone(value) : String(value);
    case "list":
      return Array.isArray(value) ? value.join(", ") : String(value);
    default:
      return typeof value === "object" ? JSON.stringify(value) : String(value);
  }
}
