"""Deadlines in numbers: they are in the store, and worked off many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker_house import House, flow, sleeping

from evenweave.worker.timers import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

COUNT = 2 * AT_ONCE + 10


async def _sleepers(house: House, first: int, count: int) -> None:
    for number in range(first, first + count):
        await house.engine.start_instance("sleeper", {}, command=str(number))
    await house.settle()


async def test_pending_deadlines_cost_no_timer_each(house: House) -> None:
    """However many instances rest, only the next deadline is waited for."""
    await house.register(flow("sleeper", sleeping("rest", "PT1H"), events=[]))
    await _sleepers(house, 0, 1)
    timers = len(house.clock._timers)
    await _sleepers(house, 1, COUNT)
    assert len(house.clock._timers) == timers


async def test_overdue_deadlines_are_worked_off_many_at_a_time(house: House) -> None:
    """What is due at once moves in as few transactions as it takes, and all of it moves."""
    await house.register(flow("sleeper", sleeping("rest", "PT1H"), events=[]))
    await _sleepers(house, 0, COUNT)
    before = (await house.engine.figures()).figures.transactions
    house.clock.jump(3600.0)
    await house.settle()
    figures = (await house.engine.figures()).figures
    assert figures.turned["sleeper", "completed"] == COUNT
    assert sum(figures.deadlines.counts) == COUNT
    assert figures.transactions - before == -(-COUNT // AT_ONCE)


async def test_memory_holds_no_more_instances_than_its_bound(open_house: Callable[..., Awaitable[House]]) -> None:
    """Instances that rest leave the memory as others move; they are read again when their time has come."""
    house = await open_house()
    house.engine._store.hot._bound = 10
    await house.register(flow("sleeper", sleeping("rest", "PT1H"), events=[]))
    await _sleepers(house, 0, 50)
    assert len(house.engine._store.hot._known) == 10
    house.clock.jump(3600.0)
    await house.settle()
    assert (await house.engine.figures()).figures.turned["sleeper", "completed"] == 50
