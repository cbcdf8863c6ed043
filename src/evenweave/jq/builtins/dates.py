"""Dates: seconds since the epoch, and *broken down times*.

A broken down time is ``[year, month from 0, day, hours, minutes, seconds, weekday, day of the year]``.

Everything is in UTC; a "local" time is UTC too, because an evaluation knows no zone. The calendar has no first or last
year.
"""

from __future__ import annotations

import math
from typing import Any, Final

from evenweave.jq.builtins.calendar import broken_down, seconds_of
from evenweave.jq.builtins.function import Function
from evenweave.jq.builtins.timeformat import format_time, parse_time
from evenweave.jq.errors import JqError
from evenweave.jq.values import NUMBERS, double, tidy

_MAX_SECONDS: Final = 1e15


def _gmtime(value: Any) -> list[Any]:
    if type(value) not in NUMBERS:
        raise JqError("gmtime() requires numeric inputs")
    number = double(value)
    if not -_MAX_SECONDS < number < _MAX_SECONDS:
        raise JqError("error converting number of seconds since epoch to datetime")
    whole = math.floor(number)
    fields: list[Any] = [*broken_down(whole)]
    # The seconds keep the fraction.
    fields[5] = tidy(fields[5] + (number - whole))
    return fields


def _fields(value: list[Any], name: str) -> list[int]:
    """The parts of a broken down time as integers; what is missing is zero, and the year then 1900, as in C."""
    if any(type(part) not in NUMBERS for part in value[:8]):
        raise JqError(f"{name} requires parsed datetime inputs")
    fields = [int(max(min(double(part), 1e9), -1e9)) if not math.isnan(part) else 0 for part in value[:8]]
    return (fields or [1900]) + [0] * (8 - len(fields or [1900]))


def _mktime(value: Any) -> int:
    if type(value) is not list:
        raise JqError("mktime requires array inputs")
    return seconds_of(_fields(value, "mktime"))


def _strftime(name: str) -> Function:
    def run(value: Any, layout: Any) -> str:
        if type(value) in NUMBERS:
            value = _gmtime(value)
        elif type(value) is not list:
            raise JqError(f"{name}/1 requires parsed datetime inputs")
        fields = _fields(value, f"{name}/1")
        if type(layout) is not str:
            raise JqError(f"{name}/1 requires a string format")
        return format_time(broken_down(seconds_of(fields)), layout)

    return Function(run)


def _strptime(value: Any, layout: Any) -> list[Any]:
    if type(value) is not str or type(layout) is not str:
        raise JqError("strptime/1 requires string inputs and arguments")
    parsed = parse_time(value, layout)
    if parsed is None:
        raise JqError(f'date "{value}" does not match format "{layout}"')
    fields, rest = parsed
    return [*fields, rest] if rest else [*fields]


FUNCTIONS: Final[dict[tuple[str, int], Function]] = {
    ("gmtime", 0): Function(_gmtime),
    ("localtime", 0): Function(_gmtime),
    ("mktime", 0): Function(_mktime),
    ("strftime", 1): _strftime("strftime"),
    ("strflocaltime", 1): _strftime("strflocaltime"),
    ("strptime", 1): Function(_strptime),
}
