"""Dates, in UTC and without the platform's functions."""

from __future__ import annotations

import calendar
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenweave import jq

CASES: list[tuple[str, Any, Any]] = [
    ("todate", 1425599621, "2015-03-05T23:53:41Z"),
    ("todate", -1e12, "-29719-04-05T22:13:20Z"),
    ("fromdate", "2015-03-05T23:51:47Z", 1425599507),
    ("gmtime", 1425599507.25, [2015, 2, 5, 23, 51, 47.25, 4, 63]),
    ("mktime", [2024, 13, 1], 1738368000),
    ("mktime", [], -2209075200),
    ('strftime("%A, %B %d, %Y %j %U %V %G %e %I %p %s %F %T %%")', 1425599621,
     "Thursday, March 05, 2015 064 09 10 2015  5 11 PM 1425599621 2015-03-05 23:53:41 %"),
    ('strptime("%Y-%m-%dT%H:%M:%SZ")', "2015-03-05T23:51:47Z", [2015, 2, 5, 23, 51, 47, 4, 63]),
    ('strptime("%d %b %Y %I:%M %p")', "05 Mar 2015 11:51 pm", [2015, 2, 5, 23, 51, 0, 4, 63]),
    ('strptime("%Y %j")', "2015 64", [2015, 2, 5, 0, 0, 0, 4, 63]),
    ('strptime("%H:%M")', "10:20", [1900, 0, 0, 10, 20, 0, 8, 367]),
    ('strptime("%Y-%m-%d")', "2015-03-05 23", [2015, 2, 5, 0, 0, 0, 4, 63, " 23"]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "value", "output"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_dates_convert_as_in_jq(source: str, value: Any, output: Any) -> None:
    """Seconds, broken down times and texts convert into each other as in jq."""
    assert jq.compile(source).first(value) == output


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(seconds=st.integers(-60_000_000_000, 250_000_000_000))
def test_dates_agree_with_the_standard_library(seconds: int) -> None:
    """The calendar is that of the standard library, as far as that one goes."""
    fields = time.gmtime(seconds)
    expected = [fields[0], fields[1] - 1, *fields[2:6], (fields[6] + 1) % 7, fields[7] - 1]
    assert jq.compile("gmtime").first(seconds) == expected
    assert jq.compile("gmtime | mktime").first(seconds) == calendar.timegm(fields) == seconds
    layout = "%a %b %d %H:%M:%S %y %j %U %W %u %w %p %I"
    assert jq.compile(f'strftime("{layout}")').first(seconds) == time.strftime(layout, fields)


@pytest.mark.parametrize(
    ("source", "value", "message"),
    [
        ("mktime", "x", "mktime requires array inputs"),
        ("mktime", ["a"], "mktime requires parsed datetime inputs"),
        ("gmtime", "x", "gmtime() requires numeric inputs"),
        ("strftime([])", 0, "strftime/1 requires a string format"),
        ('strptime("%Y")', "x", 'date "x" does not match format "%Y"'),
    ],
)
def test_dates_errors_read_as_in_jq(source: str, value: Any, message: str) -> None:
    """Wrong input says so in jq's words."""
    with pytest.raises(jq.JqError) as caught:
        jq.compile(source).first(value)
    assert caught.value.value == message
