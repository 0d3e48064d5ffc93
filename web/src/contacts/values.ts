/** A cell's value as one types it, and what was typed as a value. */

import type { FieldKind } from "../filter/types";
import { fromLocal, readNumber, toLocal } from "../text/format";

export type Read = { ok: true; value: unknown } | { ok: false; why: "number" | "date" };

export function toTyped(value: unknown, kind: FieldKind, zone: string): string {
  if (value === null || value === undefined) return "";
  if (kind === "date") return typeof value === "string" ? toLocal(value, zone) : "";
  if (kind === "list") return Array.isArray(value) ? value.map(element).join(", ") : String(value);
  return String(value);
}

/** An element with a separator stands in quotes, as split terms are written. */
const element = (value: unknown): string => {
  const text = String(value);
  return /[",\s，　]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Empty clears. */
export function fromTyped(typed: string, kind: FieldKind, zone: string): Read {
  const text = typed.trim();
  if (text === "") return { ok: true, value: null };
  switch (kind) {
    case "number": {
      const value = readNumber(text);
      return value === undefined ? { ok: false, why: "number" } : { ok: true, value };
    }
    case "date": {
      const value = fromLocal(text, zone);
      return value === undefined ? { ok: false, why: "date" } : { ok: true, value };
    }
    case "boolean":
      return { ok: true, value: text === "true" };
    case "list":
      return { ok: true, value: splitTerms(text) };
    default:
      return { ok: true, value: text };
  }
}

const BETWEEN = /[,\s，　]/;

/** Terms apart by commas, white space, tabs or new lines; double quotes keep a separator within a term. */
export function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let at = 0;
  while (at < text.length) {
    if (BETWEEN.test(text[at] ?? "")) {
      at += 1;
      continue;
    }
    const closing = text[at] === '"' ? closingQuote(text, at) : -1;
    if (closing >= 0) {
      terms.push(text.slice(at + 1, closing).replaceAll('""', '"'));
      at = closing + 1;
      continue;
    }
    let end = at;
    while (end < text.length && !BETWEEN.test(text[end] ?? "")) end += 1;
    terms.push(text.slice(at, end));
    at = end;
  }
  return terms.filter((term) => term !== "");
}

/** The quote that closes the one at `start`: one that is not doubled and that a separator or the end follows; -1 for none. */
function closingQuote(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] !== '"') continue;
    if (text[at + 1] === '"') {
      at += 1;
      continue;
    }
    return at + 1 === text.length || BETWEEN.test(text[at + 1] ?? "") ? at : -1;
  }
  return -1;
}

export function sameValue(a: unknown, b: unknown): boolean {
  return JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
}
