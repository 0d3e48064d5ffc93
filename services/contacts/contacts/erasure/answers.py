"""The shapes of what is answered of erasures, for the OpenAPI document."""

from typing import Literal
from uuid import UUID

from common.answers import Shape
from common.clock import Instant


class ErasureBegun(Shape):
    """An erasure has begun; its receipt tells how far it is."""

    receipt_id: UUID


class StoreErased(Shape):
    """One store, and the last moment by which it holds nothing any more."""

    store: str
    status: Literal["done", "pending"]
    final_by: Instant


class Receipt(Shape):
    """What has become of an erasure, store by store."""

    receipt_id: UUID
    contact_id: UUID
    requested_at: Instant
    requested_by: str
    status: Literal["done", "pending"]
    final_by: Instant
    stores: list[StoreErased]
