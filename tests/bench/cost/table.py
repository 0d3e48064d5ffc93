"""The tables of what things cost: each thing by the number of segments, then where it goes, process by process."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tests.bench.cost.cpu import COMPILING, ROLES
from tests.bench.cost.rounds import Idle, Round, compiling, taken_off, total
from tests.bench.cost.work import KINDS


@dataclass(frozen=True, slots=True)
class Cell:
    """A kind of work in a channel with so many segments: what its rounds cost by the builds' names, ours first."""

    kind: str
    segments: int
    rounds: dict[str, list[Round]]


def tables(cells: Sequence[Cell], idle: Mapping[str, Sequence[Idle]]) -> Iterator[str]:
    """All of them, in Markdown, a text each; `–` for what was not measured."""
    numbers, builds = sorted({cell.segments for cell in cells}), list(idle)
    found = {(cell.kind, cell.segments): cell.rounds for cell in cells}
    by_kind = {kind: [found[kind, number] for number in numbers] for kind in KINDS if (kind, numbers[0]) in found}
    yield _summary(numbers, builds, by_kind)
    for kind, row in by_kind.items():
        yield _where(kind, numbers, builds, row)
    yield _while_idle(idle)


_Rounds = Mapping[str, Sequence[Round]]
"""Of one kind and number of segments, by build."""


def _headed(what: str, columns: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    names = [what, *columns]
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _of_segments(numbers: Sequence[int]) -> list[str]:
    return [f"{number:,} segments" for number in numbers]


def _summary(numbers: Sequence[int], builds: Sequence[str], by_kind: Mapping[str, Sequence[_Rounds]]) -> str:
    rows: list[list[str]] = []
    for kind, cells in by_kind.items():
        for place, name in enumerate(builds):
            called = KINDS[kind] if place == 0 else f"– by {name}"
            rows.append([called, *(_with_spread(cell[name]) if name in cell else "–" for cell in cells)])
        for name in builds[1:]:
            pairs = ((cell[name], cell[builds[0]]) if name in cell else None for cell in cells)
            rows.append([f"– {name}, ratio", *(f"{_all(pair[0]) / _all(pair[1]):.2f} ×" if pair else "–" for pair in pairs)])
    return _headed("µs of processors, all processes", _of_segments(numbers), rows)


def _all(costs: Sequence[Round]) -> float:
    return sum(total(costs).values())


def _with_spread(costs: Sequence[Round]) -> str:
    alone = sorted(_all([each]) for each in costs)
    return f"{_all(costs):,.0f}" + (f" ({alone[0]:,.0f}–{alone[-1]:,.0f})" if len(alone) > 1 else "")


def _where(kind: str, numbers: Sequence[int], builds: Sequence[str], cells: Sequence[_Rounds]) -> str:
    """A kind of work, process by process; of two builds both, ours first."""

    def line(called: str, figure: Callable[[Sequence[Round]], float], form: str = ",.0f") -> list[str]:
        figures = ([_told(figure(cell[name]), form) if name in cell else "–" for name in builds] for cell in cells)
        return [called, *(" / ".join(each) for each in figures)]

    shown = [role for role in ROLES if any(abs(total(costs).get(role, 0.0)) >= 0.5 for cell in cells for costs in cell.values())]
    rows = [line(role, partial(_of_role, role)) for role in shown]
    rows.append(line("all", _all))
    rows.append(line("taken off: while idle", taken_off))
    rows.append(line(f"left out: {COMPILING}", compiling))
    rows.append(line("moves of segments", _moves, ".2f"))
    return _headed(f"{KINDS[kind]}, µs", _of_segments(numbers), rows)


def _of_role(role: str, costs: Sequence[Round]) -> float:
    return total(costs).get(role, 0.0)


def _told(figure: float, form: str) -> str:
    text = format(figure, form)
    return text.removeprefix("-") if text.strip("-0.") == "" else text


def _moves(costs: Sequence[Round]) -> float:
    return sum(each.moves for each in costs) / sum(each.items for each in costs)


def _while_idle(idle: Mapping[str, Sequence[Idle]]) -> str:
    means = {
        name: {role: sum(each.rates.get(role, 0.0) for each in found) / len(found) for role in ROLES}
        for name, found in idle.items()
    }
    rows = [[role, *(f"{mean[role] * 1000:.1f}" for mean in means.values())] for role in ROLES]
    rows.append(["all", *(f"{sum(mean.values()) * 1000:.1f}" for mean in means.values())])
    return _headed("ms a second while idle", means, rows)
