"""`Idempotency-Key`: a POST that is sent twice has its effect once, and its answer twice, for 24 hours."""

from common.idempotency.attempt import HEADER, REPLAYED, Attempt, Idempotency, begin, concerns
from common.idempotency.ledger import forget
from common.idempotency.request import PARAMETER, asked, is_repeatable, is_streamed, repeatable, streamed, what_is_asked

__all__ = [
    "HEADER", "PARAMETER", "REPLAYED", "Attempt", "Idempotency", "asked", "begin", "concerns", "forget", "is_repeatable",
    "is_streamed", "repeatable", "streamed", "what_is_asked",
]  # fmt: skip
