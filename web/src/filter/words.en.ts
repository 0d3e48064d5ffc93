/** A filter as an English sentence. */

import { exactInstant, formatNumber } from "../text/format";
import type { Names } from "./names";
import { canonical } from "./operators";
import { quoted } from "./quoted";
import type { ConditionNode, Group, Node } from "./tree";
import type { CalendarWord, Size, Span, Value } from "./types";

export const CALENDAR_EN: Record<CalendarWord, string> = {
  today: "today",
  yesterday: "yesterday",
  tomorrow: "tomorrow",
  thisWeek: "this week",
  lastWeek: "last week",
  nextWeek: "next week",
  thisMonth: "this month",
  lastMonth: "last month",
  nextMonth: "next month",
  thisYear: "this year",
};

const YES_NO: Record<string, [yes: string, no: string]> = {
  member: ["is a member", "is a lead"],
  blocked: ["is blocked", "is not blocked"],
};

const SIZES = { eq: "exactly", gt: "more than", gte: "at least", lt: "fewer than", lte: "at most" } as const;

export function sentenceEn(tree: Group, names: Names): string {
  if (tree.children.length === 0 && !tree.negated) return tree.join === "and" ? "All contacts" : "No contact";
  return `Contacts where ${joined(tree, names, true)}`;
}

function joined(node: Group, names: Names, outermost: boolean): string {
  const inner =
    node.children.length === 0
      ? node.join === "and"
        ? "everyone"
        : "no one"
      : node.children.map((child) => phrase(child, names)).join(node.join === "and" ? ", and " : ", or ");
  if (node.negated) return `not (${inner})`;
  return outermost ? inner : `(${inner})`;
}

function phrase(node: Node, names: Names): string {
  if (node.kind === "group") return joined(node, names, false);
  const text = words(node, names);
  if (node.missing === undefined) return text;
  return `${text} (${node.missing === "include" ? "or has no value" : "and has a value"})`;
}

const plural = (n: number, unit: string): string => `${formatNumber(n, "en")} ${n === 1 ? unit.replace(/s$/, "") : unit}`;
const spanText = (span: Span): string => plural(span.n, span.unit);
const sizeText = (size: Size): string => `${SIZES[size.op] ?? quoted(size.op)} ${formatNumber(size.n, "en")}`;
const valueText = (value: Value): string => {
  if (typeof value === "number") return formatNumber(value, "en");
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return quoted(value);
  return "unit" in value ? spanText(value) : sizeText(value);
};

/** Of a condition, its words. It is total: whatever a filter may hold has its words. */
function words(node: ConditionNode, names: Names): string {
  const kind = names.kind(node.key);
  const operator = canonical(kind, node.operator);
  const field = names.field(node.key);
  const values = node.termSet === undefined ? node.values : [`pasted list ${node.termSet.slice(0, 8)}`];
  const any = values.map(valueText).join(" or ") || "nothing";
  const all = values.map(valueText).join(" and ") || "nothing";
  const first = values[0];
  const instant = (value: Value | undefined) =>
    typeof value === "string" ? (Number.isNaN(Date.parse(value)) ? quoted(value) : exactInstant(value, names.zone, "en")) : any;
  switch (operator) {
    case "eq": {
      const yesNo = YES_NO[node.key];
      if (yesNo && values.length === 1 && typeof first === "boolean") return yesNo[first ? 0 : 1];
      return `${field} is ${any}`;
    }
    case "ne":
      return `${field} is not ${any}`;
    case "contains":
      return `${field} contains ${any}`;
    case "notContains":
      return `${field} does not contain ${any}`;
    case "startsWith":
      return `${field} starts with ${any}`;
    case "endsWith":
      return `${field} ends with ${any}`;
    case "chosung":
      return `the initials of ${field} hold ${any}`;
    case "domain":
      return `the domain of ${field} is ${any}`;
    case "lastDigits":
      return `the last digits of ${field} are ${any}`;
    case "countryCode":
      return `the country code of ${field} is ${any}`;
    case "gt":
      return `${field} is over ${any}`;
    case "gte":
      return `${field} is at least ${any}`;
    case "lt":
      return `${field} is under ${any}`;
    case "lte":
      return `${field} is at most ${any}`;
    case "between":
      return kind === "date" ? `${field} is from ${instant(first)} until ${instant(values[1])}` : `${field} is between ${all}`;
    case "notBetween":
      return `${field} is not between ${all}`;
    case "before":
      return `${field} is before ${instant(first)}`;
    case "after":
      return `${field} is after ${instant(first)}`;
    case "on":
      return `${field} is on ${any}`;
    case "withinLast":
      return `${field} is within the last ${any}`;
    case "notWithinLast":
      return `${field} is more than ${any} ago`;
    case "withinNext":
      return `${field} is within the next ${any}`;
    case "calendar":
      return `${field} is ${values.map((each) => CALENDAR_EN[each as CalendarWord] ?? valueText(each)).join(" or ") || "nothing"}`;
    case "anniversary":
      return `the anniversary of ${field} is ${typeof first === "object" && first.n === 0 ? "today" : `today or within ${any}`}`;
    case "hasAny":
      return `${field} has ${any}`;
    case "hasAll":
      return `${field} has all of ${all}`;
    case "hasNone":
      return `${field} has none of ${any}`;
    case "isExactly":
      return `${field} is exactly ${all}`;
    case "hasPrefix":
      return `${field} has something under ${any}`;
    case "size":
      return `${field} has ${any} of them`;
    case "in":
      return `is in segment ${values.map((each) => quoted(names.segment(String(each)))).join(" or ")}`;
    case "notIn":
      return `is not in segment ${values.map((each) => quoted(names.segment(String(each)))).join(" or ")}`;
    case "exists":
      return `${field} has a value`;
    case "notExists":
      return `${field} has no value`;
    default:
      return operator satisfies never;
  }
}
