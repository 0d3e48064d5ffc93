"""How every channel's segments are judged, compiled once and kept by whoever judges."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from common.postgres import Tx
from segments import definition_store as definitions
from segments.definition import Channel
from segments.ruling import NOTHING, Ruling, ruled
from segments.term_sets import store as term_set_store
from segments.term_sets.term_set import TermSet


@dataclass(frozen=True, slots=True)
class _Kept:
    """A channel's rules at a revision, with the term sets that they hold on to."""

    channel: Channel
    ruling: Ruling
    terms: Mapping[str, TermSet]


class Rules:
    """How each channel's segments are judged, kept compiled; where the revision has moved, what changed is compiled anew.

    One who judges has one, and judges by what it answers before asking again.
    """

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._known: OrderedDict[str, _Kept] = OrderedDict()

    async def of(self, tx: Tx, channels: Iterable[str]) -> dict[str, Ruling]:
        """The rules of these channels; the caller holds their definitions still (`definitions.judge_together`)."""
        wanted = set(channels)
        revisions = await definitions.revisions(tx, wanted)
        found: dict[str, Ruling] = {}
        for channel in wanted:
            # What is being changed is nobody's until it is whole: broken off in the middle, it is made again from the beginning.
            kept = self._known.pop(channel, None)
            if kept is None or kept.channel.revision != revisions.get(channel, 0):
                kept = await _renewed(tx, channel, kept)
            self._known[channel] = kept
            if len(self._known) > self._most:
                self._known.popitem(last=False)
            found[channel] = kept.ruling
        return found


async def _renewed(tx: Tx, channel: str, kept: _Kept | None) -> _Kept:
    """The rules now. A term set never changes: those that are here already are not read again."""
    before = None if kept is None else kept.channel
    loaded = await definitions.load_channel(tx, channel, before)
    terms = {name: kept.terms[name] for name in loaded.term_sets if name in kept.terms} if kept is not None else {}
    if new := loaded.term_sets.keys() - terms.keys():
        terms |= await term_set_store.load(tx, channel, new)
    # Beside the loop: thousands of filters take seconds to read.
    ruling = await asyncio.to_thread(ruled, loaded, terms, before, NOTHING if kept is None else kept.ruling)
    return _Kept(loaded, ruling, terms)
