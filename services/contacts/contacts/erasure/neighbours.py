"""The services that hold contacts too: each says whether it has let an erased contact go."""

from collections.abc import Iterable, Mapping

from common.erased import MOST_ASKED, PATH
from common.peers import Peer
from contacts.erasure.erasure import Erased


class Readers:
    """The services that hold contacts too, by name."""

    def __init__(self, peers: Mapping[str, Peer]) -> None:
        self._peers = peers

    async def hold_nothing(self, reader: str, channel: str, ended: Iterable[Erased]) -> bool:
        """Whether this reader has nothing any more of these ids up to these versions. Raises Unavailable."""
        contacts = [{"id": str(e.id), "version": e.version} for e in ended]
        for begin in range(0, len(contacts), MOST_ASKED):
            answer = await self._peers[reader].ask("POST", PATH, channel, {"contacts": contacts[begin : begin + MOST_ASKED]})
            if not answer["done"]:
                return False
        return True
