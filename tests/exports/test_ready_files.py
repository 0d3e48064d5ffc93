"""A file that is ready: kept for seven days unless it is revoked or somebody in it erased, and when the next may be asked for."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from common.auth import Caller
from common.errors import Conflict, Gone, TooManyRequests
from common.events.contacts import ContactErased, ErasureMessage
from common.health import Health
from common.ids import new_id
from common.leased import NotReadable
from exports import store
from exports.consumer import Item, Withdrawer
from exports.events import WITHDRAWN
from exports.export import KEPT, Export, Status, fold
from exports.files import Files
from exports.handlers import Part
from exports.keeper import Keeper
from exports.queries import Queries
from tests.exports.conftest import whole
from tests.support.stubborn import Stubborn
from tests.support.workshop import Workshop


async def test_seven_days_after_it_was_ready_the_file_is_gone(shop: Workshop) -> None:
    export = await shop.ready()
    shop.clock.instant = shop.clock.instant + KEPT - timedelta(milliseconds=1)
    await shop.keeper().expire()
    await whole(shop, await shop.state(export.id))
    shop.clock.instant += timedelta(milliseconds=1)
    with pytest.raises(Gone):  # before any keeper has come round
        await shop.rows(export.id)
    await asyncio.gather(shop.keeper().expire(), shop.keeper().expire())
    expired = await shop.state(export.id)
    assert (expired.status, expired.manifest) == (Status.EXPIRED, export.manifest)
    assert list(shop.folder.iterdir()) == []
    assert [line[:3] for line in await shop.audited()].count(("service:exports", "export.expired", "done")) == 1
    assert (await shop.told(export.id))[-1] == "export.expired"
    with pytest.raises(Gone):
        await shop.rows(export.id)


async def test_a_revoked_file_is_gone_at_once(shop: Workshop) -> None:
    export = await shop.ready()
    await shop.commands().check_download(shop.kim, export.id)
    revoked = await shop.commands().revoke(shop.kim, export.id, "127.0.0.1")
    assert revoked.status is Status.REVOKED
    with pytest.raises(Gone):  # one that had begun
        await shop.commands().check_download(shop.kim, export.id)
    assert list(shop.folder.iterdir()) == []
    assert (await shop.told(export.id))[-1] == "export.revoked"
    with pytest.raises(Gone):
        await shop.rows(export.id)
    with pytest.raises(Conflict):
        await shop.commands().revoke(shop.kim, export.id, None)
    with pytest.raises(TooManyRequests):  # it counts: its rows were out
        await shop.ask()


async def erase(shop: Workshop, *ids: UUID) -> None:
    """Tell exports that these are erased."""
    event = ContactErased(receipt_id=uuid4(), contact_ids=list(ids))
    withdrawer = Withdrawer(shop.database, shop.files, shop.clock, new_id)
    await withdrawer.apply([Item(shop.channel, ErasureMessage(event=event))])


async def test_a_file_with_an_erased_contact_is_withdrawn_told_so_and_counts_no_longer(shop: Workshop) -> None:
    everyone = await shop.ready()
    ids = sorted(UUID(row[0]) for row in (await shop.rows(everyone.id))[1:])
    lee = Caller("lee", shop.channel, frozenset({"exports.create"}))
    some = await shop.ask(lee, contactIds=[str(ids[0])])
    assert await shop.work(shop.worker())
    await erase(shop, uuid4(), UUID(bytes=ids[3].bytes[8:] + ids[4].bytes[:8]))  # nobody, and the ends of two
    assert (await shop.state(everyone.id)).status is Status.READY
    gone = [ids[1], ids[-1], *(uuid4() for _ in range(50))]
    await erase(shop, *gone)
    await erase(shop, *gone)
    withdrawn = await shop.state(everyone.id)
    assert (withdrawn.status, withdrawn.problem) == (Status.WITHDRAWN, WITHDRAWN)
    assert fold(await shop.events(everyone.id)) == withdrawn
    assert (await shop.state(some.id)).status is Status.READY
    assert {path.name for path in shop.folder.iterdir()} == {f"{some.id}.1.xlsx"}
    assert (await shop.told(everyone.id))[-1] == "export.withdrawn"
    found = [line for line in await shop.audited() if line[1] == "export.withdrawn"]
    assert found == [("service:exports", "export.withdrawn", "done", "a contact in it was erased")]
    with pytest.raises(Gone, match="erased") as refusal:
        await shop.rows(everyone.id)
    assert refusal.value.code == "withdrawn"
    assert await Queries(shop.database).holds_nothing(shop.channel, gone)
    assert not await Queries(shop.database).holds_nothing(shop.channel, [*gone, ids[2]])
    await shop.ask()  # within the window of the withdrawn one


async def test_a_revoked_file_stays_as_long_as_the_revocation_may_still_come_to_nothing(shop: Workshop) -> None:
    export = await shop.ready()
    files = list(shop.folder.iterdir())
    with pytest.raises(RuntimeError):
        async with shop.database.whole():
            await shop.commands().revoke(shop.kim, export.id, None)
            raise RuntimeError("broken before the commit")
    assert (list(shop.folder.iterdir()), (await shop.state(export.id)).status) == (files, Status.READY)
    await whole(shop, export)
    async with shop.database.whole():
        await shop.commands().revoke(shop.kim, export.id, None)
        assert list(shop.folder.iterdir()) == files
    assert (list(shop.folder.iterdir()), (await shop.state(export.id)).status) == ([], Status.REVOKED)


async def test_what_is_left_of_a_revoked_file_by_a_process_that_died_is_swept(shop: Workshop) -> None:
    export = await shop.ready()
    (file,) = shop.folder.iterdir()
    content = file.read_bytes()
    await shop.commands().revoke(shop.kim, export.id, None)
    file.write_bytes(content)
    await shop.keeper().sweep()
    assert list(shop.folder.iterdir()) == []


async def test_files_that_nothing_needs_are_swept_and_others_stay(shop: Workshop) -> None:
    export = await shop.ready()
    for name in (f"{uuid4()}.1.partial", f"{export.id}.7.xlsx", f"{export.id}.7.partial", "notes.txt"):
        (shop.folder / name).write_bytes(b"x")
    await shop.keeper().sweep()
    assert {path.name for path in shop.folder.iterdir()} == {f"{export.id}.1.xlsx", "notes.txt"}


async def test_a_file_that_cannot_be_deleted_keeps_no_other_and_is_not_taken_for_gone(shop: Workshop) -> None:
    store = Stubborn(shop.folder)
    shop.files = Files(shop.folder, store)
    held = await shop.ready()
    shop.clock.instant += timedelta(hours=1)
    other = await shop.ready()
    ids = [UUID(row[0]) for row in (await shop.rows(held.id))[1:3]]
    store.kept = str(held.id)
    await erase(shop, *ids)
    (shop.folder / f"{uuid4()}.1.partial").write_bytes(b"x")
    health = Health({})
    await Keeper(shop.database, shop.files, shop.clock, new_id, health).sweep()
    assert {path.name for path in shop.folder.iterdir()} == {f"{held.id}.1.xlsx"}
    assert "files" in await health.problems()
    assert not await Queries(shop.database).holds_nothing(shop.channel, ids)
    assert (await shop.state(other.id)).status is Status.WITHDRAWN
    store.kept = ""
    await shop.keeper().sweep()
    assert list(shop.folder.iterdir()) == []
    assert await Queries(shop.database).holds_nothing(shop.channel, ids)


async def test_a_file_that_was_taken_away_by_hand_is_told_as_gone(shop: Workshop) -> None:
    export = await shop.ready()
    (shop.folder / f"{export.id}.1.xlsx").unlink()
    with pytest.raises(Gone):
        await shop.rows(export.id)
    assert [line[1] for line in await shop.audited()] == ["export.asked", "export.ready"]


async def test_a_file_that_is_shorter_than_it_was_is_told_as_damaged_and_not_sent(shop: Workshop) -> None:
    export = await shop.ready()
    with (shop.folder / f"{export.id}.1.xlsx").open("r+b") as file:
        file.truncate(100)
    for wanted in (None, "bytes=10-", "bytes=5000-5001"):
        with pytest.raises(Gone, match="damaged"):
            await shop.commands().download(shop.kim, export.id, Part(wanted, None), None)
    assert [line[1] for line in await shop.audited()] == ["export.asked", "export.ready"]


async def test_of_two_asked_for_at_one_moment_one_is_accepted(shop: Workshop) -> None:
    found = await asyncio.gather(*(shop.ask() for _ in range(4)), return_exceptions=True)
    assert [type(each) for each in found if isinstance(each, BaseException)] == [TooManyRequests] * 3
    lee = Caller("lee", shop.channel, frozenset({"exports.create"}))
    await shop.ask(lee)  # the window is each manager's own


async def test_the_window_ends_to_the_second_and_says_how_long_it_is(shop: Workshop) -> None:
    await shop.ask()
    shop.clock.instant += timedelta(minutes=29, seconds=58, milliseconds=500)
    with pytest.raises(TooManyRequests) as refusal:
        await shop.ask()
    assert (refusal.value.headers["Retry-After"], refusal.value.code) == ("2", "exportWindow")
    assert "2 seconds" in refusal.value.detail
    assert refusal.value.extra == {"retryAfter": 2, "minutes": 30}
    shop.clock.instant += timedelta(seconds=1, milliseconds=500)
    await shop.ask()


async def unreadable(shop: Workshop, export: Export) -> None:
    """The export's state is of another version of the program, which this one cannot read."""
    async with shop.database.connection() as connection:
        await connection.execute("update export set state = state || '{\"scope\": 7}' where id = $1", export.id)


async def test_an_export_that_cannot_be_read_keeps_neither_the_keeper_nor_a_list_from_the_others(shop: Workshop) -> None:
    broken = await shop.ready()
    lee = Caller("lee", shop.channel, frozenset({"exports.create"}))
    other = await shop.ask(lee)
    assert await shop.work(shop.worker())
    await unreadable(shop, broken)
    async with shop.database.connection() as connection:
        assert [export.id for export in await store.listed(connection, shop.channel, None, None, 1)] == [other.id]
        assert [export.id for export in await store.listed(connection, shop.channel, None, None, 9)] == [other.id]
    with pytest.raises(NotReadable):
        await shop.commands().download(shop.kim, broken.id, Part(None, None), None)
    shop.clock.instant += KEPT
    keeper = shop.keeper()
    with capture_logs() as logs:
        await keeper.expire()
        await keeper.expire()
    assert (await shop.state(other.id)).status is Status.EXPIRED
    assert [entry["export"] for entry in logs if entry["event"] == "an export cannot be expired"] == [str(broken.id)]
    assert await shop.files.there() == {(broken.id, 1)}
    await keeper.sweep()
    async with shop.database.connection() as connection:
        await connection.execute("update export set state = state - 'attempts' where id = $1", broken.id)
    await keeper.sweep()
    assert await shop.files.there() == {(broken.id, 1)}, "its file may be of use to who can read it"
    async with shop.database.connection() as connection:
        await connection.execute("update export set state = $1 where id = $2", broken.members(), broken.id)
    shop.clock.instant += timedelta(minutes=1)
    await keeper.expire()
    assert ((await shop.state(broken.id)).status, await shop.files.there()) == (Status.EXPIRED, set())


async def test_a_file_with_an_erased_contact_goes_even_where_its_export_cannot_be_read(shop: Workshop) -> None:
    broken = await shop.ready()
    other = await shop.ask(Caller("lee", shop.channel, frozenset({"exports.create"})))
    assert await shop.work(shop.worker())
    erased = UUID((await shop.rows(broken.id))[1][0])
    await unreadable(shop, broken)
    await erase(shop, erased)
    await erase(shop, erased)
    assert await shop.files.there() == set()
    assert (await shop.state(other.id)).status is Status.WITHDRAWN
    assert await Queries(shop.database).holds_nothing(shop.channel, [erased])
