"""Instances that are started by time."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import apsw
from worker_house import House, consumed, flow, waiting

from evenweave.adapters.clocks import JumpingClock
from evenweave.app import Whole
from evenweave.worker import Settings

if TYPE_CHECKING:
    from pathlib import Path

SAY = {"name": "Say", "type": "inject", "data": {"said": True}}
HOUR = 3600.0


def put(clock: JumpingClock, text: str) -> None:
    """Let it be that time."""
    clock.set(round(datetime.datetime.fromisoformat(text).timestamp() * 1000))


def scheduled(schedule: Any, *, version: str = "1", states: tuple[dict[str, Any], ...] = (SAY,), **rest: Any) -> bytes:
    """A definition with a schedule."""
    document = json.loads(flow("timed", *states, events=rest.pop("events", []), version=version))
    return json.dumps(document | {"start": {"stateName": states[0]["name"], "schedule": schedule}}).encode()


async def starts(house: House, zone: str = "UTC") -> list[str]:
    """When instances were started, in a zone."""
    found = [each.started for each in await house.engine.instances()]
    return [datetime.datetime.fromtimestamp(at, ZoneInfo(zone)).isoformat(timespec="minutes") for at in found]


async def hours(house: House, count: int) -> None:
    """Let hours pass, one after the other."""
    for _ in range(count):
        await house.jump(HOUR)


async def test_interval_starts_an_instance_at_each_of_its_times(house: House) -> None:
    """Without a start the first one is one duration behind the registration."""
    put(house.clock, "2026-01-01T09:30+00:00")
    await house.register(scheduled("R/PT2H"))
    await house.settle()
    assert await house.count() == 0
    await hours(house, 5)
    assert await starts(house) == ["2026-01-01T11:30+00:00", "2026-01-01T13:30+00:00"]
    assert await house.statuses() == ["completed", "completed"]


async def test_cron_in_a_zone_keeps_the_time_of_the_day_when_clocks_go_forward(house: House) -> None:
    """Every day at 09:00 in Berlin is an hour earlier in the world from the change on."""
    put(house.clock, "2026-03-28T00:00+01:00")
    await house.register(scheduled({"cron": "0 9 * * *", "timezone": "Europe/Berlin"}))
    await hours(house, 24 * 3)
    assert await starts(house, "Europe/Berlin") == [
        "2026-03-28T09:00+01:00",
        "2026-03-29T09:00+02:00",
        "2026-03-30T09:00+02:00",
    ]


async def test_cron_in_a_zone_runs_once_when_clocks_go_back(house: House) -> None:
    """A fixed time that comes twice in a night starts one instance; every hour starts one in each of both."""
    put(house.clock, "2026-10-24T22:00+02:00")
    await house.register(scheduled({"cron": "0 2 * * *", "timezone": "Europe/Berlin"}))
    await hours(house, 8)
    assert await starts(house, "Europe/Berlin") == ["2026-10-25T02:00+02:00"]


async def test_interval_of_a_day_keeps_the_time_of_the_day_when_clocks_change(house: House) -> None:
    """P1D is a day of the zone's calendar, of 23 hours in the night in which clocks go forward."""
    put(house.clock, "2026-03-28T00:00+01:00")
    await house.register(scheduled({"interval": "R/2026-03-28T09:00/P1D", "timezone": "Europe/Berlin"}))
    await hours(house, 24 * 2)
    assert await starts(house, "Europe/Berlin") == ["2026-03-28T09:00+01:00", "2026-03-29T09:00+02:00"]


async def test_times_that_passed_while_nobody_looked_start_one_instance(house: House) -> None:
    """Of all that were missed the last one starts, at once; then it goes on as before."""
    put(house.clock, "2026-01-01T09:30+00:00")
    await house.register(scheduled("R/PT1H"))
    await house.settle()
    await house.jump(10.5 * HOUR)
    assert await starts(house) == ["2026-01-01T20:00+00:00"]
    await house.jump(0.5 * HOUR)
    assert await starts(house) == ["2026-01-01T20:00+00:00", "2026-01-01T20:30+00:00"]


async def test_newer_version_takes_the_place_of_the_schedule(house: House) -> None:
    """The schedule of the newest version is heeded, and no other."""
    put(house.clock, "2026-01-01T09:00+00:00")
    await house.register(scheduled("R/PT1H"))
    await house.jump(0.5 * HOUR)
    await house.register(scheduled("R/PT4H", version="2"))
    await hours(house, 9)
    found = await house.engine.instances()
    assert [each.version for each in found] == ["2", "2"]
    assert await starts(house) == ["2026-01-01T13:30+00:00", "2026-01-01T17:30+00:00"]


async def test_removed_definition_starts_nothing_any_more(house: House) -> None:
    """A schedule ends with its definition."""
    await house.register(scheduled("R/PT1H"))
    await hours(house, 1)
    await house.engine.remove("timed")
    await hours(house, 5)
    assert await house.count() == 1


async def test_disabled_definition_has_no_times_until_it_is_enabled(house: House) -> None:
    """What would have been started meanwhile is not made up for."""
    put(house.clock, "2026-01-01T09:00+00:00")
    await house.register(scheduled("R/2026-01-01T00:00:00Z/PT1H"))
    await hours(house, 1)
    await house.engine.disable("timed", "1")
    await hours(house, 3)
    assert await house.count() == 1
    await house.jump(0.25 * HOUR)
    await house.engine.disable("timed", "1", disabled=False)
    await house.settle()
    assert await house.count() == 1
    await house.jump(0.75 * HOUR)
    assert await starts(house) == ["2026-01-01T10:00+00:00", "2026-01-01T14:00+00:00"]


async def test_what_the_time_starts_waits_in_an_event_state(house: House) -> None:
    """An event state with a schedule is started by the time alone, and then waits for its events."""
    document = scheduled("R/PT1H", states=(waiting("Wait", "Go"), SAY), events=[consumed("Go")])
    await house.register(document)
    await hours(house, 1)
    assert await house.statuses() == ["waiting"]
    await house.publish({"specversion": "1.0", "id": "g", "source": "/t", "type": "go", "data": {}})
    assert await house.statuses() == ["completed"]


async def test_schedule_goes_on_behind_a_restart_and_starts_nothing_twice(tmp_path: Path) -> None:
    """What was started is known; of what was missed the last one starts, and the times stay as they were."""
    clock = JumpingClock()
    put(clock, "2026-01-01T09:00+00:00")

    async def open_() -> House:
        return House(await Whole.start(tmp_path / "one.db", settings=Settings(), clock=clock), clock)

    house = await open_()
    await house.register(scheduled("R/PT1H"))
    await house.settle()
    clock.jump(HOUR)
    await house.until(house.count, 1)
    await house.whole.stop()
    house = await open_()
    await house.settle()
    assert await house.count() == 1
    await house.whole.stop()
    clock.jump(3.5 * HOUR)
    house = await open_()
    await house.until(house.count, 2)
    clock.jump(0.5 * HOUR)
    await house.until(house.count, 3)
    await house.whole.stop()
    assert await starts_of(tmp_path / "one.db") == [10.0, 13.5, 14.0]


async def starts_of(path: Path) -> list[float]:
    """The hours of the day at which instances were started, from the file."""
    rows = apsw.Connection(str(path)).execute("select started from instances order by sequence").fetchall()
    return [row[0] % 86_400 / HOUR for row in rows]
