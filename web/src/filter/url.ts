/** The filter in the address: `1.` and the wire filter's JSON in base64url. What cannot be read is an error, never everyone. */

import type { Group } from "./tree";
import { fromWire, toWire, Unreadable } from "./wire";

/** Longer ones are kept by the server under a link. */
export const LONGEST = 1500;

export type FromUrl = { ok: true; tree: Group } | { ok: false };

/** The `f` of a tree; undefined where it asks for nothing. */
export function encodeFilter(tree: Group): string | undefined {
  const filter = toWire(tree);
  if (filter === undefined) return undefined;
  const bytes = new TextEncoder().encode(JSON.stringify(filter));
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return `1.${btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}

/** The tree of an `f`. */
export function decodeFilter(f: string, id: () => string): FromUrl {
  if (!f.startsWith("1.")) return { ok: false };
  try {
    const text = atob(f.slice(2).replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(text, (each) => each.charCodeAt(0));
    return { ok: true, tree: fromWire(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)), id) };
  } catch (error) {
    if (
      error instanceof Unreadable ||
      error instanceof SyntaxError ||
      error instanceof TypeError ||
      error instanceof DOMException
    )
      return { ok: false };
    throw error;
  }
}
