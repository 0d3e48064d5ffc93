"""Korean as it is typed: syllables as the keys of the two-set keyboard, so that a half-typed or wrongly set word is found.

The layout is the standard two-set one (KS X 5002); syllables are taken apart by the arithmetic of Unicode 3.12.
"""

import unicodedata

_INITIAL = ("r", "R", "s", "e", "E", "f", "a", "q", "Q", "t", "T", "d", "w", "W", "c", "z", "x", "v", "g")
_VOWEL = (
    "k", "o", "i", "O", "j", "p", "u", "P", "h", "hk", "ho", "hl", "y", "n", "nj", "np", "nl", "b", "m", "ml", "l",
)  # fmt: skip
_FINAL = (
    "", "r", "R", "rt", "s", "sw", "sg", "e", "f", "fr", "fa", "fq", "ft", "fx", "fv", "fg", "a", "q", "qt", "t", "T", "d",
    "w", "c", "z", "x", "v", "g",
)  # fmt: skip
_CONSONANTS = {
    "ㄱ": "r", "ㄲ": "R", "ㄳ": "rt", "ㄴ": "s", "ㄵ": "sw", "ㄶ": "sg", "ㄷ": "e", "ㄸ": "E", "ㄹ": "f", "ㄺ": "fr", "ㄻ": "fa",
    "ㄼ": "fq", "ㄽ": "ft", "ㄾ": "fx", "ㄿ": "fv", "ㅀ": "fg", "ㅁ": "a", "ㅂ": "q", "ㅃ": "Q", "ㅄ": "qt", "ㅅ": "t", "ㅆ": "T",
    "ㅇ": "d", "ㅈ": "w", "ㅉ": "W", "ㅊ": "c", "ㅋ": "z", "ㅌ": "x", "ㅍ": "v", "ㅎ": "g",
}  # fmt: skip
_VOWELS = dict(zip("ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ", _VOWEL, strict=True))
_JAMO = _CONSONANTS | _VOWELS
_CLUSTERS = {
    "ㄳ": "ㄱㅅ", "ㄵ": "ㄴㅈ", "ㄶ": "ㄴㅎ", "ㄺ": "ㄹㄱ", "ㄻ": "ㄹㅁ", "ㄼ": "ㄹㅂ", "ㄽ": "ㄹㅅ", "ㄾ": "ㄹㅌ", "ㄿ": "ㄹㅍ",
    "ㅀ": "ㄹㅎ", "ㅄ": "ㅂㅅ",
}  # fmt: skip
_FIRST, _LAST = 0xAC00, 0xD7A3


def units(text: str) -> list[str]:
    """The keys pressed for each character: of a syllable all its keys, of a lone letter its own, of anything else itself."""
    found: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        code = ord(character)
        if _FIRST <= code <= _LAST:
            rest, final = divmod(code - _FIRST, 28)
            initial, vowel = divmod(rest, 21)
            found.append(_INITIAL[initial] + _VOWEL[vowel] + _FINAL[final])
        else:
            found.append(_JAMO.get(character, character))
    return found


def keys(text: str) -> str:
    """All the keys pressed for a text: 홍길동 and ghdrlfehd both are ghdrlfehd."""
    return "".join(units(text))


def consonants(text: str) -> str | None:
    """The initial consonants that a text asks for, clusters taken apart (ㄳ is ㄱㅅ); None where it has anything else."""
    apart = "".join(_CLUSTERS.get(c, c) for c in unicodedata.normalize("NFC", text))
    return apart if apart and all(c in _CONSONANTS for c in apart) else None
