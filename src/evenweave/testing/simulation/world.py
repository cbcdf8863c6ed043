"""One simulated history: workers on one database fail in every way, and must end each order exactly once."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import logging
import random
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from msgspec import Struct

from evenweave.adapters.brokers.embedded import MIGRATIONS as BROKER_MIGRATIONS
from evenweave.adapters.brokers.embedded import EmbeddedBroker
from evenweave.adapters.catalogs.local import MIGRATIONS as CATALOG_MIGRATIONS
from evenweave.adapters.catalogs.local import LocalCatalog
from evenweave.adapters.sqlite import Database
from evenweave.adapters.stores.postgres import PostgresStore
from evenweave.app import Outside
from evenweave.errors import EvenweaveError
from evenweave.testing.simulation import workload
from evenweave.testing.simulation.chance import Chance
from evenweave.testing.simulation.checking import check
from evenweave.testing.simulation.compiling import compiled_once
from evenweave.testing.simulation.network import UnreliableBroker
from evenweave.testing.simulation.server import SimulatedServer
from evenweave.testing.simulation.time import PROCESS, SimulatedClock, Stalled, VirtualLoop
from evenweave.worker import Engine, Settings
from evenweave.worker.leasing import LeaseReader

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping, Sequence

    from evenweave.ports.broker import Broker

ORDERS = 12
DURING_S = (1.0, 3.0, 6.0)
"""In so much time the orders come: the less, the more of them meet in one batch."""

KILLED_S = 3.0
PATIENCE_S = 240.0
"""So long, in virtual time, nothing may stand between the last mishap and the end of the last order."""

AT_MOST_S = 1000.0

URL = "postgresql://simulated"


class Outcome(Struct, frozen=True):
    """What became of a history.

    Attributes:
        seed: By which it can be played again.
        wrong: What is wrong with it; empty where nothing is.
        orders: How many there were.
        kills: How often a worker was killed.
        commits: How many transactions the server committed.
        conflicts: How often a worker was told that another one was faster.
        lasted_s: Its virtual seconds.
        trace: A digest of everything that was published and committed: the same each time that it is played.
    """

    seed: int
    wrong: Sequence[str]
    orders: int
    kills: int
    commits: int
    conflicts: int
    lasted_s: float
    trace: str


class Worker:
    """A simulated process that runs an engine; it can be killed and started again."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.engine: Engine | None = None
        self.store: PostgresStore | None = None
        self.conflicts = 0
        self.runs = False
        self._line: UnreliableBroker | None = None
        self._skew_ms = world.chance.random.randint(-50, 50)

    def start(self) -> None:
        """Start it, as a process of its own."""
        self.runs = True
        context = contextvars.copy_context()
        context.run(PROCESS.set, self.name)
        self.world.loop.create_task(self._serve(), context=context)

    def kill(self) -> None:
        """Let it be gone at once, as by SIGKILL."""
        self.runs = False
        self.finish()
        if self._line is not None:
            self._line.cut()
        self.world.loop.kill(self.name)
        self.world.server.drop(self.name)

    def finish(self) -> None:
        """Add up what it counted."""
        if self.store is not None:
            self.conflicts += self.store.conflicts
        self.engine = self.store = None

    async def _serve(self) -> None:
        world = self.world
        clock = SimulatedClock(world.loop, self._skew_ms)
        self._line = line = UnreliableBroker(world.broker, world.chance)
        while True:
            try:
                hot = world.chance.random.choice((2, 1000))
                store = await PostgresStore.open(URL, clock, dial=world.server.dial, hot=hot)
                break
            except EvenweaveError:
                await world.chance.pause()
        reader = LeaseReader(store, line, clock, wait_s=1.0)
        settings = Settings(group="evenweave.workers", poll_s=1.0, batch=8, in_flight=4)
        outside = Outside()
        engine = Engine(
            store,
            line,
            world.catalog,
            clock,
            reader=reader,
            settings=settings,
            functions=outside.open_functions(),
            secrets=outside.open_secrets(),
        )
        while True:
            try:
                await engine.start()
                break
            except EvenweaveError:
                await world.chance.pause()
        self.engine, self.store = engine, store


class World:
    """Everything that is simulated."""

    def __init__(self, loop: VirtualLoop, chance: Chance, workers: int) -> None:
        self.loop = loop
        self.chance = chance
        self.clock = SimulatedClock(loop)
        self.server = SimulatedServer(chance, self.clock)
        self.workers = [Worker(self, f"worker {number}") for number in range(workers)]
        self.kills = 0
        self._channels = [
            "answer",
            "ask",
            *(name for kind in workload.KINDS.values() for name in (kind.starts, *kind.later)),
        ]
        self.broker: EmbeddedBroker
        self.catalog: LocalCatalog

    async def play(self, orders: Sequence[workload.Order], kills: int) -> list[str]:
        """Play it to its end; what is wrong."""
        database = Database.open(None, [BROKER_MIGRATIONS, CATALOG_MIGRATIONS])
        self.broker = await EmbeddedBroker.open(database, clock=self.clock, jitter=self.chance.random.random)
        self.catalog = LocalCatalog(database, self.clock)
        await self.catalog.register("shop.yaml", workload.SHOP)
        for worker in self.workers:
            worker.start()
        await self._register()
        services = [self.loop.create_task(self._serve_shop()) for _ in range(2)]
        publishing = [
            self.loop.create_task(self._publish(at, channel, event))
            for order in orders
            for at, channel, event in order.events
        ]
        for _ in range(kills):
            await asyncio.sleep(self.chance.random.random() * KILLED_S)
            await self._kill()
        await asyncio.gather(*publishing)
        self.chance.calm = True
        wrong = await self._until_done(orders)
        for task in services:
            task.cancel()
        return wrong

    async def _register(self) -> None:
        for document in workload.definitions():
            while True:
                engine = self.chance.random.choice(self.workers).engine
                if engine is None:
                    await self.chance.pause()
                    continue
                try:
                    await engine.register("definition.json", document)
                    break
                except EvenweaveError:
                    await self.chance.pause()

    async def _kill(self) -> None:
        worker = self.chance.random.choice(self.workers)
        if not worker.runs:
            return  # it is dead as it is
        worker.kill()
        self.kills += 1
        self.loop.call_later(self.chance.random.random() * 2, worker.start)

    async def _publish(self, at: float, channel: str, event: dict[str, object]) -> None:
        """Publish until it is answered: an event without an answer is published again under the same id."""
        await asyncio.sleep(at)
        line = UnreliableBroker(self.broker, self.chance)
        await _insist(line, channel, event)

    async def _serve_shop(self) -> None:
        line = UnreliableBroker(self.broker, self.chance)
        subscription = await self.broker.subscribe("shop", ["ask"])
        while True:
            try:
                found = await line.deliveries(subscription.id, 10, 1.0, 5.0)
            except EvenweaveError:
                continue
            for delivery in found:
                if self.chance.happens():
                    continue  # it dies with this one in hand
                await _insist(line, "answer", workload.answer(delivery.event))
                try:
                    await line.settle(subscription.id, [delivery.lease])
                except EvenweaveError:
                    continue

    async def _read_log(self) -> dict[str, list[dict[str, object]]]:
        """Every event, by channel."""
        channels = ["ask", "tell", *(f"dead-letter/{name}" for name in self._channels)]
        probe = await self.broker.subscribe("probe", channels, mode="read")
        beginning = {channel: (log, 0) for channel, (log, _) in probe.positions.items()}
        events: dict[str, list[dict[str, object]]] = {}
        for delivery in await self.broker.read(probe.id, beginning, 100_000):
            events.setdefault(delivery.channel, []).append(delivery.event)
        return events

    async def _until_done(self, orders: Sequence[workload.Order]) -> list[str]:
        until = self.loop.time() + PATIENCE_S
        while True:
            wrong = check(self.server, await self._read_log(), orders)
            if not wrong or self.loop.time() > until:
                return wrong
            await asyncio.sleep(1.0)


async def _insist(broker: Broker, channel: str, event: dict[str, object]) -> None:
    while True:
        try:
            await broker.publish([(channel, event)])
        except EvenweaveError:
            await asyncio.sleep(0.1)
        else:
            return


def run(
    seed: int, *, workers: int = 2, orders: int = ORDERS, kills: int | None = None, mishaps: float = 0.01
) -> Outcome:
    """Play the history of a seed; the same one each time.

    Args:
        seed: Any number.
        workers: How many workers share the database.
        orders: How many orders they are given.
        kills: How often a worker is killed; drawn, where it is not said.
        mishaps: How often a request, an answer or a connection is lost.
    """
    before = random.getstate()
    random.seed(seed)  # what the workers draw themselves, for jitter
    chance = Chance(seed, mishaps=mishaps)
    loop = VirtualLoop()
    world = World(loop, chance, workers)
    made = workload.orders(chance.random, orders, chance.random.choice(DURING_S))
    drawn = chance.random.randint(0, 3) if kills is None else kills
    asyncio.set_event_loop(loop)
    with _listening() as failures, compiled_once():
        try:
            wrong = loop.run_until_complete(asyncio.wait_for(world.play(made, drawn), AT_MOST_S))
        except Stalled as error:
            wrong = [f"stuck: {error}"]
        except TimeoutError:
            wrong = [f"stuck: it does not begin within {AT_MOST_S:.0f} s"]
        finally:
            random.setstate(before)
            loop.end()
            asyncio.set_event_loop(None)
    wrong = [*wrong, *failures, *loop.failures]
    for worker in world.workers:
        worker.finish()
    return Outcome(
        seed=seed,
        wrong=wrong,
        orders=orders,
        kills=world.kills,
        commits=world.server.commits,
        conflicts=sum(worker.conflicts for worker in world.workers),
        lasted_s=loop.time(),
        trace=_digest(world),
    )


def _digest(world: World) -> str:
    rows = [
        (each["instance"], each["revision"], each["at"], each["causes"])
        for each in world.server.tables["history"].values()
    ]
    return hashlib.sha256(msgspec.msgpack.encode([rows, world.loop.time(), world.server.commits])).hexdigest()[:16]


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Keep thousands of histories full of mishaps out of the log; but a failure that nobody foresaw is a fault."""
    failures: list[str] = []

    def listen(_logger: Any, _method: str, said: MutableMapping[str, Any]) -> Any:
        error = sys.exc_info()[1]
        failures.append(f"failed: {said['event']}: {type(error).__name__}: {error}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[listen],
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        cache_logger_on_first_use=False,
    )
    try:
        yield failures
    finally:
        structlog.configure(**before)
