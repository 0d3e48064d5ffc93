"""Each number has one form, which comes back from every reader and writer of JSON that it meets."""

import json
import math
import struct
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, TypeAdapter

from common.number import one_form

DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**70), 2**70)
_ANY: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


def bits(number: float) -> bytes:
    """The double itself; minus zero is zero."""
    return struct.pack(">d", float(number) + 0.0)


@pytest.mark.parametrize(
    ("number", "form"),
    [
        (0, "0"), (-0.0, "0"), (1.0, "1"), (-7.0, "-7"), (0.1, "0.1"), (2**53, "9007199254740992"),
        (2**53 + 1, "9007199254740992"),
        (12345678901234567, "12345678901234568"), (1.2345678901234568e16, "12345678901234568"),
        (1234567890123456, "1234567890123456"),
        (1e17 + 16, "100000000000000020"), (1e19, "10000000000000000000"), (1e22, "1e+22"), (-1e18, "-1000000000000000000"),
        (1e300, "1e+300"), (5e-324, "5e-324"), (1e-7, "1e-7"),
    ],
)  # fmt: skip
def test_its_form(number: float, form: str) -> None:
    assert orjson.dumps(one_form(number)).decode().replace("e-0", "e-") == form


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, 10**400])
def test_what_no_double_holds_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="double"):
        one_form(number)


@given(DOUBLES | WHOLE)
def test_it_is_the_same_double_in_the_same_form_whichever_way_it_goes(number: float) -> None:
    kept = one_form(number)
    assert bits(kept) == bits(float(number))
    assert one_form(kept) == kept
    texts = {orjson.dumps(kept), orjson.dumps(one_form(float(number)))}
    assert len(texts) == 1
    [text] = texts
    # A database writes large numbers without an exponent.
    plain = format(Decimal(repr(kept)), "f") if isinstance(kept, float) and abs(kept) >= 1 else text.decode()
    for read in (orjson.loads(text), orjson.loads(plain), json.loads(text), _ANY.validate_json(text), _ANY.validate_python(kept)):
        assert (type(read), read) == (type(kept), kept)
    assert json.loads(_ANY.dump_json(kept)) == kept
