"""A disk that is full: nothing is lost, and everything goes on when there is room again."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

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
