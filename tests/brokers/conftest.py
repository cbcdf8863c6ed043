"""Brokers for the contract suite: the embedded one, and the remote one before a real server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evenweave.adapters.brokers.embedded import MIGRATIONS, EmbeddedBroker
from evenweave.adapters.brokers.remote import RemoteBroker
from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.sqlite import Database
from evenweave.http.runtime import RuntimeFace
from evenweave.http.server import Server
from evenweave.ports.broker import Broker
from evenweave.runtime.rules import Rules

Event = dict[str, Any]


@dataclass
class Bench:
    """A broker to test, the embedded one behind it, and the clock that it goes by."""

    broker: Broker
    embedded: EmbeddedBroker
    database: Database
    clock: JumpingClock


@pytest.fixture
def make_event() -> Callable[..., Event]:
    """Make an event with an id of its own."""
    numbers = iter(range(1, 1_000_000))

    def make(**attributes: Any) -> Event:
        number = next(numbers)
        event = {"specversion": "1.0", "id": str(number), "source": "/test", "type": "t", "data": {"n": number}}
        return event | attributes

    return make


@pytest.fixture(params=["embedded", "remote"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Each adapter in turn, on a database of its own."""
    clock = JumpingClock()
    database = Database.open(tmp_path / "runtime.db", [MIGRATIONS])
    embedded = await EmbeddedBroker.open(database, clock=clock, jitter=lambda: 0.0)
    if request.param == "embedded":
        yield Bench(embedded, embedded, database, clock)
    else:
        face = RuntimeFace(embedded)
        server = await Server.start(face, on_stop=face.stop)
        async with RemoteBroker(server.url) as remote:
            yield Bench(remote, embedded, database, clock)
        await server.stop()
    await embedded.close()
    await database.close()


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Bench]:
    """The embedded broker only, with little memory, so that it reads its database too."""
    clock = JumpingClock()
    database = Database.open(tmp_path / "one.db", [MIGRATIONS])
    embedded = await EmbeddedBroker.open(database, clock=clock, jitter=lambda: 0.0, rules=Rules(tail_events=3))
    bench = Bench(embedded, embedded, database, clock)
    yield bench
    await asyncio.sleep(0)
    await bench.embedded.close()
    await bench.database.close()
