"""What ended is let go of after its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from worker_house import House, consumed, event, flow, sleeping, waiting

from evenweave.worker.refusals import NotFound
from evenweave.worker.replay import CannotReplay
from evenweave.worker.retention import AT_ONCE, EVERY_S, PAUSE_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SHORT = flow("short", {"name": "done", "type": "inject", "data": {"done": True}}, events=[])
LONG = flow("long", sleeping("rest", "P1D"), events=[])


async def _pass(house: House, seconds: float) -> None:
    """Let time pass, with the pauses between the steps."""
    house.clock.jump(seconds)
    await house.settle()
    for _ in range(5):
        house.clock.jump(PAUSE_S)
        await house.settle()


async def test_history_is_kept_for_its_time_after_the_end(open_house: Callable[..., Awaitable[House]]) -> None:
    """The history goes, its instance stays and says so; an instance that has not ended keeps its own whole."""
    house = await open_house(history_s=100.0)
    await house.register(SHORT)
    await house.register(LONG, "long.json")
    short = await house.engine.start_instance("short", {})
    long = await house.engine.start_instance("long", {})
    await _pass(house, 90.0)
    assert len(await house.engine.history(short)) == 1
    await _pass(house, 2 * EVERY_S)
    assert list(await house.engine.history(short)) == []
    assert (await house.engine.instance(short)).data == {"done": True}
    with pytest.raises(CannotReplay, match="cannot be run again"):
        await house.engine.archive.trace(short)
    assert len(await house.engine.history(long)) == 1


async def test_ended_instance_is_kept_for_its_time_and_known_afterwards(
    open_house: Callable[..., Awaitable[House]],
) -> None:
    """The instance goes with all that is its own; its event starts no second one, for a tombstone stays."""
    house = await open_house(ended_s=100.0)
    await house.register(flow("orders", waiting("take", "Order"), events=[consumed("Order")]))
    order = event("1", "order")
    await house.publish(order)
    (one,) = await house.engine.instances()
    assert one.status == "completed"
    await _pass(house, 90.0)
    assert len(await house.engine.instances()) == 1
    await _pass(house, 2 * EVERY_S)
    assert list(await house.engine.instances()) == []
    with pytest.raises(NotFound):
        await house.engine.history(one.id)
    assert await house.engine._store.begin().known(one.id)


async def test_many_are_let_go_of_in_small_steps(open_house: Callable[..., Awaitable[House]]) -> None:
    """More than fit into a step take several, with a pause between them in which orders come first."""
    house = await open_house(ended_s=1.0)
    await house.register(SHORT)
    for number in range(AT_ONCE + 1):
        await house.engine.start_instance("short", {}, command=str(number))
    house.clock.jump(EVERY_S)
    await house.settle()
    assert len(await house.engine.instances(limit=1000)) == 1
    house.clock.jump(PAUSE_S)
    await house.settle()
    assert list(await house.engine.instances(limit=1000)) == []


async def test_everything_is_kept_where_no_time_is_set(house: House) -> None:
    """By default nothing is let go of."""
    await house.register(SHORT)
    one = await house.engine.start_instance("short", {})
    await _pass(house, 10_000.0)
    assert len(await house.engine.history(one)) == 1
