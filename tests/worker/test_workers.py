"""Several workers on one PostgreSQL database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from shop import Shop, make_definition, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ORDERS = 120


@pytest.fixture
async def shop(tmp_path: Path, postgres_url: str) -> AsyncIterator[Shop]:
    """A shop with two workers."""
    shop = await Shop.open(tmp_path, postgres_url, 2)
    yield shop
    await shop.close()


async def test_workers_share_orders_and_each_order_ends_once(shop: Shop) -> None:
    """Two workers take the events of the same orders: each order is one instance, completed, and shipped once."""
    await shop.workers[0].engine.register("order.yaml", make_definition("order"))
    await asyncio.gather(*(shop.order(number) for number in range(ORDERS)))
    await until(lambda: len(set(shop.shipped)) >= ORDERS)
    found = await shop.instances()
    assert len(found) == ORDERS
    assert {each.status for each in found} == {"completed"}
    assert len(set(shop.shipped)) == ORDERS
    taken = [sum(worker.engine._mover.figures.events.values()) for worker in shop.workers]
    assert sum(taken) >= 2 * ORDERS


async def test_definition_that_was_answered_misses_no_event(shop: Shop) -> None:
    """What is registered at one worker starts instances for the next event, whichever worker takes it."""
    for number, name in enumerate(("first", "second", "third")):
        await shop.workers[number % 2].engine.register(f"{name}.yaml", make_definition(name))
        await shop.order(number)
        expected = (number + 1) * (number + 2) // 2
        await until(lambda expected=expected: len(set(shop.shipped)) >= expected)
    by_definition = sorted(each.definition for each in await shop.instances())
    assert by_definition == ["first"] * 3 + ["second"] * 2 + ["third"]
    for worker in shop.workers:
        await until(lambda worker=worker: len(worker.engine.definitions()) == 3)


async def test_definition_that_was_removed_starts_nothing_at_any_worker(shop: Shop) -> None:
    """A definition that one worker removed starts nothing at the others, and is gone everywhere in the end."""
    one, two = (worker.engine for worker in shop.workers)
    await one.register("order.yaml", make_definition("order"))
    await two.register("other.yaml", make_definition("other"))
    await one.remove("order")
    await shop.order(1)
    await until(lambda: len(shop.shipped) == 1)
    assert [each.definition for each in await shop.instances()] == ["other"]
    for engine in (one, two):
        await until(lambda engine=engine: [row.id for row in engine.definitions()] == ["other"])


async def test_commands_at_another_worker_find_the_instance_as_it_is(shop: Shop) -> None:
    """An instance that one worker moved is suspended and resumed at another, and moves on."""
    one, two = (worker.engine for worker in shop.workers)
    await one.register("order.yaml", make_definition("order"))
    shop._tasks[0].cancel()  # nobody pays
    await shop.order(1)
    await until(shop.instances)
    (order,) = await shop.instances()
    from evenweave.engine.causes import Command

    for engine, verb in ((two, "suspend"), (one, "resume"), (two, "cancel")):
        await engine.command(order.id, Command(verb, "by hand"))
    assert (await one.instance(order.id)).status == "cancelled"


async def test_what_a_worker_that_is_gone_had_to_publish_is_published(shop: Shop) -> None:
    """Outbox rows of a session that is over are published by the worker that lives."""
    two = shop.workers[1].engine._store
    await shop.workers[0].engine.register("order.yaml", make_definition("order"))
    gone = "insert into outbox values (7, $1, 'gone', 'i', $2, $3)"
    import msgspec

    event = {"specversion": "1.0", "id": "i:7", "source": "/evenweave/order", "type": "ship", "subject": "ship/in"}
    await two.reader.rows(gone, "default", "ship/in", msgspec.msgpack.encode({**event, "data": {}}))  # type: ignore[attr-defined]
    await until(lambda: shop.shipped == ["i:7"])

    async def is_empty() -> bool:
        return not await two.reader.rows("select 1 from outbox")  # type: ignore[attr-defined]

    await until(is_empty)


async def test_batch_that_looks_things_up_in_vain_is_done_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A conflict in the middle of a batch is no fault of the event that it came to: nothing is parked or lost."""
    from evenweave.adapters.stores.postgres.transaction import PostgresTransaction
    from evenweave.ports.store import StoreConflict

    look, refused = PostgresTransaction.known, 0

    async def refuse(self: PostgresTransaction, id: str) -> bool:  # noqa: A002
        nonlocal refused
        refused += 1
        if refused <= 3:
            raise StoreConflict("planted")
        return await look(self, id)

    monkeypatch.setattr(PostgresTransaction, "known", refuse)
    await shop.workers[0].engine.register("order.yaml", make_definition("order"))
    for number in range(3):
        await shop.order(number)
    await until(lambda: len(set(shop.shipped)) >= 3)
    assert refused > 3
    assert await shop.workers[0].engine.parked() == []
    assert {each.status for each in await shop.instances()} == {"completed"}


async def test_worker_whose_writer_fails_is_not_ready_until_it_has_begun_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure of the store's writer that nobody foresaw shows in readiness, loses no order, and passes."""
    from evenweave.adapters.stores.postgres import writer
    from evenweave.adapters.stores.postgres.writer import Writer

    monkeypatch.setattr(writer, "PAUSE_S", 2.0)
    engine = shop.workers[0].engine
    await engine.register("order.yaml", make_definition("order"))
    for worker in shop.workers:
        await until(lambda worker=worker: worker.engine.ready)
    take, failing = Writer._take, []

    def fail(self: Writer) -> object:
        failing.append([worker.engine for worker in shop.workers if worker.engine._store._writer is self])  # type: ignore[attr-defined]
        monkeypatch.setattr(Writer, "_take", take)
        raise RuntimeError("planted")

    monkeypatch.setattr(Writer, "_take", fail)
    await shop.order(1)
    await until(lambda: bool(failing))
    await until(lambda: not failing[0][0].ready)
    await until(lambda: failing[0][0].ready)
    await until(lambda: len(set(shop.shipped)) == 1)
