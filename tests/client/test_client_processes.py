"""Runtime and services as processes that are killed: who gets what, how often, and what becomes of poison."""

import asyncio
import os
import signal
import sys
import textwrap
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from evenweave.adapters.brokers.remote import RemoteBroker
from evenweave.cloudevents import Event

EVENTS = 1_000
_LAG = "evenweave_runtime_lag_events"

_RUNTIME = """
    import asyncio, sys
    from evenweave.adapters.brokers.embedded import MIGRATIONS, EmbeddedBroker
    from evenweave.adapters.clocks import SystemClock
    from evenweave.adapters.sqlite import Database
    from evenweave.http.runtime import RuntimeFace
    from evenweave.http.server import Server
    from evenweave.runtime.backoff import Backoff
    from evenweave.runtime.rules import Rules

    async def main():
        rules = Rules(backoff=Backoff(first_s=0.05, cap_s=0.1))
        broker = await EmbeddedBroker.open(Database.open(sys.argv[1], [MIGRATIONS]), clock=SystemClock(), rules=rules)
        face = RuntimeFace(broker)
        server = await Server.start(face, port=int(sys.argv[2]), on_stop=face.stop)
        print(server.port, flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())
"""

_SERVICE = """
    import asyncio, logging, sys
    from evenweave.client import Service

    logging.disable()
    url, group, mode, lease_s, stuck = sys.argv[1:6]
    service = Service(group, url)
    go = asyncio.Event()

    @service.subscriber("orders", mode=mode, lease_s=float(lease_s), in_hand=20)
    async def take(message):
        print(message.id, message.attempt, flush=True)
        if stuck == "until told":
            asyncio.get_running_loop().add_reader(0, go.set)
            await go.wait()
        if message.id == stuck:
            await asyncio.Event().wait()
        if message.id.startswith("poison"):
            raise ValueError(f"cannot take {message.id}")

    service.run()
"""


class Process:
    """A process that says things, line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self.lines: list[str] = []
        self._process = process
        self._more = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, script: str, *arguments: object) -> "Process":
        """Run a script."""
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
        pipe = asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, env=environment))

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self.lines.append(line.decode().strip())
            self._more.set()

    async def said(self, wanted: Callable[[list[str]], bool]) -> list[str]:
        """Return what it has said, once that is what is wanted."""
        async with asyncio.timeout(30):
            while not wanted(self.lines):
                self._more.clear()
                await self._more.wait()
        return self.lines

    def tell(self) -> None:
        """Say something to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")

    async def end(self, number: int = signal.SIGKILL) -> None:
        """End it, and read the rest of what it said."""
        if self._process.returncode is None:
            self._process.send_signal(number)
        await self._process.wait()
        await self._reading


class Runtime:
    """A Runtime as a process of its own, and services before it."""

    def __init__(self, path: Path, processes: AsyncExitStack) -> None:
        self._path = path
        self._processes = processes
        self._port = 0

    async def start(self) -> None:
        """Start it, at first on any port, then on the same one."""
        self._process = await Process.start(_RUNTIME, self._path, self._port)
        self._processes.push_async_callback(self._process.end)
        [port] = await self._process.said(bool)
        self._port = int(port)
        self.url = f"http://127.0.0.1:{port}"
        self.broker = RemoteBroker(self.url)
        self._processes.push_async_callback(self.broker.close)

    async def kill(self) -> None:
        """Kill it and start it again."""
        await self._process.end()
        await self.start()

    async def service(self, group: str, mode: str = "share", lease_s: float = 30, stuck: str = "") -> Process:
        """Start a service that prints the id and the attempt of what it takes."""
        process = await Process.start(_SERVICE, self.url, group, mode, lease_s, stuck)
        self._processes.push_async_callback(process.end)
        return process


@asynccontextmanager
async def _started(path: Path) -> AsyncIterator[Runtime]:
    async with AsyncExitStack() as processes:
        runtime = Runtime(path, processes)
        await runtime.start()
        yield runtime


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    """A Runtime as a process of its own, and what else is started there; all have ended afterwards."""
    async with _started(tmp_path / "runtime.db") as runtime:
        yield runtime


def _make(id_: object) -> tuple[str, Event]:
    event: dict[str, Any] = {"specversion": "1.0", "id": str(id_), "source": "/shop", "type": "order", "data": {}}
    return "orders", event


async def _settled(runtime: Runtime, *groups: str) -> None:
    """Return when these groups have acknowledged everything."""
    async with asyncio.timeout(30):
        while True:
            text = await _get_metrics(runtime)
            lags = [
                [line for line in text.splitlines() if line.startswith(f'{_LAG}{{group="{group}",')] for group in groups
            ]
            if all(lines and all(line.endswith(" 0") for line in lines) for lines in lags):
                return
            await asyncio.sleep(0.02)


async def _get_metrics(runtime: Runtime) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{runtime.url}/metrics") as response:
        return await response.text()


def _taken(*processes: Process) -> Counter[str]:
    return Counter(line.split()[0] for process in processes for line in process.lines)


async def test_a_load_without_a_consumer_is_shared_by_those_that_come(runtime: Runtime) -> None:
    """A thousand events wait for their services: three workers share them, another group and each listener get all."""
    await runtime.broker.publish([_make(number) for number in range(EVENTS)])
    workers = [await runtime.service("shop", stuck="until told") for _ in range(3)]
    others = [await runtime.service("audit"), *[await runtime.service("screens", "broadcast") for _ in range(2)]]
    for worker in workers:
        # Each has as many in hand as it may, and no more, until the last one is there.
        await worker.said(lambda lines: len(lines) == 20)
    for worker in workers:
        worker.tell()
    for other in others:
        await other.said(lambda lines: len(lines) >= EVENTS)
    await _settled(runtime, "shop", "audit", "screens")
    for process in (*workers, *others):
        await process.end(signal.SIGTERM)
    everything = Counter({str(number): 1 for number in range(EVENTS)})
    assert _taken(*workers) == everything
    assert min(len(worker.lines) for worker in workers) >= 20
    for other in others:
        assert _taken(other) == everything


async def test_another_worker_takes_over_from_one_that_is_killed(runtime: Runtime) -> None:
    """A worker dies with deliveries in hand: their leases expire, and who is left takes them as the next attempt."""
    dying = await runtime.service("shop", lease_s=1.5, stuck="7")
    await runtime.broker.publish([_make(number) for number in range(20)])
    await dying.said(lambda lines: "7 1" in lines)
    await dying.end()
    other = await runtime.service("shop", lease_s=1.5)
    await other.said(lambda lines: "7 2" in lines)
    await _settled(runtime, "shop")
    await other.end(signal.SIGTERM)
    assert set(_taken(dying, other)) == {str(number) for number in range(20)}
    assert 'leases_expired_total{group="shop"}' in await _get_metrics(runtime)


async def test_poison_ends_among_the_dead_letters_and_holds_nobody_up(runtime: Runtime) -> None:
    """What always fails is tried five times and ends with its reason; the rest is done; a replay brings it again."""
    ids = [f"poison{number}" if number % 20 == 0 else str(number) for number in range(200)]
    await runtime.broker.publish([_make(id_) for id_ in ids])
    service = await runtime.service("shop")
    await _settled(runtime, "shop")
    await service.end(signal.SIGTERM)
    letters = await runtime.broker.dead_letters()
    assert sorted(letter.event["id"] for letter in letters) == sorted(id_ for id_ in ids if id_.startswith("poison"))
    assert {letter.attempts for letter in letters} == {5}
    assert {letter.reason for letter in letters} == {f"ValueError: cannot take {one.event['id']}" for one in letters}
    assert _taken(service) == Counter({id_: 5 if id_.startswith("poison") else 1 for id_ in ids})
    replayed = await runtime.broker.replay_all()
    assert (replayed.count, replayed.left) == (10, [])
    [group] = await runtime.broker.subscriptions()
    again = await runtime.broker.deliveries(group.id, 100)
    await runtime.broker.settle(group.id, ack=[one.lease for one in again])
    assert len(again) == 10
    assert await runtime.broker.dead_letters() == []


async def test_a_killed_runtime_loses_nothing(runtime: Runtime) -> None:
    """Killed three times while a thousand events go through it: none is lost, none doubled for who dedupes."""
    service = await runtime.service("shop")

    async def publish() -> None:
        for first in range(0, EVENTS, 20):
            events = [_make(number) for number in range(first, first + 20)]
            while True:
                try:
                    await runtime.broker.publish(events)
                    break
                except Exception:  # noqa: BLE001 (away, or just closed: again, under the same ids)
                    await asyncio.sleep(0.01)

    publishing = asyncio.create_task(publish())
    for share in (0.2, 0.5, 0.8):
        await service.said(lambda lines, least=share * EVENTS: len(lines) >= least)  # type: ignore[misc]
        await runtime.kill()
    await publishing
    await service.said(lambda lines: len({line.split()[0] for line in lines}) == EVENTS)
    await _settled(runtime, "shop")
    await service.end(signal.SIGTERM)
    assert set(_taken(service)) == {str(number) for number in range(EVENTS)}
    reader = await runtime.broker.subscribe("count", ["orders"], mode="read")
    stored = await runtime.broker.read(reader.id, {}, max=EVENTS)
    assert len({one.event["id"] for one in stored}) == len(stored) == EVENTS
    # In hand when it was killed: at most 20 each time.
    assert _taken(service).total() <= EVENTS + 3 * 20
    assert await runtime.broker.dead_letters() == []
