/** Korean particles by the sound that a word ends in. */

const DIGITS_CLOSED = new Set(["0", "1", "3", "6", "7", "8"]);
const LETTERS_CLOSED = new Set(["l", "m", "n", "r"]);
const FIRST = 0xac00;
const LAST = 0xd7a3;

type Ending = "open" | "closed" | "rieul";

function endingOf(word: string): Ending {
  const letters = [...word].filter((each) => /[\p{L}\p{N}]/u.test(each));
  const last = letters.at(-1);
  if (last === undefined) return "open";
  const code = last.codePointAt(0) ?? 0;
  if (code >= FIRST && code <= LAST) {
    const final = (code - FIRST) % 28;
    return final === 0 ? "open" : final === 8 ? "rieul" : "closed";
  }
  const lower = last.toLowerCase();
  if (["1", "7", "8", "l", "r"].includes(lower)) return "rieul";
  return DIGITS_CLOSED.has(last) || LETTERS_CLOSED.has(lower) ? "closed" : "open";
}

export type Pair = "이/가" | "을/를" | "은/는" | "으로/로" | "과/와";

/** The word with the particle that fits: `josa("등급", "이/가")` is 등급이. */
export function josa(word: string, pair: Pair): string {
  const [closed, open] = pair.split("/") as [string, string];
  const ending = endingOf(word);
  if (pair === "으로/로") return word + (ending === "closed" ? closed : open);
  return word + (ending === "open" ? open : closed);
}
