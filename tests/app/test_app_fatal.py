"""An event that kills every process that handles it is found and parked (PROTOCOL section 2, "One bad instance")."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import apsw
from fatal_child import FATAL
from three_parts import ORDER, Parts, new, shop, until

from evenweave.app import Whole

CHILD = Path(__file__).with_name("fatal_child.py")
ORDERS = 5
DEATHS = 6
"""At the first nobody is suspected; then it is in hand at three deaths among others, and at two alone."""


def die_until_parked(*arguments: str) -> subprocess.Popen[bytes]:
    """Start the process again and again until it lives; it has died so often by then."""
    environment = {**os.environ, "PYTHONPATH": str(CHILD.parent)}
    for _ in range(DEATHS):
        child = subprocess.Popen([sys.executable, str(CHILD), *arguments], env=environment, stdout=subprocess.DEVNULL)
        assert child.wait(30) < 0
    return subprocess.Popen([sys.executable, str(CHILD), *arguments], env=environment, stdout=subprocess.DEVNULL)


def completed(database: Path) -> int:
    """How many orders have ended, as another process sees it."""
    with contextlib.closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        connection.set_busy_timeout(5_000)
        return int(connection.execute("select count(*) from instances where status = 'completed'").fetchone()[0])


def kill(child: subprocess.Popen[bytes]) -> None:
    """End it; it must not have died by itself."""
    assert child.poll() is None
    child.kill()
    child.wait()


async def test_fatal_event_is_parked_and_the_others_go_on(tmp_path: Path) -> None:
    """On one database, the event that kills is parked after so many deaths; every other order ends."""
    child = await asyncio.to_thread(die_until_parked, str(tmp_path), str(ORDERS))
    end = time.monotonic() + 30
    while time.monotonic() < end:
        await asyncio.sleep(0.1)
        if child.poll() is not None or completed(tmp_path / "all.db") == ORDERS - 1:
            break
    kill(child)
    whole = await Whole.start(tmp_path / "all.db")
    statuses = [each.status for each in await whole.engine.instances()]
    (parked,) = await whole.engine.parked()
    await whole.stop()
    assert statuses == ["completed"] * (ORDERS - 1)
    assert parked.event["data"]["order"] == FATAL
    assert parked.reason == "the process that handled it died, 5 times"


async def test_fatal_event_from_a_runtime_is_parked_and_the_others_go_on(tmp_path: Path) -> None:
    """Between two databases it is the same, and the log goes on behind it."""
    parts = Parts(tmp_path)
    await parts.start()
    assert parts.engine is not None
    await parts.engine.engine.register("order.yaml", ORDER)
    await parts.stop_engine()
    async with shop(parts.broker):
        await parts.broker.publish([("new", new(str(number))) for number in range(ORDERS)])
        arguments = str(tmp_path), parts.url("catalog"), parts.url("runtime")
        child = await asyncio.to_thread(die_until_parked, *arguments)

        async def ended() -> int:
            return completed(tmp_path / "engine.db")

        await until(ended, ORDERS - 1)
        kill(child)
        await parts.start_engine()
        assert parts.engine is not None
        (parked,) = await parts.engine.engine.parked()
        assert parked.event["data"]["order"] == FATAL
    assert await parts.statuses() == ["completed"] * (ORDERS - 1)
    await parts.stop()
