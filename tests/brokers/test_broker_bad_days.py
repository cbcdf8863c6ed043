"""Bad days of the Runtime: a full disk, a folder it may not write, a file that is not its own, a clock that jumps."""

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from evenweave.adapters.brokers.embedded import MIGRATIONS, EmbeddedBroker
from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.sqlite import Database, DatabaseInUse, DatabaseTooNew, Unit
from evenweave.http.runtime import RuntimeFace
from evenweave.http.server import Server
from evenweave.ports.broker import Delivery, Unavailable

Make = Callable[..., dict[str, Any]]
HOUR_S = 3_600.0
DAY_MS = 86_400_000


@asynccontextmanager
async def _opened(
    path: Path | None, clock: JumpingClock | None = None
) -> AsyncIterator[tuple[EmbeddedBroker, Database]]:
    database = Database.open(path, [MIGRATIONS])
    broker = await EmbeddedBroker.open(database, clock=clock or JumpingClock(), jitter=lambda: 0.0)
    try:
        yield broker, database
    finally:
        await broker.close()
        await database.close()


def _numbers(deliveries: Sequence[Delivery]) -> list[int]:
    return [delivery.event["data"]["n"] for delivery in deliveries]


def _pragma(sql: str) -> Unit:
    unit = Unit()
    unit.add(sql, ())
    return unit


async def _trim(clock: JumpingClock, database: Database) -> int:
    """Let a round of trimming pass, and return how many rows are left."""
    clock.jump(10)
    for _ in range(20):
        await database.durable(Unit())
    return int(database.reader.value("select count(*) from broker_events"))


async def test_a_full_disk_is_told_and_passes(tmp_path: Path, make_event: Make) -> None:
    """A publish is a 503 that says so, the Runtime lives and hands out what it has; with space again all goes on."""
    async with _opened(tmp_path / "x.db") as (broker, database):
        shop = await broker.subscribe("shop", ["a"])
        await broker.publish([("a", make_event())])
        face = RuntimeFace(broker)
        server = await Server.start(face, on_stop=face.stop)
        async with aiohttp.ClientSession(server.url) as session:

            async def publish(event: dict[str, Any]) -> tuple[int, str]:
                headers = {"content-type": "application/cloudevents+json"}
                async with session.post("/v1/events?channel=a", json=event, headers=headers) as response:
                    return response.status, await response.text()

            async def ask(path: str) -> int:
                async with session.get(path) as response:
                    return response.status

            await database.durable(_pragma(f"pragma max_page_count = {database.reader.value('pragma page_count')}"))
            large = make_event(data={"n": 2, "text": "x" * 100_000})
            status, text = await publish(large)
            assert (status, "the disk is full" in text) == (503, True)
            # A small row may still find a place in a page that is there, which is ready enough.
            with pytest.raises(Unavailable, match="full"):
                await broker.publish([("a", large)])
            assert await ask("/healthz") == 200
            [first] = await broker.deliveries(shop.id)
            assert (await broker.figures()).commits.failures >= 2
            await database.durable(_pragma("pragma max_page_count = 1000000"))
            assert await ask("/readyz") == 200
            assert await publish(large) == (202, "")
            assert _numbers(await broker.deliveries(shop.id)) == [2]
            await broker.settle(shop.id, ack=[first.lease])
        await server.stop()


_LIMITED = """
    import asyncio, resource, sys
    from evenweave.adapters.brokers.embedded import MIGRATIONS, EmbeddedBroker
    from evenweave.adapters.clocks import SystemClock
    from evenweave.adapters.sqlite import Database
    from evenweave.ports.broker import Unavailable

    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    async def main():
        broker = await EmbeddedBroker.open(Database.open(sys.argv[1], [MIGRATIONS]), clock=SystemClock())
        limit(2_000_000)
        answered, size, ready = 0, 50_000, True
        while ready:
            event = {"specversion": "1.0", "id": str(answered), "source": "/s", "type": "t", "data": "x" * size}
            try:
                await broker.publish([("a", event)])
                answered += 1
            except Unavailable as error:
                # What is large has no place any more; something small may, for a while.
                print(error, file=sys.stderr)
                size = 10
                try:
                    await broker.check()
                except Unavailable:
                    ready = False
        limit(resource.RLIM_INFINITY)
        await broker.check()
        await broker.publish([("a", event)])
        group = await broker.subscribe("shop", ["a"])
        taken = await broker.deliveries(group.id, 1000)
        assert [int(one.event["id"]) for one in taken] == list(range(answered + 1)), (answered, len(taken))
        print(answered)

    asyncio.run(main())
"""


def _run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, env=environment, text=True, check=False, timeout=60)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no RLIMIT_FSIZE")
async def test_a_file_that_cannot_grow_loses_nothing(tmp_path: Path) -> None:
    """Publishing is `Unavailable`, readiness is gone, and all that was answered is there when files may grow again."""
    done = await asyncio.to_thread(_run, _LIMITED, tmp_path / "x.db")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 3
    assert "x.db" in done.stderr


_UNPRIVILEGED = """
    import asyncio, os, sys
    from evenweave.adapters.brokers.embedded import MIGRATIONS
    from evenweave.adapters.sqlite import Database, DatabaseReadOnly

    async def main():
        MIGRATIONS.scripts()
        if os.geteuid() == 0:
            os.setuid(65534)
        for file in sys.argv[1:]:
            try:
                Database.open(file, [MIGRATIONS])
            except DatabaseReadOnly as error:
                print(error)

    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no users to become")
async def test_a_folder_or_file_that_is_read_only_is_named(tmp_path: Path) -> None:
    """A data folder, or a file in it, that this user may not write is one clear sentence."""
    async with _opened(tmp_path / "fixed" / "runtime.db"):
        pass
    (tmp_path / "fixed" / "runtime.db").chmod(0o444)
    (tmp_path / "fixed").chmod(0o555)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(folder.stat().st_mode | 0o055)
    files = [tmp_path / "fixed" / "runtime.db", tmp_path / "fixed" / "new.db", tmp_path / "fixed" / "deeper" / "new.db"]
    done = await asyncio.to_thread(_run, _UNPRIVILEGED, *files)
    (tmp_path / "fixed").chmod(0o755)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    for line, file in zip(lines, files, strict=True):
        assert line.startswith(f"{file}: the file or its folder cannot be written")


async def test_a_log_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """A file that a newer Evenweave wrote is left alone, and the user is told to install that one."""
    async with _opened(tmp_path / "x.db") as (_, database):
        newer = Unit()
        newer.add("update schema_versions set version = ? where component = ?", (99, "broker"))
        await database.durable(newer)
    with pytest.raises(DatabaseTooNew, match=r"broker tables have version 99.*install the version that wrote"):
        Database.open(tmp_path / "x.db", [MIGRATIONS])


_HOLDER = """
    import asyncio, sys
    from evenweave.adapters.brokers.embedded import MIGRATIONS
    from evenweave.adapters.sqlite import Database

    async def main():
        Database.open(sys.argv[1], [MIGRATIONS])
        print("open", flush=True)
        sys.stdin.read()

    asyncio.run(main())
"""


async def test_a_second_process_on_the_file_is_refused(tmp_path: Path) -> None:
    """While one process has the file another is told which one; when the first is killed the file is free."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        textwrap.dedent(_HOLDER),
        str(tmp_path / "x.db"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"open\n"
    with pytest.raises(DatabaseInUse, match=f"process {holder.pid} has this file open"):
        Database.open(tmp_path / "x.db", [MIGRATIONS])
    holder.kill()
    await holder.communicate()
    async with _opened(tmp_path / "x.db") as (broker, _):
        assert await broker.subscriptions() == []


@pytest.mark.parametrize("jumps_h", [(5,), (-5,), (5, -5), (-5, 5), (24 * 40,)])
async def test_a_jumping_clock_trims_nothing_early(tmp_path: Path, make_event: Make, jumps_h: Sequence[int]) -> None:
    """However the clock is put forward or back, an event nobody subscribed to yet and a dead letter stay their time."""
    clock = JumpingClock()
    async with _opened(tmp_path / "x.db", clock) as (broker, database):
        shop = await broker.subscribe("shop", ["a"])
        await broker.publish([("a", make_event())])
        [taken] = await broker.deliveries(shop.id)
        await broker.settle(shop.id, reject=[(taken.lease, "bad")])
        for hours in jumps_h:
            await broker.publish([("nobody", make_event())])
            clock.set(clock.now() + round(hours * HOUR_S * 1000))
            await broker.publish([("mark", make_event())])
            assert await _trim(clock, database) == 2 + 2 * (jumps_h.index(hours) + 1)
        rows = 2 + 2 * len(jumps_h)
        clock.jump(HOUR_S - 100)
        assert await _trim(clock, database) == rows
        assert len(await broker.dead_letters()) == 1
        # Past its hour, and past the hours by which the clock may be wrong, everything goes but the dead letter.
        clock.jump(6 * HOUR_S)
        await broker.publish([("mark", make_event())])
        await _trim(clock, database)
        assert await _trim(clock, database) == 2


@pytest.mark.parametrize("jump_h", [-5, 5])
async def test_a_jumping_clock_moves_no_lease_and_no_retry(make_event: Make, jump_h: int) -> None:
    """Leases and backoffs go by the time that passes, not by the time that people read."""
    clock = JumpingClock()
    async with _opened(None, clock) as (broker, _):
        shop = await broker.subscribe("shop", ["a"])
        await broker.publish([("a", make_event()), ("a", make_event())])
        first, second = await broker.deliveries(shop.id, lease_s=10)
        await broker.settle(shop.id, retry=[(second.lease, "busy")])
        clock.set(clock.now() + round(jump_h * HOUR_S * 1000))
        assert await broker.deliveries(shop.id) == []
        clock.jump(0.2)
        assert _numbers(await broker.deliveries(shop.id)) == [2]
        clock.jump(9.8)
        assert await broker.deliveries(shop.id) == []
        clock.jump(0.2)
        [again] = await broker.deliveries(shop.id)
        assert (again.position, again.attempt) == (first.position, 2)
        assert all(0 <= lag.seconds < 6 * HOUR_S for lag in (await broker.figures()).lags)
