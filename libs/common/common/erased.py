"""What contacts asks every service that holds contacts, about an erasure: the same question in the same words."""

from pydantic import Field

from common.http import Wire
from common.ids import Id

PATH = "/internal/erased"
MOST_ASKED = 10_000
"""At once: with their versions, far below the 1 MiB that a body may have."""


class Ended(Wire):
    """A contact's id, and the version that says it is no more."""

    id: Id
    version: int


class Question(Wire):
    """Whether nothing is held any more of these."""

    contacts: list[Ended] = Field(min_length=1, max_length=MOST_ASKED)


class Answer(Wire):
    """`done` where it is so."""

    done: bool
