"""Two workers on real PostgreSQL that have both looked before either writes: nobody is stuck, nothing is done twice."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.stores.postgres import PostgresStore
from evenweave.engine import Fiber, Frame, Instance, codec
from evenweave.ports.store import Expected, StoreConflict, Wait

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from evenweave.ports.store import Transaction

    Work = Callable[[Transaction], Awaitable[None]]

ROUNDS = 1_000 if os.environ.get("EVENWEAVE_SLOW") else 40
CAUSES = msgspec.msgpack.encode([])


@pytest.fixture
async def stores(postgres_url: str) -> AsyncIterator[tuple[PostgresStore, PostgresStore]]:
    """Two workers' stores on one database."""
    one, two = [await PostgresStore.open(postgres_url, JumpingClock()) for _ in range(2)]
    yield one, two
    await one.close()
    await two.close()


async def race(stores: tuple[PostgresStore, PostgresStore], works: tuple[Work, Work], *, bold: bool) -> int:
    """Let both workers look, then both write; whoever is refused does its work again. How many were refused."""
    barrier = asyncio.Barrier(2)
    refused = 0

    async def worker(store: PostgresStore, work: Work) -> None:
        nonlocal refused
        first = True
        while True:
            made = store.begin()
            if bold or not first:
                await made.expect(Expected())
            await work(made)
            if first:
                await barrier.wait()
            first = False
            try:
                await made.queue()
            except StoreConflict:
                refused += 1
            else:
                return

    await asyncio.gather(*(worker(store, work) for store, work in zip(stores, works, strict=True)))
    return refused


@pytest.mark.parametrize("bold", [False, True])
async def test_wait_and_event_meet_in_every_round(stores: tuple[PostgresStore, PostgresStore], bold: bool) -> None:
    """A worker that adds a wait and one that takes its event, at the same moment: the instance gets the event, once."""
    refused = 0
    for number in range(ROUNDS):
        key, name = ("" if number % 2 else f"k{number}"), f"i{number}"
        channel, wait = f"c{number % 7}", Wait(name, 3, 0)
        event = {"id": f"e{number}"}

        async def listen(
            made: Transaction, key: str = key, name: str = name, channel: str = channel, wait: Wait = wait
        ) -> None:
            instance = await made.instance(name)
            assert instance is None
            async for kept in made.kept("d", channel, key or None):
                made.unkeep("d", kept)
                _save(made, name, 1, taken=kept.event["id"])
                return
            _save(made, name, 1)
            made.listen("d", channel, key, wait)

        async def take(made: Transaction, key: str = key, channel: str = channel, event: Any = event) -> None:
            assert await made.see(event["id"].encode(), b"") == "new"
            for wait in await made.waits("d", channel, key):
                instance = await made.instance(wait.instance)
                assert instance is not None
                made.forget("d", channel, key, wait)
                _save(made, wait.instance, instance.revision + 1, taken=event["id"])
                return
            made.keep("d", channel, key, event, 1e12)

        works = (listen, take) if number % 4 < 2 else (take, listen)
        refused += await race(stores, works, bold=bold)
    one = stores[0]
    assert refused >= ROUNDS // 2, "both looked before either wrote, so one of them was refused in most rounds"
    assert await one.reader.value("select count(*) from kept") == 0
    assert await one.reader.value("select count(*) from waits") == 0
    for number in range(ROUNDS):
        found = await one.instance(f"i{number}")
        assert found is not None
        assert found.data == {"taken": f"e{number}"}


@pytest.mark.parametrize("bold", [False, True])
async def test_start_and_start_make_one_instance_in_every_round(
    stores: tuple[PostgresStore, PostgresStore], bold: bool
) -> None:
    """Two workers start by two events of one key at the same moment: one instance stands for it and has both."""
    for number in range(ROUNDS):
        key = f"k{number}"

        def start(name: str, key: str = key) -> Work:
            async def work(made: Transaction) -> None:
                assert await made.see(name.encode(), b"") == "new"
                claimant = await made.claimant("d", key)
                if claimant is None:
                    assert not await made.known(name)
                    _save(made, name, 1, taken=name)
                    made.claim("d", key, name)
                    return
                instance = await made.instance(claimant)
                assert instance is not None
                _save(made, claimant, instance.revision + 1, taken=f"{instance.data['taken']} {name}")

            return work

        await race(stores, (start(f"a{number}"), start(f"b{number}")), bold=bold)
    one = stores[0]
    assert await one.reader.value("select count(*) from correlations") == ROUNDS
    assert await one.reader.value("select count(*) from instances") == ROUNDS
    for row in await one.reader.rows("select key, instance from correlations"):
        found = await one.instance(row["instance"])
        number = row["key"][1:]
        assert found is not None
        assert sorted(found.data["taken"].split()) == [f"a{number}", f"b{number}"]


@pytest.mark.parametrize("bold", [False, True])
async def test_the_same_event_starts_one_instance_in_every_round(
    stores: tuple[PostgresStore, PostgresStore], bold: bool
) -> None:
    """Two workers that were given the same event at the same moment start its instance once."""
    started = 0
    for number in range(ROUNDS):

        async def start(made: Transaction, number: int = number) -> None:
            nonlocal started
            if await made.see(b"%d" % number, b"") == "new" and not await made.known(f"i{number}"):
                _save(made, f"i{number}", 1)
                started += 1

        await race(stores, (start, start), bold=bold)
    assert started >= ROUNDS
    assert await stores[0].reader.value("select count(*) from instances") == ROUNDS
    assert await stores[0].reader.value("select max(revision) from instances") == 1
    assert await stores[0].reader.value("select count(*) from dedupe") == ROUNDS


def _save(made: Transaction, name: str, revision: int, taken: str = "") -> None:
    fibers = [Fiber(1, 0, 0, [Frame("/states/0", 1, {})], "await")]
    data = {"taken": taken}
    instance = Instance(
        "default", name, "d", "1", "x", "waiting", 1.0, 2.0, revision=revision, data=data, fibers=fibers
    )
    made.save(instance, codec.encode(instance), CAUSES)
