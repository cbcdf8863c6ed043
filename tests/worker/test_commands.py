"""Instances are started and commanded by people, and by time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from worker_house import House, consumed, event, flow, sleeping, waiting

from evenweave.engine.burst import Limits
from evenweave.engine.life import NotAllowed
from evenweave.worker.engine import NotFound, NotPossible

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PLAIN = flow("plain", waiting("begin", "A"), waiting("then", "B"), events=[consumed("A"), consumed("B")])
SLEEPY = flow("sleepy", sleeping("rest", "PT1H"), events=[])


async def test_same_command_starts_one_instance(house: House) -> None:
    """A command that is repeated under its id starts nothing more; without an id each starts one."""
    await house.register(SLEEPY)
    first = await house.engine.start_instance("sleepy", {"n": 1}, command="c1")
    assert await house.engine.start_instance("sleepy", {"n": 2}, command="c1") == first
    assert await house.engine.start_instance("sleepy", {}) != await house.engine.start_instance("sleepy", {})
    assert len(await house.instances()) == 3
    assert (await house.engine.instance(first)).data == {"n": 1}


async def test_same_command_after_its_instance_was_deleted_starts_none(house: House) -> None:
    """A tombstone stands for a deleted instance."""
    await house.register(SLEEPY)
    one = await house.engine.start_instance("sleepy", {}, command="c1")
    with pytest.raises(NotPossible):
        await house.engine.delete_instance(one)
    await house.command(one, "cancel")
    await house.engine.delete_instance(one)
    assert await house.engine.start_instance("sleepy", {}, command="c1") == one
    assert await house.instances() == []


async def test_command_start_needs_a_definition_that_is_started_so(house: House) -> None:
    """Unknown definitions, definitions that begin with an event, and inputs that are no object are refused."""
    await house.register(PLAIN)
    with pytest.raises(NotFound):
        await house.engine.start_instance("nothing", {})
    with pytest.raises(NotPossible, match="begins with an event"):
        await house.engine.start_instance("plain", {})
    with pytest.raises(NotPossible, match="JSON object"):
        await house.engine.start_instance("plain", [])


async def test_unknown_instance_is_not_found(house: House) -> None:
    """Nothing can be asked of an instance that is not there."""
    for verb in ("suspend", "resume", "cancel"):
        with pytest.raises(NotFound):
            await house.command("nobody", verb)
    with pytest.raises(NotFound):
        await house.engine.delete_instance("nobody")
    with pytest.raises(NotFound):
        await house.engine.instance("nobody")


async def test_ended_instance_takes_no_command(house: House) -> None:
    """An instance that ended refuses every command and stays as it is."""
    await house.register(flow("short", waiting("begin", "A"), events=[consumed("A")]))
    await house.publish(event("1", "a"))
    (one,) = await house.instances()
    for verb in ("suspend", "resume", "cancel"):
        with pytest.raises(NotAllowed):
            await house.command(one.id, verb)
    assert (await house.instances())[0].revision == one.revision


async def test_cancel_takes_back_every_wait(house: House) -> None:
    """A cancelled instance waits for nothing: the next event of its wait is kept for somebody else."""
    await house.register(PLAIN)
    await house.publish(event("1", "a"))
    (one,) = await house.instances()
    await house.command(one.id, "cancel")
    await house.publish(event("2", "b"), event("3", "a"))
    assert await house.statuses() == ["cancelled", "completed"]


async def test_deadline_fires_in_time_and_not_before(house: House) -> None:
    """A sleep ends at its deadline."""
    await house.register(SLEEPY)
    await house.engine.start_instance("sleepy", {})
    await house.jump(3599)
    assert await house.statuses() == ["waiting"]
    await house.jump(1)
    assert await house.statuses() == ["completed"]


async def test_deadline_of_a_suspended_instance_waits_for_its_resumption(house: House) -> None:
    """A deadline that passes while its instance is suspended fires when it is resumed."""
    await house.register(SLEEPY)
    one = await house.engine.start_instance("sleepy", {})
    await house.command(one, "suspend")
    await house.jump(7200)
    assert await house.statuses() == ["suspended"]
    await house.command(one, "resume")
    assert await house.statuses() == ["completed"]


async def test_burst_that_is_too_long_goes_on_at_once(open_house: Callable[..., Awaitable[House]]) -> None:
    """What is left of a burst above its bound goes on in bursts of its own, and an endless one is suspended."""
    house = await open_house(limits=Limits(nodes=100, bursts=20))
    step = {"name": "step", "type": "inject", "data": {"n": 1}, "transition": "again"}
    again = {"name": "again", "type": "inject", "data": {"n": 2}, "transition": "step"}
    await house.register(flow("endless", step, again, events=[]))
    await house.engine.start_instance("endless", {})
    for _ in range(60):
        await house.jump(0)
        if await house.statuses() == ["suspended"]:
            break
    (one,) = await house.instances()
    assert one.reason is not None
    assert (one.status, one.reason.type) == ("suspended", "limit")


async def test_history_has_one_row_a_burst_with_its_causes(house: House) -> None:
    """All causes of one batch are one burst and one row."""
    await house.register(PLAIN)
    await house.publish(event("1", "a"), event("2", "b"))
    (one,) = await house.instances()
    assert (one.status, one.revision) == ("completed", 1)
    (entry,) = await house.engine.history(one.id)
    assert entry.revision == 1
