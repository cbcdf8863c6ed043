"""Durations, intervals and points in time."""

import pytest

from evenweave.definitions.swf08.duration import mend_duration, parse_duration, parse_instant, parse_interval


@pytest.mark.parametrize(
    ("text", "months", "milliseconds"),
    [
        ("PT0S", 0, 0),
        ("PT15M", 0, 900_000),
        ("PT0.001S", 0, 1),
        ("PT0,5S", 0, 500),
        ("PT1.5H", 0, 5_400_000),
        ("P1Y2M", 14, 0),
        ("P0.5Y", 6, 0),
        ("P2W", 0, 1_209_600_000),
        ("P2DT3H4M", 0, 183_840_000),
        ("P1Y2M3DT4H5M6S", 14, 273_906_000),
        ("PT0.0001S", 0, 1),
    ],
)
def test_duration_is_read(text: str, months: int, milliseconds: int) -> None:
    """A duration is months and milliseconds, rounded up to a whole one."""
    duration = parse_duration(text, "/states/0/duration")
    assert duration is not None
    assert (duration.months, duration.milliseconds, duration.text) == (months, milliseconds, text)
    assert duration.ref == "/states/0/duration"


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1", "1H", "PT1", "PT-1S", "P1H", "PT1.5H2M", "P0.5M", "pt1s", "P1Y ", "PT٣S", "P99999Y"]
)
def test_duration_that_is_none_is_refused(text: str) -> None:
    """Anything else is no duration: signs, other digits, fractions but in the last part, more than a thousand years."""
    assert parse_duration(text, "") is None


def test_duration_with_days_behind_the_t_is_mended() -> None:
    """The examples' PT30D is read as P30D, and nothing else is mended."""
    mended = mend_duration("PT30D", "")
    assert mended is not None
    assert mended.text == "P30D"
    assert mend_duration("PT30", "") is None
    assert mend_duration("PT1D2H", "") is None


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("R/PT2H", (True, False, False)),
        ("PT2H", (True, False, False)),
        ("R/2020-03-20T13:00:00Z/PT2H", (True, True, False)),
        ("R/PT2H/2020-05-11T15:30:00Z", (True, False, True)),
        ("2020-03-20T09:00:00Z/2020-03-20T15:00:00Z", (False, True, True)),
    ],
)
def test_interval_is_read(text: str, parts: tuple[bool, bool, bool]) -> None:
    """An interval is a duration with a start or an end, or both without one."""
    interval = parse_interval(text, "")
    assert interval is not None
    assert (interval.duration is not None, interval.start is not None, interval.end is not None) == parts


@pytest.mark.parametrize("text", ["", "R", "R/", "R5/PT2H", "R/PT2H/PT3H", "R/a/PT2H", "PT1H/2020-05-11", "R/P"])
def test_interval_that_is_none_is_refused(text: str) -> None:
    """A count of repetitions and two durations are no interval."""
    assert parse_interval(text, "") is None


def test_instant_keeps_its_zone() -> None:
    """A point in time has the zone that is written, or none."""
    zoned, local = parse_instant("2021-11-05T08:15:30-05:00", ""), parse_instant("2021-11-05T08:15:30", "")
    assert zoned is not None
    assert local is not None
    assert zoned.at.utcoffset() is not None
    assert local.at.tzinfo is None
    assert parse_instant("tomorrow", "") is None
