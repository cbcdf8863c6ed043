"""How the PostgreSQL store goes on after a conflict, and how answers that are lost are made good."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.stores.postgres import PostgresStore
from evenweave.adapters.stores.postgres.writer import Writer
from evenweave.ports.store import Expected, StoreConflict, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def stores(postgres_url: str) -> AsyncIterator[tuple[PostgresStore, PostgresStore]]:
    """Two workers' stores."""
    clock = JumpingClock()
    one, two = [await PostgresStore.open(postgres_url, clock) for _ in range(2)]
    yield one, two
    await one.close()
    await two.close()


async def test_batch_that_was_given_up_is_not_taken_for_written(stores: tuple[PostgresStore, PostgresStore]) -> None:
    """Asked again, because the first answer was lost too, the server still says that the batch is not there."""
    one, _ = stores
    made = one.begin()
    assert await made.see(b"first", b"digest") == "new"
    await made.queue()
    async with one.reader.use() as connection:
        assert not await one.give_up(connection, 1)
        assert [await one.give_up(connection, 2) for _ in range(2)] == [True, True]


async def test_event_whose_commit_takes_long_is_looked_for(stores: tuple[PostgresStore, PostgresStore]) -> None:
    """An event that is kept and not yet durable is found by the next transaction, whatever was counted meanwhile."""
    one, two = stores
    async with two.reader.use() as other:
        lock = one.keys.key("d", "c", "k")
        await other.execute("select pg_advisory_lock($1)", lock)
        keeping = one.begin()
        assert not list(await keeping.waits("d", "c", "k"))
        keeping.keep("d", "c", "k", {"id": "early"}, 50.0)
        durable = keeping.queue()
        await one._tick()
        made = one.begin()
        await made.expect(Expected())
        believed, on_its_way = made.kept_count, not durable.done()
        found = [each.event["id"] async for each in made.kept("d", "c", "k")]
        await other.execute("select pg_advisory_unlock($1)", lock)
    await durable
    assert (believed, on_its_way, found) == (1, True, ["early"])


async def test_transaction_made_while_the_store_recovers_counts(stores: tuple[PostgresStore, PostgresStore]) -> None:
    """What is queued after a conflict, and before everybody has heard of it, is committed, and no phantom."""
    one, two = stores
    first, second = one.begin(), two.begin()
    for each in (first, second):
        assert await each.see(b"event", b"digest") == "new"
    await first.queue()
    failures = two.failures
    lost = asyncio.ensure_future(second.queue())
    while two.failures == failures:  # noqa: ASYNC110 - it is over within the turns of the loop
        await asyncio.sleep(0)
    # The store asks how many events are kept, and those who wait have not been told yet.
    assert not lost.done()
    made = two.begin()
    assert await made.see(b"other", b"digest") == "new"
    await made.queue()
    with pytest.raises(StoreConflict):
        await lost
    assert await one.begin().see(b"other", b"digest") == "again"


async def test_writer_that_fails_tells_whoever_waits_and_begins_anew(
    stores: tuple[PostgresStore, PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure that nobody foresaw, outside any commit: it is told, shows, and the next transaction is written."""
    one, _ = stores
    take, session = Writer._take, one.session.id

    def fail(_self: Writer) -> object:
        monkeypatch.setattr(Writer, "_take", take)
        raise RuntimeError("planted")

    monkeypatch.setattr(Writer, "_take", fail)
    made = [one.begin() for _ in range(2)]
    assert [await each.see(b"event", bytes([number])) for number, each in enumerate(made)] == ["new", "new"]
    told = await asyncio.wait_for(asyncio.gather(*(each.queue() for each in made), return_exceptions=True), 30)
    assert [type(each) for each in told] == [StoreUnavailable, StoreUnavailable]
    assert "planted" in str(told[0])
    assert one.failing
    again = one.begin()
    assert await again.see(b"event", b"\x00") == "new"
    await asyncio.wait_for(again.queue(), 30)
    assert not one.failing
    assert one.session.id != session


async def test_listener_that_fails_keeps_nobody_waiting(stores: tuple[PostgresStore, PostgresStore]) -> None:
    """Where whoever publishes fails, what was written is said to be so, and its events are left to another session."""
    one, two = stores
    failures = 0

    def fail(_rows: object) -> None:
        nonlocal failures
        failures += 1
        raise RuntimeError("planted")

    one.when_outgoing(fail)
    first, second = one.begin(), one.begin()
    first.publish("i", "c", {"id": "i:1"})
    assert await second.see(b"event", b"digest") == "new"
    durable = first.queue(), second.queue()
    told = await asyncio.wait_for(asyncio.gather(*durable, return_exceptions=True), 30)
    assert told[0] is None
    assert failures == 1
    assert [each.event["id"] for each in await two.adopt(10)] == []
    await two.reader.rows("delete from sessions where id <> $1 and id <> $2", one.session.id, two.session.id)
    assert [each.event["id"] for each in await two.adopt(10)] == ["i:1"]
