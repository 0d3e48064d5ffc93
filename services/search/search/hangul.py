"""Korean as it is typed: by its keys, half a syllable, on the wrong layout; by initials; and what input methods make of both.

The layout is the standard two-set one (KS X 5002); syllables are taken apart by the arithmetic of Unicode 3.12.
"""

import unicodedata
from functools import lru_cache
from itertools import product

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
_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_FINALS = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_FIRST, _LAST = 0xAC00, 0xD7A3
_PER_INITIAL, _PER_VOWEL = 588, 28
_MOST_OPEN = 3  # syllables of one text whose finals may be initials: each multiplies what is looked for


def units(text: str) -> list[str]:
    """The keys pressed for each character: of a syllable all its keys, of a lone letter its own, of anything else itself."""
    if text.isascii():
        return list(text)
    return list(map(_pressed, unicodedata.normalize("NFC", text)))


@lru_cache(maxsize=4096)
def _pressed(character: str) -> str:
    code = ord(character)
    if not _FIRST <= code <= _LAST:
        return _JAMO.get(character, character)
    rest, final = divmod(code - _FIRST, 28)
    initial, vowel = divmod(rest, 21)
    return _INITIAL[initial] + _VOWEL[vowel] + _FINAL[final]


def keys(text: str) -> str:
    """All the keys pressed for a text: 홍길동 and ghdrlfehd both are ghdrlfehd."""
    return "".join(units(text))


def initial(character: str) -> str | None:
    """The initial consonant of a syllable; None for anything else."""
    code = ord(character) - _FIRST
    return _INITIALS[code // _PER_INITIAL] if 0 <= code <= _LAST - _FIRST else None


def syllables(consonant: str) -> tuple[str, str]:
    """The first and the last of the syllables that begin with a consonant."""
    first = _FIRST + _INITIALS.index(consonant) * _PER_INITIAL
    return chr(first), chr(first + _PER_INITIAL - 1)


def is_consonant(character: str) -> bool:
    """Whether it is a lone consonant with which a syllable can begin."""
    return character in _INITIALS


def meant(text: str) -> list[str]:
    """What may be meant by a text in which lone consonants stand for syllables; the text itself, clusters apart, comes first.

    An input method draws a consonant into the syllable before it: 이ㄱㅅ is written 읷, and 호ㄱㄷ 혹ㄷ. So the finals of a
    syllable that no vowel follows may be initials. At the end of a text without any, a single final is left: its keys find it.
    """
    letters = apart(text)
    some = any(map(is_consonant, letters))
    choices: list[list[str]] = []
    more = 0
    for place, character in enumerate(letters):
        following = letters[place + 1 : place + 2]
        open_ = is_consonant(following) if following else True
        splits = _splits(character) if open_ and more < _MOST_OPEN else []
        if not following and not some and len(splits) == 1:
            splits = []
        more += bool(splits)
        choices.append([character, *splits])
    return ["".join(chosen) for chosen in product(*choices)]


def completions(character: str) -> list[str]:
    """The syllables that a syllable may become by more keys, itself among them; none for what is no syllable."""
    if initial(character) is None:
        return []
    (pressed,) = units(character)
    code = ord(character) - _FIRST
    first = _FIRST + code - code % _PER_INITIAL
    return [chr(each) for each in range(first, first + _PER_INITIAL) if units(chr(each))[0].startswith(pressed)]


def apart(text: str) -> str:
    """The text with its clusters as the consonants that they are of: ㄳ is ㄱㅅ."""
    return "".join(_CLUSTERS.get(c, c) for c in unicodedata.normalize("NFC", text))


def _splits(character: str) -> list[str]:
    """A syllable with its finals behind it as letters of their own: 읷 is 이ㄱㅅ or 익ㅅ. None for what has no final."""
    code = ord(character) - _FIRST
    if initial(character) is None or code % _PER_VOWEL == 0:
        return []
    final = _FINALS[code % _PER_VOWEL]
    base = ord(character) - code % _PER_VOWEL
    finals = _CLUSTERS.get(final, final)
    whole = chr(base) + finals
    return [whole] if len(finals) == 1 else [whole, chr(base + _FINALS.index(finals[0])) + finals[1]]
