"""What a transaction was told to expect is there when it is opened, however small the cache of instances is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.stores.postgres import PostgresStore
from evenweave.engine import Fiber, Frame, Instance, codec
from evenweave.ports.store import Expected

if TYPE_CHECKING:
    from evenweave.adapters.stores.postgres.transaction import PostgresTransaction

NAMES = ("a", "b", "c")


def put(made: PostgresTransaction, name: str, revision: int) -> None:
    """Let a transaction write an instance."""
    fibers = [Fiber(1, 0, 0, [Frame("/states/0", 1, {})], "await")]
    instance = Instance("default", name, "d", "1", "x", "waiting", 1.0, 2.0, revision=revision, fibers=fibers)
    made.save(instance, codec.encode(instance), msgspec.msgpack.encode([]))


async def test_instances_that_the_cache_has_no_room_for_are_opened_and_written(postgres_url: str) -> None:
    """A batch over more instances than the cache holds finds each of them, cold, cached or not yet durable."""
    store = await PostgresStore.open(postgres_url, JumpingClock(), hot=1)
    for revision in (1, 2, 3):
        made = store.begin()
        await made.expect(Expected(instances=NAMES))
        for name in NAMES:
            found = await made.instance(name)
            assert (0 if found is None else found.revision) == revision - 1
            put(made, name, revision)
        await made.queue()
    assert [(await store.instance(name)).revision for name in NAMES] == [3, 3, 3]  # type: ignore[union-attr]
    await store.close()


async def test_instances_that_become_durable_and_cold_meanwhile_are_opened(postgres_url: str) -> None:
    """An instance that was on its way when it was expected is found when it is opened, written and let go of."""
    store = await PostgresStore.open(postgres_url, JumpingClock(), hot=1)
    first = store.begin()
    for name in NAMES:
        put(first, name, 1)
    durable = first.queue()
    made = store.begin()
    await made.expect(Expected(instances=NAMES))
    await durable
    assert [found is not None and found.revision for found in [await made.instance(name) for name in NAMES]] == [1] * 3
    await store.close()
