/** A value as it stands in a sentence: bare where it cannot be mistaken for the sentence's own words, else in quotes. */

const BARE = /^[\p{L}\p{N}][\p{L}\p{N}_.@+/-]*$/u;
const RESERVED = new Set(["or", "and", "not", "또는", "그리고"]);

export function quoted(value: string): string {
  return BARE.test(value) && !RESERVED.has(value.toLowerCase()) ? value : `‘${value.replace(/[\\‘’]/g, "\\$&")}’`;
}
