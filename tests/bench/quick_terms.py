"""What managers type into the one box to find somebody, and how long names take that are written in one way."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial

from common.filters.text import initials
from search import hangul
from tests.bench.measure import Row, timed, told
from tests.bench.people import Person, person
from tests.bench.serving import require

_ASKED, _WARM = 100, 30


def typed(who: Person, n: int) -> str:
    """What a manager types to find this person."""
    ways: Mapping[int, Callable[[], str]] = {
        0: lambda: who.mobile[-4:],
        1: lambda: f"010-{who.mobile[5:9]}-{who.mobile[9:11]}",
        2: lambda: who.email.partition("@")[0],
        3: lambda: who.name,
        4: lambda: who.name[1:],
        5: lambda: initials(who.name),
        6: lambda: who.name[:2] + initials(who.name[2]),
        7: lambda: hangul.keys(who.name),
    }
    return ways[n % 8]()


def plainly(query: str, who: Person) -> bool:
    """Whether a number or an address is found in this person, read plainly."""
    digits = query.replace("-", "")
    numbers = (who.mobile[1:], "0" + who.mobile[3:]) if digits.isdecimal() else ()
    return any(query in text for text in (who.email, f"m-{who.number}")) or any(digits in number for number in numbers)


async def names(total: Callable[[str], Awaitable[int]], count: int) -> list[Row]:
    """Names by initials, by a syllable and initials, and by two syllables, in turns; `total` asks for how many are found."""
    ways: Mapping[str, Callable[[str], str]] = {
        "ㅎㄱㄷ": initials,
        "홍ㄱㄷ": lambda name: name[0] + initials(name[1:]),
        "홍길": lambda name: name[:2],
    }
    chosen = [person(n * 7919 % count).name for n in range(_ASKED)]

    async def one(way: Callable[[str], str], turn: Iterator[str]) -> None:
        require(await total(way(next(turn))) >= 1, "everyone who is looked for is found")

    for way in ways.values():
        for name in chosen[:_WARM]:
            await total(way(name))
    seconds = await timed({written: partial(one, way, iter(chosen)) for written, way in ways.items()}, _ASKED)
    return [
        Row(f"quick search as {written}, one at a time", told(each, 0.99), "–", "–", "–") for written, each in seconds.items()
    ]
