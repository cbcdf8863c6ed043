"""How the PostgreSQL store goes on after a conflict, and how answers that are lost are made good."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.stores.postgres import PostgresStore
from evenweave.ports.store import Expected, StoreConflict

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
