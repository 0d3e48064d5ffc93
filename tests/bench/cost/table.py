"""The tables of what things cost: each thing by the number of segments, then where it goes, process by process."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

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
    """All of them, in Markdown, a text each."""
    numbers = sorted({cell.segments for cell in cells})
    kinds = [kind for kind in KINDS if any(cell.kind == kind for cell in cells)]
    found = {(cell.kind, cell.segments): cell.rounds for cell in cells}
    yield _summary(kinds, numbers, found)
    for kind in kinds:
        yield _where(kind, numbers, [found[kind, number] for number in numbers])
    yield _while_idle(idle)


def _headed(what: str, columns: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    names = [what, *columns]
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _of_segments(numbers: Sequence[int]) -> list[str]:
    return [f"{number:,} segments" for number in numbers]


def _summary(kinds: Sequence[str], numbers: Sequence[int], found: Mapping[tuple[str, int], Mapping[str, Sequence[Round]]]) -> str:
    rows: list[list[str]] = []
    for kind in kinds:
        sums = [{name: _all(costs) for name, costs in found[kind, number].items()} for number in numbers]
        ours, *others = sums[0]
        rows.append([KINDS[kind], *(_with_spread(found[kind, number][ours]) for number in numbers)])
        for name in others:
            rows.append([f"– by {name}", *(_with_spread(found[kind, number][name]) for number in numbers)])
            rows.append(["– ratio", *(f"{each[name] / each[ours]:.2f} ×" for each in sums)])
    return _headed("µs of processors, all processes", _of_segments(numbers), rows)


def _all(costs: Sequence[Round]) -> float:
    return sum(total(costs).values())


def _with_spread(costs: Sequence[Round]) -> str:
    alone = sorted(_all([each]) for each in costs)
    return f"{_all(costs):,.0f}" + (f" ({alone[0]:,.0f}–{alone[-1]:,.0f})" if len(alone) > 1 else "")


def _where(kind: str, numbers: Sequence[int], cells: Sequence[Mapping[str, Sequence[Round]]]) -> str:
    """A kind of work, process by process; of two builds both, ours first."""
    nets = [[total(costs) for costs in cell.values()] for cell in cells]
    rows = [[role, *(_pair(net.get(role, 0.0) for net in cell) for cell in nets)] for role in ROLES if _tells(role, nets)]
    rows.append(["all", *(_pair(sum(net.values()) for net in cell) for cell in nets)])
    rows.append(["taken off: while idle", *(_pair(map(taken_off, cell.values())) for cell in cells)])
    rows.append([f"left out: {COMPILING}", *(_pair(map(compiling, cell.values())) for cell in cells)])
    rows.append(["moves of segments", *(_pair((_moves(costs) for costs in cell.values()), ".2f") for cell in cells)])
    return _headed(f"{KINDS[kind]}, µs", _of_segments(numbers), rows)


def _tells(role: str, nets: Sequence[Sequence[Mapping[str, float]]]) -> bool:
    return any(abs(net.get(role, 0.0)) >= 0.5 for cell in nets for net in cell)


def _pair(figures: Iterable[float], form: str = ",.0f") -> str:
    # A little less than nothing is nothing: what was taken off as idle is a mean.
    return " / ".join(
        format(figure, form).replace("-0", "0") if abs(figure) < 0.5 else format(figure, form) for figure in figures
    )


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
