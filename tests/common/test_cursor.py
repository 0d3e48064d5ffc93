"""Cursors: what was given out is read again, and whatever else comes back is refused."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import cut, to_wire
from common.cursor import decode, encode, identifier, instant, number, text
from common.errors import Unprocessable
from common.text_rules import allowed
from tests.support.cursors import MADE_UP

TEXTS = st.text(st.characters(exclude_categories=["Cs"])).filter(allowed)
INSTANTS = st.datetimes(timezones=st.just(UTC)).map(cut)


@given(st.integers(0, 2**63 - 1), TEXTS, INSTANTS, st.uuids())
def test_a_cursor_is_read_as_it_was_made(n: int, word: str, at: datetime, known: UUID) -> None:
    cursor = encode(n, word, to_wire(at), str(known))
    assert decode(cursor, number, text, instant, identifier) == (n, word, at, known)


@pytest.mark.parametrize("cursor", MADE_UP)
@pytest.mark.parametrize("kinds", [(number,), (identifier,), (instant, text), (instant, identifier)])
def test_a_cursor_that_was_made_up_is_refused(cursor: str, kinds: tuple[type, ...]) -> None:
    with pytest.raises(Unprocessable) as refusal:
        decode(cursor, *kinds)
    assert refusal.value.code == "badCursor"


@given(st.text())
def test_no_word_at_all_is_more_than_refused(word: str) -> None:
    with pytest.raises(Unprocessable):
        decode(word, number, text, number)
