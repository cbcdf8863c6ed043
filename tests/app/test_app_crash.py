"""kill -9 in the middle of a load: every order ends, each id is once in the log (PROTOCOL sections 1 to 4)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from three_parts import ORDER, Parts, new, read_all, shop, until

from evenweave.app import Whole

ORDERS = 120
CHILD = Path(__file__).with_name("crash_child.py")


def start_child(*arguments: str) -> subprocess.Popen[bytes]:
    """Start the process that is going to be killed."""
    environment = {**os.environ, "PYTHONPATH": str(CHILD.parent)}
    return subprocess.Popen([sys.executable, str(CHILD), *arguments], stdout=subprocess.PIPE, env=environment)


def count(database: Path, table: str) -> int:
    """How many rows a table has, as another process sees it; 0 before it is there."""
    if not database.exists():
        return 0
    with contextlib.suppress(apsw.Error):
        connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return int(connection.execute(f"select count(*) from {table}").fetchone()[0])
        finally:
            connection.close()
    return 0


def kill_when(child: subprocess.Popen[bytes], database: Path, bursts: int) -> None:
    """Kill the process once so many bursts are durable."""
    end = time.monotonic() + 20
    while count(database, "history") < bursts and time.monotonic() < end:
        assert child.poll() is None, "the process ended by itself"
        time.sleep(0.001)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert child.stdout is not None
    child.stdout.close()
    assert count(database, "history") >= bursts


async def check(statuses: list[str], broker: Any, orders: int) -> None:
    """Every order ended, was asked for and told of under one id each, and nothing was given up."""
    assert statuses == ["completed"] * orders
    for channel in ("ask", "tell"):
        found = await read_all(broker, channel)
        assert len(found) == orders
        assert len({each["id"] for each in found}) == orders
        assert len({each["data"]["order"] for each in found}) == orders
    assert await broker.dead_letters() == []


async def finish(whole: Whole) -> None:
    """Let all orders end."""

    async def completed() -> int:
        return len(await whole.engine.instances(status="completed", limit=1000))

    async with shop(whole.broker):
        await whole.broker.publish([("new", new(str(number))) for number in range(ORDERS)])
        await until(completed, ORDERS)


async def test_whole_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """On one database, killed at growing counts of bursts, the last run ends every order exactly once."""
    for bursts in (1, 40, 90, 130, 170):
        kill_when(start_child(str(tmp_path), str(ORDERS)), tmp_path / "all.db", bursts)
    whole = await Whole.start(tmp_path / "all.db")
    await finish(whole)
    statuses = [each.status for each in await whole.engine.instances(limit=1000)]
    await check(statuses, whole.broker, ORDERS)
    assert list(await whole.engine.parked()) == []
    await whole.stop()


async def test_engine_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Between two databases, killed while the Runtime and the shop go on, the engine ends every order exactly once."""
    parts = Parts(tmp_path)
    await parts.start_catalog()
    await parts.start_runtime()
    arguments = str(tmp_path), parts.url("catalog"), parts.url("runtime")
    async with shop(parts.broker):
        await parts.broker.publish([("new", new(str(number))) for number in range(ORDERS // 2)])
        for bursts in (1, 30, 70, 110, 150):
            child = start_child(*arguments)
            await asyncio.to_thread(kill_when, child, tmp_path / "engine.db", bursts)
            if bursts == 30:
                rest = [("new", new(str(number))) for number in range(ORDERS // 2, ORDERS)]
                await parts.broker.publish(rest)
        await parts.start_engine()
        await until(parts.statuses, ["completed"] * ORDERS)

    async def told() -> int:
        return len(await read_all(parts.broker, "tell"))

    await until(told, ORDERS)
    await check(await parts.statuses(), parts.broker, ORDERS)
    await parts.stop()


@pytest.mark.parametrize("table", ["outbox", "positions"])
async def test_engine_that_dies_between_publishing_and_forgetting_publishes_no_second_event(
    tmp_path: Path, table: str
) -> None:
    """Outbox rows that were published and not deleted, or positions that fell behind, change nothing later."""
    parts = Parts(tmp_path)
    await parts.start()
    assert parts.engine is not None
    await parts.engine.engine.register("order.yaml", ORDER)
    await parts.broker.publish([("new", new(str(number))) for number in range(10)])

    async def asked() -> int:
        return len(await read_all(parts.broker, "ask"))

    await until(asked, 10)
    asks = await read_all(parts.broker, "ask")
    await parts.stop_engine()
    connection = apsw.Connection(str(tmp_path / "engine.db"))
    if table == "outbox":
        for each in asks:
            row = (each["workflowinstanceid"], "ask", msgspec.msgpack.encode(each))
            connection.execute("insert into outbox (tenant, instance, channel, event) values ('default', ?, ?, ?)", row)
    else:
        connection.execute("update positions set position = 0")
    connection.close()
    await parts.start_engine()

    async def left() -> int:
        return count(tmp_path / "engine.db", "outbox")

    async with shop(parts.broker):
        await until(parts.statuses, ["completed"] * 10)
        await until(left, 0)
    await check(await parts.statuses(), parts.broker, 10)
    await parts.stop()
