"""A request before it is sent. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from notify.sending.address import Target


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it is sent."""

    target: Target
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    method: str = "POST"
