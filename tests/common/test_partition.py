"""Partitions agree with Kafka's own clients."""

import pytest
from aiokafka.partitioner import murmur2 as theirs
from hypothesis import given
from hypothesis import strategies as st

from common.partition import murmur2, partition_of


@given(st.binary(max_size=80))
def test_the_hash_is_the_one_of_the_kafka_client(data: bytes) -> None:
    assert murmur2(data) == theirs(data) & 0xFFFFFFFF


# Pairs from the unit tests of Kafka's Java client (UtilsTest.testMurmur2), written there as signed numbers.
@pytest.mark.parametrize(
    ("text", "expected"), [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536)]
)
def test_the_hash_is_the_one_of_the_java_client(text: str, expected: int) -> None:
    assert murmur2(text.encode()) == expected & 0xFFFFFFFF


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_a_key_always_has_a_partition_in_range(key: str) -> None:
    assert 0 <= partition_of(key) < 16
