"""How every channel's segments are judged, compiled once and kept by whoever judges."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from common.postgres import Tx
from segments import definition_store as definitions
from segments.definition import meaning, rules
from segments.membership import Rule
from segments.term_sets import store as term_set_store
from segments.term_sets.term_set import TermSet


class Rules:
    """How each channel's segments are judged, kept compiled for as long as the channel's revision stands."""

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._known: OrderedDict[str, _Compiled] = OrderedDict()

    async def of(self, tx: Tx, channels: Iterable[str]) -> dict[str, Mapping[UUID, Rule]]:
        """The rules of these channels; the caller holds their definitions still (`definitions.judge_together`)."""
        wanted = set(channels)
        revisions = await definitions.revisions(tx, wanted)
        found: dict[str, Mapping[UUID, Rule]] = {}
        for channel in wanted:
            revision = revisions.get(channel, 0)
            cached = self._known.get(channel)
            if cached is None or cached.revision != revision:
                cached = await _compiled(tx, channel, revision, cached.terms if cached is not None else {})
                self._known[channel] = cached
                if len(self._known) > self._most:
                    self._known.popitem(last=False)
            self._known.move_to_end(channel)
            found[channel] = cached.rules
        return found


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A channel's rules at a revision, with the term sets that they hold on to."""

    revision: int
    rules: Mapping[UUID, Rule]
    terms: Mapping[str, TermSet]


async def _compiled(tx: Tx, channel: str, revision: int, terms: Mapping[str, TermSet]) -> _Compiled:
    """The rules now. A term set never changes: those that are here already are not read again."""
    loaded = await definitions.load_channel(tx, channel)
    kept = {name: terms[name] for name in loaded.term_sets if name in terms}
    if new := loaded.term_sets.keys() - kept.keys():
        kept |= await term_set_store.load(tx, channel, new)
    # Beside the loop: thousands of filters take seconds to read.
    return _Compiled(revision, await asyncio.to_thread(lambda: rules(loaded, meaning(loaded), kept)), kept)
