"""Number formats of spreadsheet programs (ECMA-376 part 1, 18.8.30 and 18.8.31): what kind of value a cell has, in what writing.

What is not understood is written plainly. So are, on purpose: fractions and exponents, whose digits are rounded away; days in
the reader's own language (names of months and weekdays, the formats that follow the system's settings), which are ISO 8601.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import Enum
from functools import lru_cache

_LOCALE_DATES = frozenset({*range(27, 37), *range(50, 59), *range(71, 82)})
_SYSTEM_DATE = "[$-F800]"
BUILT_IN: dict[int, str] = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: "#,##0", 6: "#,##0", 7: "#,##0.00", 8: "#,##0.00", 9: "0%", 10: "0.00%",
    11: "0.00E+00", 12: "# ?/?", 13: "# ??/??", 14: "[$-F800]yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy",
    18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "[$-F800]yyyy-mm-dd h:mm", 37: "#,##0;-#,##0",
    38: "#,##0;-#,##0", 39: "#,##0.00;-#,##0.00", 40: "#,##0.00;-#,##0.00", 41: "#,##0;-#,##0", 42: "#,##0;-#,##0",
    43: "#,##0.00;-#,##0.00", 44: "#,##0.00;-#,##0.00", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
    # In Korean, Japanese, Chinese and Thai these are dates and times, for which files give no code.
    **dict.fromkeys(sorted(_LOCALE_DATES), "[$-F800]yyyy-mm-dd h:mm:ss"),
}  # fmt: skip


class Kind(Enum):
    """What a section of a format shows a number as."""

    GENERAL = "general"
    NUMBER = "number"
    LITERAL = "literal"
    DAY = "day"
    """A date, with a time or without."""
    TIME = "time"
    """A time of day."""
    ELAPSED = "elapsed"
    """A length of time."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a section: its kind in a letter, and the text of it.

    `l` a literal; `n` a digit's place; `.` the point; `%`; `d` a piece of a date or time; `e` of a length of time; `a` half of
    the day; `f` a digit of a second's fraction.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """One of the up to three writings of a format, with the condition that stands before it."""

    kind: Kind
    tokens: tuple[Token, ...] = ()
    condition: tuple[str, Decimal] | None = None
    grouped: bool = False
    scale: int = 0
    """How many times it is divided by 1,000."""
    korean: bool = False
    """Whether the halves of the day are 오전 and 오후."""
    plain: bool = False
    """Whether the day is written in ISO 8601, for it would depend on who looks."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format's sections."""

    sections: tuple[Section, ...]

    def section(self, number: float) -> tuple[Section, bool]:
        """The section for a number, and whether a minus sign is shown before what it writes."""
        exact, (first, *others) = Decimal(repr(number)), self.sections
        if any(section.condition for section in self.sections):
            last = self.sections[-1]
            return next((s for s in self.sections if s.condition is None or _holds(s.condition, exact)), last), number < 0
        if number > 0 or not others:
            return first, number < 0
        if number < 0:
            return others[0], False
        return others[1] if len(others) > 1 else first, False


def _holds(condition: tuple[str, Decimal], number: Decimal) -> bool:
    sign, bound = condition
    return {
        "<": number < bound, "<=": number <= bound, ">": number > bound, ">=": number >= bound, "=": number == bound,
        "<>": number != bound,
    }[sign]  # fmt: skip


_WIDE = Context(prec=400)  # the widest number has 309 digits
_GENERAL_SECTION = Section(Kind.GENERAL)
GENERAL = Format((_GENERAL_SECTION,))

_TOKENS = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_(?P<gap>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<half>am/pm|a/p|오전/오후|上午/下午|午前/午後)|(?P<general>general|g/표준)|(?P<exponent>e[+-])"
    r"|(?P<date>y+|m+|d+|h+|s+|e+|g+|b+|a{3,4})|(?P<digit>[0#?])|(?P<sign>[.,%/@])|(?P<literal>.)",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)")
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_LETTERS = re.compile(r"[A-Za-z]")
_NAMED_PIECES = re.compile(r"m{3,}|d{3,}|a+|e+|g+|b+")


@lru_cache(maxsize=1024)
def read_format(code: str) -> Format:
    """A format of its code. Never fails: a section that is not understood is general."""
    sections = [_section(text) for text in _sections(code)[:3]]
    return Format(tuple(sections)) if sections else GENERAL


def _sections(code: str) -> list[str]:
    parts = [""]
    for match in _TOKENS.finditer(code):
        if match["literal"] == ";":
            parts.append("")
        else:
            parts[-1] += match[0]
    return parts


class _NotUnderstood(Exception):
    pass


def _section(text: str) -> Section:
    reader = _Reader()
    try:
        for match in _TOKENS.finditer(text):
            reader.take(match)
        return reader.section()
    except _NotUnderstood:
        return _GENERAL_SECTION


class _Reader:
    """Takes a section's tokens one by one."""

    def __init__(self) -> None:
        self._tokens: list[Token] = []
        self._condition: tuple[str, Decimal] | None = None
        self._general = self._text = self._rounding = self._system = self._korean = False

    def take(self, match: re.Match[str]) -> None:
        """One more token."""
        kind, text = match.lastgroup, match[match.lastgroup or 0]
        match kind:
            case "quoted" | "escaped":
                self._tokens.append(Token("l", text))
            case "gap":
                self._tokens.append(Token("l", " "))
            case "bracket":
                self._bracket(text)
            case "half":
                self._tokens.append(Token("a", text.lower()))
            case "general":
                self._general = True
            case "exponent":
                self._rounding = True
            case "date":
                self._tokens.append(Token("d", text.lower()))
            case "digit":
                self._tokens.append(Token("n", text))
            case "sign":
                self._sign(text)
            case "literal":
                if _LETTERS.match(text):
                    raise _NotUnderstood
                self._tokens.append(Token("l", text))
            case _:  # what fills the rest of the cell's width
                pass

    def _bracket(self, text: str) -> None:
        condition = _CONDITION.fullmatch(text)
        if condition is not None:
            self._condition = (condition[1], Decimal(condition[2]))
        elif _ELAPSED.fullmatch(text):
            self._tokens.append(Token("e", text.lower()))
        elif text.startswith("$"):
            symbol, _, locale = text[1:].partition("-")
            if symbol:
                self._tokens.append(Token("l", symbol))
            self._system |= locale.upper() in ("F800", "X-SYSDATE")
            self._korean |= locale.upper().endswith("412")
        elif text.upper().startswith("DBNUM"):
            raise _NotUnderstood

    def _sign(self, text: str) -> None:
        if text == "@":
            self._text = True
        elif text == "/" and any(token.kind == "n" for token in self._tokens):
            self._rounding = True
        else:
            self._tokens.append(Token({"%": "%", ".": "."}.get(text, "," if text == "," else "l"), text))

    def section(self) -> Section:
        """What was taken."""
        tokens = self._tokens
        if any(token.kind in "dea" for token in tokens):
            return self._time()
        if self._general or self._text or self._rounding or not tokens:
            return _GENERAL_SECTION
        if not any(token.kind == "n" for token in tokens):
            literal = tuple(Token("l", token.text) for token in tokens)
            shown = any(token.text.strip() for token in literal)
            return Section(Kind.LITERAL, literal, self._condition) if shown else _GENERAL_SECTION
        return self._number()

    def _number(self) -> Section:
        kinds = [token.kind for token in self._tokens]
        last = len(kinds) - 1 - kinds[::-1].index("n")
        point = kinds.index(".") if "." in kinds else len(kinds)
        whole = max((n for n in range(min(point, last + 1)) if kinds[n] == "n"), default=-1)
        first = kinds.index("n")
        scale = _commas(kinds, whole + 1) + (_commas(kinds, last + 1) if last > whole else 0)
        grouped = "," in kinds[first : max(whole, first)]
        kept = tuple(Token("l", t.text) if t.kind == "," else t for n, t in enumerate(self._tokens) if t.kind != "," or n < first)
        return Section(Kind.NUMBER, kept, self._condition, grouped, scale)

    def _time(self) -> Section:
        tokens = _minutes(self._tokens)
        pieces = {token.text[0] for token in tokens if token.kind == "d"}
        moment = Kind.DAY if pieces & set("ymdabge") else Kind.TIME
        kind = Kind.ELAPSED if any(token.kind == "e" for token in tokens) else moment
        named = any(token.kind == "d" and _NAMED_PIECES.fullmatch(token.text) for token in tokens)
        return Section(kind, tuple(tokens), self._condition, korean=self._korean, plain=named or self._system)


def _commas(kinds: list[str], begin: int) -> int:
    return next((n for n, kind in enumerate(kinds[begin:]) if kind != ","), len(kinds) - begin)


def _minutes(tokens: list[Token]) -> list[Token]:
    """The tokens of a time: m behind hours or before seconds is a minute, written M; a digit's place is one of a fraction."""
    found: list[Token] = []
    times = [n for n, token in enumerate(tokens) if token.kind in "de"]
    for n, token in enumerate(tokens):
        if token.kind == "d" and token.text in ("m", "mm"):
            place = times.index(n)
            before = tokens[times[place - 1]].text[0] if place else ""
            behind = tokens[times[place + 1]].text[0] if place + 1 < len(times) else ""
            minute = before == "h" or behind == "s"
            found.append(Token("d", token.text.upper() if minute else token.text))
        elif token.kind in ".,%":
            found.append(Token("l", token.text))
        elif token.kind == "n":
            found.append(Token("f", token.text))
        else:
            found.append(token)
    return found


@dataclass(frozen=True, slots=True)
class Shown:
    """A number as its section writes it."""

    text: str
    code: bool = False
    grouped: bool = False


def shown_number(number: float, section: Section, minus: bool) -> Shown:
    """A number's digits in their places, rounded half up as spreadsheet programs round."""
    tokens = section.tokens
    if section.kind is Kind.LITERAL:
        return Shown("".join(token.text for token in tokens).strip())
    point = next((n for n, token in enumerate(tokens) if token.kind == "."), len(tokens))
    decimals = [token for token in tokens[point:] if token.kind == "n"]
    exact = abs(Decimal(f"{number:.15g}")).scaleb(2 * sum(t.kind == "%" for t in tokens) - 3 * section.scale)
    rounded = exact.quantize(Decimal(1).scaleb(-len(decimals)), ROUND_HALF_UP, _WIDE)
    whole, _, fraction = f"{rounded:f}".partition(".")
    left, code = _whole(tokens[:point], "" if whole == "0" else whole, section.grouped)
    right = _fraction(tokens[point:], fraction)
    sign = "-" if minus and rounded else ""
    return Shown((sign + left + right).strip(), code, section.grouped)


def _whole(tokens: tuple[Token, ...], digits: str, grouped: bool) -> tuple[str, bool]:
    """What stands before the point, and whether it is written as a code is."""
    places = [n for n, token in enumerate(tokens) if token.kind == "n"]
    zeros = sum(tokens[n].text == "0" for n in places)
    apart = bool(places) and any(token.kind == "l" for token in tokens[places[0] : places[-1]])
    written: list[str] = []
    left, count = digits, 0
    for n in range(len(tokens) - 1, -1, -1):
        token = tokens[n]
        if token.kind != "n":
            written.append(token.text)
            continue
        taking = left if n == places[0] else left[-1:]
        left = left[: len(left) - len(taking)]
        for digit in reversed(taking or {"0": "0", "?": " "}.get(token.text, "")):
            if grouped and count and count % 3 == 0 and digit.isdigit():
                written.append(",")
            written.append(digit)
            count += 1
    return "".join(reversed(written)), zeros > 1 or (apart and len(places) > 1)


def _fraction(tokens: tuple[Token, ...], digits: str) -> str:
    wanted = "".join(token.text for token in tokens if token.kind == "n")
    needed = max((n + 1 for n, place in enumerate(wanted) if place == "0"), default=0)
    kept = digits[:needed] + digits[needed:].rstrip("0")
    written, place = "", 0
    for token in tokens:
        if token.kind == "n":
            written += kept[place : place + 1]
            place += 1
        else:
            written += token.text
    return written


def shown_time(days: float, section: Section, day: tuple[int, int, int] = (0, 0, 0)) -> str:
    """A time of day or a length of time, `days` long, with the year, month and day where they are written too."""
    fractions = sum(token.kind == "f" for token in section.tokens)
    seconds, millis = divmod(round(abs(days) * 86_400_000), 1000)
    rest = f"{millis:03}".ljust(fractions, "0")
    has_half = any(token.kind == "a" for token in section.tokens)
    written = "-" if days < 0 else ""
    place = 0
    for token in section.tokens:
        match token.kind:
            case "e":
                written += str(seconds // {"h": 3600, "m": 60, "s": 1}[token.text[0]]).zfill(len(token.text))
            case "d":
                written += _piece(token.text, seconds, day, has_half)
            case "a":
                written += _half(token.text, seconds, section.korean)
            case "f":
                written += rest[place]
                place += 1
            case _:
                written += token.text
    return written.strip()


def _piece(text: str, seconds: int, day: tuple[int, int, int], has_half: bool) -> str:
    width = 2 if len(text) > 1 else 1
    hour = seconds // 3600 % 24
    match text[0]:
        case "y":
            return f"{day[0]:04}" if len(text) > 2 else f"{day[0] % 100:02}"
        case "m":
            number = day[1]
        case "d":
            number = day[2]
        case "h":
            number = (hour % 12 or 12) if has_half else hour
        case "M":
            number = seconds // 60 % 60
        case _:
            number = seconds % 60
    return str(number).zfill(width)


def _half(text: str, seconds: int, korean: bool) -> str:
    late = seconds // 3600 % 24 >= 12
    if korean and text == "am/pm":
        return "오후" if late else "오전"
    before, _, after = text.partition("/")
    return (after if late else before).upper()
