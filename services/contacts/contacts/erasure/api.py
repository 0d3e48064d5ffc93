"""The routes of erasing."""

from typing import Annotated

from fastapi import Depends, Response

from common.answers import POSITION, answers
from common.auth import Caller
from common.events.contacts import Contact
from common.http import IfMatch, json_response, part, permit, router, where_written
from common.ids import parse_id
from contacts.api import Reads, known
from contacts.erasure.answers import ErasureBegun, Receipt
from contacts.erasure.erasure import no_receipt
from contacts.erasure.handlers import Erasures

Eraser = Annotated[Caller, Depends(permit("contacts.erase"))]
Commands = Annotated[Erasures, Depends(part(Erasures))]

routes = router("/v1", tags=["Erasure"])


async def erasable(contact_id: str, caller: Eraser, reads: Reads) -> Contact:
    """The contact that is to be erased. Raises NotFound, Gone."""
    return await known(contact_id, caller.channel, reads)


Erasable = Annotated[Contact, Depends(erasable)]


@routes.delete("/contacts/{contact_id:path}", status_code=202, responses=answers(ErasureBegun, 202, headers=POSITION))
async def erase_contact(contact: Erasable, caller: Eraser, commands: Commands, expected: IfMatch) -> Response:
    """Erase a contact for good, with all the leads it took in; the receipt tells how far each store is."""
    gone = await commands.erase(caller, contact.id, expected)
    return json_response({"receiptId": str(gone.receipt_id)}, 202, where_written(gone.position))


@routes.get("/erasures/{receipt_id}", responses=answers(Receipt))
async def get_erasure(receipt_id: str, caller: Eraser, commands: Commands) -> Response:
    """What has become of an erasure: each store, whether it is done, and the last moment by which it is."""
    parsed = parse_id(receipt_id)
    if parsed is None:
        raise no_receipt()
    return json_response(await commands.receipt(caller, parsed))
