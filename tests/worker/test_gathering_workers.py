"""Instances that need several events to begin, with two workers on one PostgreSQL database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from shop import Shop, until
from worker_house import consumed, event, flow, sleeping

from evenweave.app import CatalogPart, EnginePart, RuntimePart, export_store, import_store
from evenweave.cloudevents import digest
from evenweave.http.catalog import CatalogFace
from evenweave.http.runtime import RuntimeFace
from evenweave.http.server import Server
from evenweave.ports.broker import Delivery
from evenweave.worker.routing import foresee, route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from evenweave.worker.batch import Batch

ROUNDS = 200


@pytest.fixture
async def shop(tmp_path: Path, postgres_url: str) -> AsyncIterator[Shop]:
    """A shop with two workers."""
    shop = await Shop.open(tmp_path, postgres_url, 2)
    yield shop
    await shop.close()


def needing(*rules: str, timeout: str = "PT1H") -> bytes:
    """A definition that needs two events to begin."""
    entries = [{"eventRefs": [each], "eventDataFilter": {"toStateData": f".{each.lower()}"}} for each in "AB"]
    state = {
        "name": "Ready",
        "type": "event",
        "exclusive": False,
        "onEvents": entries,
        "timeouts": {"eventTimeout": timeout},
    }
    return flow("both", state, sleeping("rest", "PT0S"), events=[consumed("A", *rules), consumed("B", *rules)])


async def register(shop: Shop, document: bytes) -> None:
    """Register a definition at one worker, and wait until both know it."""
    await shop.workers[0].engine.register("both.json", document)
    for worker in shop.workers:
        await until(lambda worker=worker: len(worker.engine.definitions()) == 1)


async def rows(shop: Shop, statement: str) -> list[Any]:
    """What is in the database."""
    return [tuple(row) for row in await shop.workers[0].engine._store.reader.rows(statement)]  # type: ignore[attr-defined]


async def take(worker: EnginePart, barrier: asyncio.Barrier, one: dict[str, Any]) -> None:
    """Let a worker take an event; it writes nothing before the other one has looked as well."""
    channel = one["type"]
    delivery = Delivery(channel, "log", 1, event=one)
    first = True

    async def work(batch: Batch) -> None:
        nonlocal first
        await batch.transaction.expect(foresee(batch, [delivery]))
        assert await route(batch, channel, one, digest(channel, one)) == "consumed"
        if first:
            first = False
            await barrier.wait()

    await (await worker.engine._mover.move(work)).durable


@pytest.mark.parametrize("rules", [("order",), ()])
async def test_two_events_that_two_workers_take_at_once_begin_one_instance(shop: Shop, rules: tuple[str, ...]) -> None:
    """Both workers look before either writes: the events meet in one instance in each round, keyed or not."""
    await register(shop, needing(*rules))
    barrier = asyncio.Barrier(2)
    for number in range(ROUNDS):
        pair = [event(f"{name}{number}", name, order=str(number)) for name in ("a", "b")]
        workers = shop.workers if number % 2 else shop.workers[::-1]
        await asyncio.gather(*(take(worker, barrier, one) for worker, one in zip(workers, pair, strict=True)))

    async def all_ended() -> bool:
        return await rows(shop, "select 1 from instances where status <> 'completed' limit 1") == []

    await until(all_ended)
    found = [await shop.workers[0].engine.instance(each.id) for each in await shop.instances()]
    assert sorted((each.data["a"]["n"], each.data["b"]["n"]) for each in found) == sorted(
        (f"a{number}", f"b{number}") for number in range(ROUNDS)
    )
    assert (
        await rows(shop, "select 1 from waits union all select 1 from correlations union all select 1 from kept") == []
    )
    conflicts = sum(worker.engine._mover.figures.conflicts for worker in shop.workers)
    assert conflicts >= ROUNDS, "both looked before either wrote, so one of them was refused in each round"


async def test_the_same_kind_of_event_at_two_workers_joins_two_instances(shop: Shop) -> None:
    """Two events of a kind that both find the same pending instance do not both join it."""
    await register(shop, needing())
    barrier = asyncio.Barrier(2)
    for number in range(ROUNDS // 4):
        for pair in ("aa", "bb"):
            events = [event(f"{name}{number}-{side}", name) for side, name in enumerate(pair)]
            await asyncio.gather(
                *(take(worker, barrier, one) for worker, one in zip(shop.workers, events, strict=True))
            )

    async def all_ended() -> bool:
        return await rows(shop, "select 1 from instances where status <> 'completed' limit 1") == []

    await until(all_ended)
    found = [await shop.workers[0].engine.instance(each.id) for each in await shop.instances()]
    for name in "ab":
        taken = sorted(each.data[name]["n"] for each in found)
        assert taken == sorted(f"{name}{number}-{side}" for number in range(ROUNDS // 4) for side in range(2))


@pytest.mark.parametrize("rules", [("order",), ()])
async def test_published_events_begin_one_instance_each_pair(shop: Shop, rules: tuple[str, ...]) -> None:
    """Events that come through the Runtime, in any order to any worker: each is used once, and none is left."""
    await register(shop, needing(*rules))
    events = [event(f"{name}{number}", name, order=str(number)) for number in range(ROUNDS) for name in "ab"]
    events.sort(key=lambda one: one["id"][::-1])
    await asyncio.gather(
        *(shop.runtime.broker.publish([(one["type"], one) for one in events[start::8]]) for start in range(8))
    )

    async def all_ended() -> bool:
        return await rows(shop, "select count(*) from instances where status = 'completed'") == [(ROUNDS,)]

    await until(all_ended)
    found = [await shop.workers[0].engine.instance(each.id) for each in await shop.instances()]
    assert len(found) == ROUNDS
    for name in "ab":
        assert len({each.data[name]["n"] for each in found}) == ROUNDS
    if rules:
        assert all(each.data["a"]["n"][1:] == each.data["b"]["n"][1:] for each in found)
    assert (
        await rows(shop, "select 1 from waits union all select 1 from correlations union all select 1 from kept") == []
    )


async def test_time_out_gives_each_event_up_once(shop: Shop) -> None:
    """Whichever worker finds that the time is over: each event is one dead letter, and no instance is left."""
    await register(shop, needing("order", timeout="PT0.2S"))
    for number in range(20):
        await shop.runtime.broker.publish([("a", event(f"a{number}", "a", order=str(number)))])

    async def all_given_up() -> bool:
        return len(await shop.runtime.broker.dead_letters()) >= 20

    await until(all_given_up)

    async def is_empty() -> bool:
        left = "select 1 from instances union all select 1 from waits union all select 1 from correlations"
        return await rows(shop, f"{left} union all select 1 from outbox") == []

    await until(is_empty)
    letters = await shop.runtime.broker.dead_letters()
    assert sorted(each.event["id"] for each in letters) == sorted(f"a{number}" for number in range(20))


async def test_pending_instances_move_to_another_store_and_begin_there(tmp_path: Path, postgres_url: str) -> None:
    """Exported from a file and imported into a database, they go on gathering."""
    catalog, runtime = await CatalogPart.start(tmp_path), await RuntimePart.start(tmp_path)
    faces = RuntimeFace(runtime.broker)
    servers = [await Server.start(CatalogFace(catalog.catalog).app()), await Server.start(faces, on_stop=faces.stop)]
    urls = {"catalog": servers[0].url, "runtime": servers[1].url}

    async def are(part: EnginePart, statuses: list[str]) -> None:
        async def look() -> bool:
            return [each.status for each in await part.engine.instances()] == statuses

        await until(look)

    part = await EnginePart.start(tmp_path, **urls)
    await part.engine.register("both.json", needing("order"))
    await runtime.broker.publish([("a", event(f"a{number}", "a", order=str(number))) for number in range(3)])
    await are(part, ["pending"] * 3)
    await part.stop()
    await export_store(tmp_path, "", tmp_path / "file")
    await import_store(tmp_path, postgres_url, tmp_path / "file")
    part = await EnginePart.start(tmp_path, store=postgres_url, **urls)
    await runtime.broker.publish([("b", event(f"b{number}", "b", order=str(number))) for number in range(3)])
    await are(part, ["completed"] * 3)
    await part.stop()
    for server in servers:
        await server.stop()
    await runtime.stop()
    await catalog.stop()
