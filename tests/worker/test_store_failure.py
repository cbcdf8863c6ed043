"""A disk that is full: nothing is lost, and everything goes on when there is room again."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any

import pytest
from worker_house import House, consumed, event, flow, sleeping, waiting

from evenweave.adapters.clocks import JumpingClock
from evenweave.app import Whole
from evenweave.ports.broker import Unavailable
from evenweave.ports.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAIN = flow("plain", waiting("begin", "A"), waiting("then", "B"), events=[consumed("A"), consumed("B")])
SLEEPY = flow("sleepy", sleeping("rest", "PT10S"), events=[])


class Disk:
    """The disk, as large as the process may write files."""

    def __init__(self) -> None:
        self._limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        """Leave no room."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, self._limits[1]))

    def clear(self) -> None:
        """Make room again."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._limits)


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk that has room again after the test."""
    disk = Disk()
    yield disk
    disk.clear()


async def test_everything_goes_on_once_the_disk_has_room_again(tmp_path: Path, disk: Disk) -> None:
    """With a full disk publishing and commands say so, deadlines wait; with room again all end, each once."""
    clock = JumpingClock()
    whole = await Whole.start(tmp_path / "all.db", clock=clock)
    house = House(whole, clock)
    await house.register(PLAIN)
    await house.register(SLEEPY)
    sleeper = await house.engine.start_instance("sleepy", {})
    await house.broker.publish([("a", event("1", "a"))])
    await house.until(house.statuses, ["waiting", "waiting"])
    disk.fill()
    with pytest.raises(Unavailable):
        await house.broker.publish([("b", event("go", "b"))])
    with pytest.raises(StoreUnavailable):
        await house.command(sleeper, "suspend")
    clock.jump(11)
    await house.settle()
    assert await house.statuses() == ["waiting", "waiting"]
    disk.clear()

    async def statuses() -> list[str]:
        clock.jump(1)
        return await house.statuses()

    await house.until(statuses, ["completed", "waiting"])
    await house.broker.publish([("b", event("go", "b")), ("a", event("2", "a"))])
    await house.until(statuses, ["completed", "completed", "waiting"])
    assert house.engine.ready
    await whole.stop()


async def test_log_that_cannot_be_read_is_read_later(tmp_path: Path) -> None:
    """Where reading the log fails for a while the engine goes on as it is, and takes what is there once it can."""
    clock = JumpingClock()
    whole = await Whole.start(tmp_path / "all.db", clock=clock)
    house = House(whole, clock)
    await house.register(PLAIN)
    await house.engine.stop()
    await house.broker.publish([("a", event("1", "a"))])
    log = house.broker._log
    log.forget("a", log.horizon)
    await house.engine.start()
    connection = house.broker._database.reader._connection
    connection.set_progress_handler(lambda: True, 1)
    await house.settle()
    assert house.engine._intake._failures == 1
    connection.set_progress_handler(None)
    assert await house.statuses() == []

    async def statuses() -> list[str]:
        clock.jump(1)
        return await house.statuses()

    await house.until(statuses, ["waiting"])
    assert house.engine.ready
    await whole.stop()


async def test_log_that_cannot_be_asked_refuses_a_transaction_for_now(tmp_path: Path) -> None:
    """Where it cannot be told whether an event was published before, nothing of its transaction is queued."""
    clock = JumpingClock()
    whole = await Whole.start(tmp_path / "all.db", clock=clock)
    house = House(whole, clock)
    store = house.engine._store
    connection = house.broker._database.reader._connection

    def publish(*ids: str) -> Any:
        transaction = store.begin()
        for each in ids:
            transaction.publish("", "a", event(each, "a"))
        return transaction.queue()

    await publish("old")
    connection.set_progress_handler(lambda: True, 1)
    with pytest.raises(StoreUnavailable, match="the log cannot be read"):
        publish("new", "old")
    connection.set_progress_handler(None)
    await publish("new", "old")
    assert [each["id"] for each in await house.log("a")] == ["old", "new"]
    await whole.stop()
