"""How every channel's segments are judged, compiled once and kept by whoever judges."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import Gauge

from common.postgres import Tx
from common.telemetry import REGISTRY
from segments import definition_store as definitions
from segments.definition import Channel, Meaning
from segments.ruling import NOTHING, Ruling, ruled
from segments.term_sets import store as term_set_store
from segments.term_sets.term_set import TermSet

HELD = Gauge(
    "dangol_segment_rules", "What a process holds to judge by: segments, distinct conditions, bytes of the sets over them.",
    ["what"], registry=REGISTRY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Kept:
    """A channel's rules at a revision, with the term sets that they hold on to, and how large they are."""

    channel: Channel
    ruling: Ruling
    terms: Mapping[str, TermSet]
    conditions: int
    bytes: int


class Rules:
    """How each channel's segments are judged, kept compiled; where the revision has moved, what changed is compiled anew.

    A process has one. Whoever judges by a ruling's `flips` holds the channel's definitions still as long as it does so: until
    then nobody is given, or makes, a newer one. The channels that were judged longest ago are forgotten where all have more
    segments than `most`.
    """

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._known: OrderedDict[str, _Kept] = OrderedDict()
        self._renewing = asyncio.Lock()

    async def of(self, tx: Tx, channels: Iterable[str]) -> dict[str, Ruling]:
        """The rules of these channels; the caller holds their definitions still (`definitions.judge_together`)."""
        wanted = set(channels)
        revisions = await definitions.revisions(tx, wanted)
        return {channel: (await self._kept(tx, channel, revisions.get(channel, 0))).ruling for channel in wanted}

    async def meant(self, tx: Tx, channel: str) -> tuple[Channel, Meaning]:
        """A channel and what its filters mean, as of its revision; the caller holds its definitions still."""
        kept = await self._kept(tx, channel, (await definitions.revisions(tx, [channel])).get(channel, 0))
        return kept.channel, kept.ruling.meaning

    async def _kept(self, tx: Tx, channel: str, revision: int) -> _Kept:
        kept = self._known.get(channel)
        if kept is not None and kept.channel.revision == revision:
            self._known.move_to_end(channel)
            return kept
        async with self._renewing:
            # What is being changed is nobody's until it is whole: broken off in the middle, it is made again from the beginning.
            kept = self._known.pop(channel, None)
            if kept is None or kept.channel.revision != revision:
                kept = await _renewed(tx, channel, kept)
            self._known[channel] = kept
            self._forget()
            return kept

    def _forget(self) -> None:
        held = sum(1 + len(kept.ruling.rules) for kept in self._known.values())
        while held > self._most and len(self._known) > 1:
            held -= 1 + len(self._known.popitem(last=False)[1].ruling.rules)
        HELD.labels("segments").set(held - len(self._known))
        HELD.labels("conditions").set(sum(kept.conditions for kept in self._known.values()))
        HELD.labels("bytes of sets").set(sum(kept.bytes for kept in self._known.values()))


async def _renewed(tx: Tx, channel: str, kept: _Kept | None) -> _Kept:
    """The rules now. A term set never changes: those that are here already are not read again."""
    before = None if kept is None else kept.channel
    loaded = await definitions.load_channel(tx, channel, before)
    terms = {name: kept.terms[name] for name in loaded.term_sets if name in kept.terms} if kept is not None else {}
    if new := loaded.term_sets.keys() - terms.keys():
        terms |= await term_set_store.load(tx, channel, new)
    # Beside the loop: thousands of filters take seconds to read.
    return await asyncio.to_thread(_ruled, loaded, terms, before, NOTHING if kept is None else kept.ruling)


def _ruled(channel: Channel, terms: Mapping[str, TermSet], before: Channel | None, was: Ruling) -> _Kept:
    ruling = ruled(channel, terms, before, was)
    return _Kept(channel, ruling, terms, ruling.flips.conditions, ruling.flips.bytes())
