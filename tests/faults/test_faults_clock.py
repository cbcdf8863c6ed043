"""A clock that is put forward or back while the engine runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from faulty_house import answer, asking, begun, flow

if TYPE_CHECKING:
    from faulty_house import House

HOUR_S = 3_600.0
SLEEPY = flow("sleepy", {"name": "rest", "type": "sleep", "duration": "PT10M"})


async def test_clock_put_forward_fires_what_is_overdue_within_half_a_minute(faulty: House) -> None:
    """Deadlines are points in time: put an hour forward, one that was ten minutes away is overdue, and fires."""
    await faulty.engine.register("flow.json", SLEEPY)
    await faulty.publish("begun", begun("1"))
    await faulty.set(HOUR_S)
    assert await faulty.statuses() == ["waiting"]
    await faulty.jump(30)
    assert await faulty.statuses() == ["completed"]


async def test_clock_put_back_delays_a_deadline_and_no_more(faulty: House) -> None:
    """Put an hour back, a deadline comes when the clock says so; what begins meanwhile sleeps its ten minutes."""
    await faulty.engine.register("flow.json", SLEEPY)
    await faulty.publish("begun", begun("1"))
    await faulty.set(-HOUR_S)
    await faulty.publish("begun", begun("2"))
    await faulty.jump(599)
    assert await faulty.statuses() == ["waiting", "waiting"]
    await faulty.jump(1)
    assert await faulty.statuses() == ["waiting", "completed"]
    await faulty.jump(HOUR_S)
    assert await faulty.statuses() == ["completed", "completed"]


async def test_clock_put_back_and_right_again_delays_nothing(faulty: House) -> None:
    """A clock that is wrong for a minute leaves no timer behind that sleeps for an hour."""
    await faulty.engine.register("flow.json", SLEEPY)
    await faulty.publish("begun", begun("1"))
    await faulty.set(-HOUR_S)
    await faulty.jump(60)
    await faulty.set(HOUR_S)
    await faulty.jump(570)
    assert await faulty.statuses() == ["completed"]


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
async def test_clock_that_jumps_loses_no_reply(faulty: House, jump_s: float) -> None:
    """Events are deduped, matched and kept whatever the clock says: what waits for a reply gets it."""
    await faulty.engine.register("flow.json", flow("asking", asking()))
    await faulty.publish("begun", begun("1"))
    await faulty.set(jump_s)
    await faulty.jump(31)
    await faulty.publish("begun", begun("1"), begun("2"))
    asks = await faulty.log("ask")
    assert len(asks) == 2
    await faulty.publish("answer", *(answer(ask, f"r{number}", data={}) for number, ask in enumerate(asks)))
    assert await faulty.statuses() == ["completed", "completed"]
