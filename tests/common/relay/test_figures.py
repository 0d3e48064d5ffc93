"""What the metrics say of the outbox: how much waits, and from when on Kafka has not all."""

from common.postgres import Database
from tests.common.relay.conftest import Kafka, put, sending, told
from tests.support.api import eventually


async def test_how_much_waits_and_for_how_long_is_told_until_it_is_sent(database: Database) -> None:
    async def figures() -> dict[str, float]:
        return {reading.figure.name: reading.value for reading in await relay.relay.figures()}

    async with sending(database, Kafka()) as relay:
        await relay.all()
        assert await figures() | {"dangol_outbox_behind_seconds": 0} == {
            "dangol_outbox_waiting_rows": 0, "dangol_outbox_shards": 16, "dangol_outbox_behind_seconds": 0,
        }  # fmt: skip
        await put(database, *(told(str(n), 1) for n in range(30)))
        waiting = await eventually(figures, lambda told: told["dangol_outbox_behind_seconds"] >= 0.15)
        assert waiting["dangol_outbox_waiting_rows"] == 30
        await relay.all()
        await relay.note()
        sent = await figures()
        assert (sent["dangol_outbox_waiting_rows"], sent["dangol_outbox_behind_seconds"] < 0.15) == (0, True)


async def test_a_relay_without_shards_is_not_behind(database: Database) -> None:
    async with sending(database, Kafka(), shards=[]) as relay:
        names = [reading.figure.name for reading in await relay.relay.figures()]
    assert names == ["dangol_outbox_waiting_rows", "dangol_outbox_shards"]
