"""The referee of the quick search over texts: the written rules tried out character by character, sharing nothing with the index.

Korean letters are told by their names in Unicode: HANGUL CHOSEONG KIYEOK and HANGUL JONGSEONG KIYEOK are HANGUL LETTER KIYEOK.
"""

import unicodedata
from functools import cache

KOREAN = "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡㅃㅉㄸㄲㅆㅒㅖ"
LATIN = "qwertyuiopasdfghjklzxcvbnmQWERTOP"
KEY = dict(zip(KOREAN, LATIN, strict=True))
TOGETHER = {"ㅘ": "ㅗㅏ", "ㅙ": "ㅗㅐ", "ㅚ": "ㅗㅣ", "ㅝ": "ㅜㅓ", "ㅞ": "ㅜㅔ", "ㅟ": "ㅜㅣ", "ㅢ": "ㅡㅣ"}
FIRST = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"


def finds(typed: str, texts: list[str]) -> bool:
    """Whether what is typed finds a contact with these texts: as a whole, or each of its words."""
    words = typed.split()
    drawn = len(plain(typed)) <= 64
    return found(typed, texts, drawn) or (len(words) > 1 and all(found(word, texts, drawn) for word in words))


def found(typed: str, texts: list[str], drawn: bool) -> bool:
    """Whether any of the texts has it, in any of the ways; with those in which an input method drew letters together or not."""
    pressed = "".join(letters_to_keys(c) for c in bare("".join(width(typed).split())))
    ways: set[str] = set()
    for text in map(plain, texts):
        if plain(typed) in text:
            ways.add("part")
        if any(goes(plain(typed), text[at:], drawn) for at in range(len(text))):
            ways.add("initials")
        if (asked := apart(plain(typed))) and all(c in FIRST for c in asked) and asked in "".join(filter(None, map(first, text))):
            ways.add("initials past others")
        if any("a" <= key.lower() <= "z" for key in pressed):
            shifted = "".join(key if key in "QWERTOP" else key.casefold() for key in pressed)
            if any("".join(map(letters_to_keys, text[at:])).startswith(shifted) for at in range(len(text))):
                ways.add("keys")
            lower = pressed.casefold()
            if korean(typed) and lower in text:
                ways.add("shifted by mistake")
            if not korean(typed) and any("".join(map(letters_to_keys, text[at:])).startswith(lower) for at in range(len(text))):
                ways.add("caps lock")
    return bool(ways)


def korean(text: str) -> bool:
    return any("HANGUL" in unicodedata.name(c, "") for c in width(text))


def goes(wanted: str, text: str, drawn: bool) -> bool:
    """Whether a text begins with what is wanted, consonants standing for syllables; only where there are some, or may be."""
    some = any(c in FIRST for c in apart(wanted))
    ways = readings(apart(wanted), some) if drawn else [apart(wanted)]
    return any(any(c in FIRST for c in way) and begins(way, text) for way in ways)


def readings(wanted: str, some: bool) -> list[str]:
    """Every way to read what an input method may have drawn together."""
    if not wanted:
        return [""]
    head, rest = wanted[0], wanted[1:]
    ways = [head]
    final = letters(head)[2] if syllable(head) else ""
    if final and (not rest or rest[0] in FIRST):
        pieces = apart(final)
        base = unicodedata.normalize("NFC", unicodedata.normalize("NFD", head)[:2])
        if rest or some or len(pieces) == 2:
            ways.append(base + pieces)
            if len(pieces) == 2:
                joined = unicodedata.lookup(unicodedata.name(pieces[0]).replace("LETTER", "JONGSEONG"))
                ways.append(unicodedata.normalize("NFC", base + joined) + pieces[1])
    return [way + following for way in ways for following in readings(rest, some)]


def begins(wanted: str, text: str) -> bool:
    if not wanted:
        return True
    if not text:
        return False
    if wanted[0] in FIRST and first(text[0]) == wanted[0]:
        return begins(wanted[1:], text[1:])
    if wanted[0] == text[0]:
        return begins(wanted[1:], text[1:])
    half = len(wanted) == 1 and syllable(wanted) and syllable(text[0])
    return half and letters_to_keys(text[0]).startswith(letters_to_keys(wanted))


@cache
def plain(text: str) -> str:
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", width(text)).casefold())
    return bare("".join(folded.split()))


def width(text: str) -> str:
    return unicodedata.normalize("NFC", "".join(_width(c) for c in text))


def _width(character: str) -> str:
    name = unicodedata.name(character, "")
    if not name.startswith(("FULLWIDTH ", "HALFWIDTH ")):
        return character
    made = unicodedata.normalize("NFKC", character)
    told = unicodedata.name(made, "")
    for part in ("CHOSEONG", "JUNGSEONG"):
        if part in told:
            return unicodedata.lookup(told.replace(part, "LETTER"))
    return made


@cache
def bare(text: str) -> str:
    """Without the marks over and under Latin, Greek and Cyrillic letters."""
    kept = ""
    for character in unicodedata.normalize("NFC", text):
        apart_ = unicodedata.normalize("NFD", character)
        if unicodedata.name(apart_[0], "").split(" ")[0] in {"LATIN", "GREEK", "CYRILLIC"}:
            character = apart_[0] + "".join(c for c in apart_[1:] if unicodedata.category(c) != "Mn")
        kept += character
    again = unicodedata.normalize("NFC", kept)
    return again if again == text else bare(again)


def syllable(character: str) -> bool:
    return unicodedata.name(character, "").startswith("HANGUL SYLLABLE")


def first(character: str) -> str | None:
    return letters(character)[0] if syllable(character) else None


@cache
def letters(character: str) -> tuple[str, str, str]:
    """The three letters of a syllable, the last one empty where there is none."""
    made = []
    for jamo in unicodedata.normalize("NFD", character):
        kind, name = unicodedata.name(jamo).removeprefix("HANGUL ").split(" ", 1)
        assert kind in {"CHOSEONG", "JUNGSEONG", "JONGSEONG"}
        made.append(unicodedata.lookup(f"HANGUL LETTER {name}"))
    begin, vowel, *final = made
    return begin, vowel, final[0] if final else ""


def apart(text: str) -> str:
    """ㄳ is ㄱㅅ: told by its name, KIYEOK-SIOS."""
    made = ""
    for character in text:
        name = unicodedata.name(character, "")
        if name.startswith("HANGUL LETTER ") and "-" in name and character not in TOGETHER:
            made += "".join(
                unicodedata.lookup(f"HANGUL LETTER {each}") for each in name.removeprefix("HANGUL LETTER ").split("-")
            )
        else:
            made += character
    return made


@cache
def letters_to_keys(character: str) -> str:
    told = "".join(letters(character)) if syllable(character) else character
    return "".join(KEY.get(each, each) for letter in told for piece in TOGETHER.get(letter, letter) for each in apart(piece))
