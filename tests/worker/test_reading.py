"""The log of another process is read behind what is stored, whatever happens meanwhile: PROTOCOL section 4."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from worker_house import event

from evenweave.adapters.brokers.embedded import MIGRATIONS as BROKER
from evenweave.adapters.brokers.embedded import EmbeddedBroker
from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.sqlite import Database
from evenweave.adapters.stores.sqlite import MIGRATIONS as STORE
from evenweave.adapters.stores.sqlite import SqliteStore
from evenweave.ports.store import Position
from evenweave.worker.reading import LogReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

import pytest


class Bench:
    """A reader between a store and a broker."""

    def __init__(self, store: SqliteStore, broker: EmbeddedBroker, clock: JumpingClock) -> None:
        self.store = store
        self.broker = broker
        self.reader = LogReader(store, broker, clock, group="g", wait_s=20.0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Everything in memory."""
    clock = JumpingClock()
    database = Database.open(None, [BROKER, STORE])
    broker = await EmbeddedBroker.open(database, clock=clock)
    yield Bench(SqliteStore(database, clock), broker, clock)
    await broker.close()
    await database.close()


async def turn() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_reading_that_begins_anew_before_its_subscription_reads_all_the_same(bench: Bench) -> None:
    """A reset while the reader waits for its group is no obstacle to the first read."""
    reading = asyncio.create_task(bench.reader.read(10))
    await turn()
    bench.reader.reset()
    await bench.broker.publish([("a", event("1", "a"))])
    bench.reader.subscribed(await bench.broker.subscribe("g", ["a"], mode="read"))
    assert [each.event["id"] for each in await reading] == ["1"]


async def test_reset_ends_a_long_poll(bench: Bench) -> None:
    """What was in hand comes again at once, though the read that was under way would wait for what is newer."""
    bench.reader.subscribed(await bench.broker.subscribe("g", ["a"], mode="read"))
    await bench.broker.publish([("a", event("1", "a"))])
    assert [each.event["id"] for each in await bench.reader.read(10)] == ["1"]
    polling = asyncio.create_task(bench.reader.read(10))
    await turn()
    bench.reader.reset()
    assert list(await asyncio.wait_for(polling, 5)) == []
    assert [each.event["id"] for each in await asyncio.wait_for(bench.reader.read(10), 5)] == ["1"]


async def test_reset_during_a_read_throws_away_what_it_brings(bench: Bench) -> None:
    """What was read before a reset comes again after it, behind what is stored."""
    bench.reader.subscribed(await bench.broker.subscribe("g", ["a"], mode="read"))
    reading = asyncio.create_task(bench.reader.read(10))
    await turn()
    bench.reader.reset()
    await bench.broker.publish([("a", event("1", "a")), ("a", event("2", "a"))])
    assert list(await reading) == []
    first, _ = await bench.reader.read(10)
    made = bench.store.begin()
    made.advance("a", Position(first.log, first.position))
    await made.queue()
    bench.reader.reset()
    assert [each.event["id"] for each in await bench.reader.read(10)] == ["2"]


async def test_new_channel_does_not_wait_for_the_end_of_a_long_poll(bench: Bench) -> None:
    """A read that waits for events ends when the group is given another channel."""
    bench.reader.subscribed(await bench.broker.subscribe("g", ["a"], mode="read"))
    reading = asyncio.create_task(bench.reader.read(10))
    await turn()
    assert not reading.done()
    await bench.broker.publish([("b", event("1", "b"))])
    bench.reader.subscribed(await bench.broker.subscribe("g", ["a", "b"], mode="read"))
    found = list(await reading) or list(await bench.reader.read(10))
    assert [each.event["id"] for each in found] == ["1"]
