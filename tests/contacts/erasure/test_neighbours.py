"""Asking the readers about an erasure of very many contacts: in pieces that they take."""

import json
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from joserfc.jwk import ECKey

from common.auth import Caller, Signer
from common.erased import MOST_ASKED, Answer, Question
from common.health import Health
from common.http import AnyCaller, application, router
from common.peers import Peer
from contacts.erasure.erasure import Erased
from contacts.erasure.neighbours import Readers

ERASED = [Erased(UUID(int=n), 7) for n in range(25_000)]


class Door:
    """Lets everybody in."""

    async def admit(self, headers: Mapping[str, str]) -> Caller:
        return Caller("service:contacts", "demo", frozenset({"contacts.read"}))


@pytest.mark.parametrize("held", [None, ERASED[0], ERASED[-1]])
async def test_an_erasure_of_very_many_is_asked_in_pieces_and_done_when_all_are(tmp_path: Path, held: Erased | None) -> None:
    routes, asked = router("/internal"), set[str]()

    @routes.post("/erased")
    async def erased(caller: AnyCaller, body: Question) -> Answer:
        there = {str(contact.id) for contact in body.contacts}
        asked.update(there)
        return Answer(done=held is None or str(held.id) not in there)

    app = application("reader", "For the test.", Door(), Health({}), [routes])
    key = tmp_path / "key.json"
    key.write_text(json.dumps(ECKey.generate_key("P-256", {"kid": "one"}).as_dict(private=True)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        peer = Peer(client, Signer(key, "dangol-local", "contacts"), "http://reader", "contacts.read")
        assert await Readers({"reader": peer}).hold_nothing("reader", "demo", ERASED) is (held is None)
    assert len(asked) == (MOST_ASKED if held == ERASED[0] else len(ERASED))
