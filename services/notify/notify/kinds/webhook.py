"""Any webhook: JSON signed as Standard Webhooks has it (https://github.com/standard-webhooks/standard-webhooks). Pure."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from typing import Any

from common.clock import to_wire
from notify.kinds.message import Message
from notify.kinds.plain import fitted

PREFIX = "whsec_"
LEAST_KEY, MOST_KEY = 24, 64
MOST_TEXT = 4000


def key_of(secret: str) -> bytes:
    """The key that a secret stands for, 24 to 64 bytes. Raises ValueError."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("no base64") from None
    if not LEAST_KEY <= len(key) <= MOST_KEY:
        raise ValueError("of another length")
    return key


def body(message: Message) -> dict[str, Any]:
    """For a program: the event, when it was, its figures, and the sentence for people as it is."""
    told: dict[str, Any] = {**message.data, "text": fitted(message.text, MOST_TEXT), "link": message.link}
    return {"type": message.event, "timestamp": to_wire(message.at), "data": told}


def signature(secret: str, message_id: str, at: datetime, sent: bytes) -> dict[str, str]:
    """The three headers by which the other side knows who sent this body, and that it is not an old one again."""
    seconds = int(at.timestamp())
    signed = hmac.digest(key_of(secret), f"{message_id}.{seconds}.".encode() + sent, hashlib.sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
