/** Finding words by a part of them or by their initial consonants. */

const INITIALS = [..."ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"];
const FIRST = 0xac00;
const LAST = 0xd7a3;
const PER_INITIAL = 588;

export function initialsOf(text: string): string {
  return [...text]
    .map((letter) => {
      const code = letter.codePointAt(0) ?? 0;
      return code >= FIRST && code <= LAST ? (INITIALS[Math.floor((code - FIRST) / PER_INITIAL)] ?? "") : letter;
    })
    .join("");
}

const plain = (text: string): string => text.normalize("NFC").toLowerCase().replace(/\s/g, "");

export function matchesWord(words: string, typed: string): boolean {
  const wanted = plain(typed);
  return wanted === "" || plain(words).includes(wanted) || initialsOf(plain(words)).includes(wanted);
}
