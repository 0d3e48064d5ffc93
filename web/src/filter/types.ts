/** The filter as it goes over the wire: exactly one of `and`, `or`, `not` or a condition. */

export interface Span {
  n: number;
  unit: "minutes" | "hours" | "days" | "weeks";
}

export interface Size {
  op: "eq" | "gt" | "gte" | "lt" | "lte";
  n: number;
}

export type Value = string | number | boolean | Span | Size;

export interface Condition {
  key: string;
  operator: Operator;
  values?: Value[];
  termSet?: string;
  missing?: "include" | "exclude";
}

export type Filter = { and: Filter[] } | { or: Filter[] } | { not: Filter } | Condition;

/** What a field holds, finer than its type: phones and e-mails are texts with operators of their own. */
export type FieldKind = "text" | "phone" | "email" | "number" | "boolean" | "date" | "list" | "segment";

export const OPERATORS = [
  "eq",
  "ne",
  "contains",
  "notContains",
  "startsWith",
  "endsWith",
  "chosung",
  "domain",
  "lastDigits",
  "countryCode",
  "gt",
  "gte",
  "lt",
  "lte",
  "between",
  "notBetween",
  "before",
  "after",
  "on",
  "withinLast",
  "notWithinLast",
  "withinNext",
  "calendar",
  "anniversary",
  "hasAny",
  "hasAll",
  "hasNone",
  "isExactly",
  "hasPrefix",
  "size",
  "in",
  "notIn",
  "exists",
  "notExists",
] as const;

export type Operator = (typeof OPERATORS)[number];

export const CALENDAR = [
  "today",
  "yesterday",
  "tomorrow",
  "thisWeek",
  "lastWeek",
  "nextWeek",
  "thisMonth",
  "lastMonth",
  "nextMonth",
  "thisYear",
] as const;

export type CalendarWord = (typeof CALENDAR)[number];
