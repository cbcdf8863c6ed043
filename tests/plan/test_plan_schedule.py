"""The times of schedules: intervals and cron, in a zone, across a change of its clocks."""

from __future__ import annotations

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenweave import source
from evenweave.definitions import swf08
from evenweave.plan.schedule import Cron, Interval, Schedule, Step
from evenweave.plan.swf08 import compile as compile_swf08

BERLIN, UTC = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")


def at(text: str) -> float:
    """A point in time, in seconds."""
    return datetime.datetime.fromisoformat(text).timestamp()


def times(schedule: Schedule, after: str, count: int, zone: ZoneInfo = UTC, anchor: str | None = None) -> list[str]:
    """The next starts behind a time, as clocks in a zone show them."""
    found, moment = [], at(after)
    for _ in range(count):
        following = schedule.following(moment, at(anchor or after))
        if following is None:
            break
        moment = following
        found.append(datetime.datetime.fromtimestamp(moment, zone).isoformat(timespec="minutes"))
    return found


def compiled(schedule: Any, states: str = "[{name: A, type: sleep, duration: PT1S, end: true}]") -> Any:
    """Compile a definition with a schedule."""
    import json

    text = (
        f"id: f\nspecVersion: '0.8'\nstart: {json.dumps({'stateName': 'A', 'schedule': schedule})}\nstates: {states}\n"
    )
    document = source.load("order.yaml", text).document
    assert document is not None
    loaded = swf08.load(document)
    assert loaded.workflow is not None, loaded.diagnostics
    return compile_swf08(document, loaded.workflow, {})


def made(schedule: Any) -> Schedule:
    """The schedule of a definition that has no mistakes."""
    plan = compiled(schedule).plan
    assert plan is not None
    assert plan.schedule is not None
    found: Schedule = plan.schedule
    return found


@pytest.mark.parametrize("written", ["R/PT2H", "PT2H", {"interval": "R/PT2H"}])
def test_interval_without_a_start_counts_from_the_registration(written: Any) -> None:
    """The first start is one duration behind the registration."""
    found = times(made(written), "2026-01-01T09:30+00:00", 3)
    assert found == ["2026-01-01T11:30+00:00", "2026-01-01T13:30+00:00", "2026-01-01T15:30+00:00"]


def test_interval_with_a_start_counts_from_it() -> None:
    """Starts lie at the start and at every duration behind it; those before the registration are over."""
    schedule = made("R/2020-03-20T13:00:00Z/PT2H")
    assert times(schedule, "2020-03-20T12:00+00:00", 2) == ["2020-03-20T13:00+00:00", "2020-03-20T15:00+00:00"]
    assert times(schedule, "2020-03-21T13:00+00:00", 1) == ["2020-03-21T15:00+00:00"]


def test_interval_with_an_end_counts_back_from_it() -> None:
    """The last start is one duration before the end, as the specification has it."""
    found = times(made("R/PT2H/2020-05-11T15:30:00Z"), "2020-05-11T08:00+00:00", 9)
    assert found == [f"2020-05-11T{hour}:30+00:00" for hour in ("09", "11", "13")]


def test_interval_of_a_start_and_an_end_is_one_start() -> None:
    """A single interval starts one instance, at its start."""
    assert times(made("2020-03-20T09:00:00Z/2020-03-20T15:00:00Z"), "2020-01-01T00:00+00:00", 9) == [
        "2020-03-20T09:00+00:00"
    ]


def test_interval_of_days_keeps_the_time_of_the_day_when_clocks_change() -> None:
    """Days and months are those of the zone's calendar, hours are hours."""
    daily = made({"interval": "R/2026-03-28T09:00/P1D", "timezone": "Europe/Berlin"})
    assert times(daily, "2026-03-28T00:00+00:00", 3, BERLIN) == [
        "2026-03-28T09:00+01:00",
        "2026-03-29T09:00+02:00",
        "2026-03-30T09:00+02:00",
    ]
    hours = made({"interval": "R/2026-03-28T09:00/PT24H", "timezone": "Europe/Berlin"})
    assert times(hours, "2026-03-28T00:00+00:00", 2, BERLIN) == ["2026-03-28T09:00+01:00", "2026-03-29T10:00+02:00"]


def test_interval_at_a_time_that_clocks_skip_is_as_much_later() -> None:
    """02:30 does not exist on the day on which clocks go forward: it is 03:30, and 02:30 again on the next day."""
    schedule = made({"interval": "R/2026-03-28T02:30/P1D", "timezone": "Europe/Berlin"})
    assert times(schedule, "2026-03-28T00:00+00:00", 3, BERLIN) == [
        "2026-03-28T02:30+01:00",
        "2026-03-29T03:30+02:00",
        "2026-03-30T02:30+02:00",
    ]


def test_interval_of_months_does_not_lose_the_last_day() -> None:
    """A month without the day has its last one, and the next month with it has it again."""
    schedule = made({"interval": "R/2026-01-31T12:00/P1M", "timezone": "Europe/Berlin"})
    found = times(schedule, "2026-01-01T00:00+00:00", 5, BERLIN)
    assert [each[:10] for each in found] == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]


def test_cron_with_five_six_and_seven_fields() -> None:
    """Seconds go before the five fields, years behind them; `?` is any."""
    begin = "2026-01-01T09:07+00:00"
    assert times(made({"cron": "*/15 * * * *"}), begin, 2) == ["2026-01-01T09:15+00:00", "2026-01-01T09:30+00:00"]
    assert times(made({"cron": "0 0/5 * * * ?"}), begin, 2) == ["2026-01-01T09:10+00:00", "2026-01-01T09:15+00:00"]
    seconds = made({"cron": "10,40 8 9 * * *"})
    assert seconds.following(at(begin), 0) == at("2026-01-01T09:08:10+00:00")
    assert seconds.following(at("2026-01-01T09:08:10+00:00"), 0) == at("2026-01-01T09:08:40+00:00")
    assert seconds.following(at("2026-01-01T09:08:40+00:00"), 0) == at("2026-01-02T09:08:10+00:00")
    assert times(made({"cron": "0 0 12 1 1 ? 2027-2028"}), begin, 9) == [
        "2027-01-01T12:00+00:00",
        "2028-01-01T12:00+00:00",
    ]


def test_cron_counts_days_of_the_week_as_its_dialect_does() -> None:
    """2 is Tuesday in crontab's five fields, and Monday where Quartz is meant; names are the same."""
    begin = "2026-01-01T00:00+00:00"  # a Thursday
    assert times(made({"cron": "0 9 * * 2"}), begin, 1) == ["2026-01-06T09:00+00:00"]
    assert times(made({"cron": "0 0 9 ? * 2"}), begin, 1) == ["2026-01-05T09:00+00:00"]
    assert times(made({"cron": "0 0 9 ? * 2#2"}), begin, 1) == ["2026-01-12T09:00+00:00"]
    assert times(made({"cron": "0 0 9 ? * MON-TUE"}), begin, 2) == ["2026-01-05T09:00+00:00", "2026-01-06T09:00+00:00"]


def test_cron_ends_when_it_is_no_longer_valid() -> None:
    """ValidUntil ends a schedule; without a zone it is a time of the schedule's."""
    cron = {"expression": "0 * * * *", "validUntil": "2021-11-05T08:15:30-05:00"}
    assert times(made({"cron": cron}), "2021-11-05T11:30+00:00", 9) == [
        "2021-11-05T12:00+00:00",
        "2021-11-05T13:00+00:00",
    ]
    local = {"cron": {"expression": "0 * * * *", "validUntil": "2021-11-05T01:00"}, "timezone": "Asia/Tokyo"}
    assert times(made(local), "2021-11-04T14:30+00:00", 9) == ["2021-11-04T15:00+00:00", "2021-11-04T16:00+00:00"]


@pytest.mark.parametrize("expression", ["30 2 * * *", "0 30 2 * * ?"])
def test_cron_runs_once_a_day_when_clocks_change(expression: str) -> None:
    """A fixed time that is skipped runs right behind the gap; one that comes twice runs once."""
    schedule = made({"cron": expression, "timezone": "Europe/Berlin"})
    spring = times(schedule, "2026-03-28T00:00+00:00", 3, BERLIN)
    assert spring == ["2026-03-28T02:30+01:00", "2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]
    autumn = times(schedule, "2026-10-24T00:00+00:00", 3, BERLIN)
    assert [each[:16] for each in autumn] == ["2026-10-24T02:30", "2026-10-25T02:30", "2026-10-26T02:30"]


def test_cron_of_every_hour_runs_every_hour_when_clocks_change() -> None:
    """No hour is left out and none runs twice at once: an hour that comes twice runs twice."""
    schedule = made({"cron": "0 * * * *", "timezone": "Europe/Berlin"})
    assert times(schedule, "2026-03-29T00:30+00:00", 2) == ["2026-03-29T01:00+00:00", "2026-03-29T02:00+00:00"]
    assert times(schedule, "2026-10-24T23:30+00:00", 3) == [f"2026-10-25T0{hour}:00+00:00" for hour in (0, 1, 2)]


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"cron": "99 * * * *"}, '"99 * * * *" is no cron expression: a bad minute'),
        ({"cron": "0 0 30 2 *"}, '"0 0 30 2 *" is no cron expression: a bad day-of-month'),
        ({"cron": "0 0 9 ? * 0"}, '"0 0 9 ? * 0" is no cron expression: a bad day-of-week'),
        ({"cron": "0 0 9 * * ? 2030-2020"}, '"0 0 9 * * ? 2030-2020" is no cron expression: a bad year'),
        ({"interval": "R/PT1H", "timezone": "Europe/Berln"}, 'there is no time zone "Europe/Berln"'),
        ("R/PT0S", "instances cannot be started more often than once a second"),
    ],
)
def test_schedule_that_can_be_none_is_pointed_out(schedule: Any, message: str) -> None:
    """What is no schedule is said when the definition is checked."""
    outcome = compiled(schedule)
    assert [(item.code, item.message) for item in outcome.diagnostics] == [("SW507", message)]
    assert outcome.plan is None


def test_event_state_that_the_time_starts_is_started_by_no_event() -> None:
    """With a schedule an event state is no start by events: what the time starts waits in it."""
    states = (
        "[{name: A, type: event, onEvents: [{eventRefs: [e]}], end: true}]\nevents: [{name: e, type: t, source: s}]"
    )
    assert compiled("R/PT1H", states).plan.starts == ()
    assert compiled("R/PT1H", states).plan.schedule is not None


STEPS = st.builds(Step, st.integers(0, 30), st.integers(0, 400), st.sampled_from([0.0, 1.0, 3600.0, 90061.0])).filter(
    lambda step: step.about_s >= 1
)
MOMENTS = st.integers(at_epoch := 946_684_800, at_epoch + 2 * 10**9).map(float)


@given(STEPS, MOMENTS, MOMENTS)
def test_interval_following_and_latest_agree(step: Step, anchor: float, moment: float) -> None:
    """The last start until a time has none between itself and that time, in a zone whose clocks change."""
    schedule = Interval(step, BERLIN)
    following = schedule.following(moment, anchor)
    assert following is not None
    assert following > moment
    assert following > anchor or step.times(1, anchor, BERLIN) == following
    latest = schedule.latest(anchor, moment, anchor)
    if moment > anchor and latest is not None:
        assert latest <= moment
        assert schedule.following(latest, anchor) == following
    assert schedule.latest(moment, following, anchor) == following


@given(st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 0 1 * *", "0 */3 * * 1-5", "15 10 2 29 2 ?"]), MOMENTS)
def test_cron_following_and_latest_agree(expression: str, moment: float) -> None:
    """The last time until a moment has none between itself and that moment."""
    schedule = Cron(expression, BERLIN)
    following = schedule.following(moment, 0)
    assert following is not None
    assert following > moment
    assert schedule.latest(moment, following, 0) == following
    latest = schedule.latest(moment - 5 * 366 * 86_400, moment, 0)
    if latest is not None:
        assert schedule.following(latest, 0) == following
