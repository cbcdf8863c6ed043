"""Dates: seconds since the epoch, *broken down times* ``[year, month from 0, day, hours, minutes, seconds, weekday, yearday]``.

Everything is in UTC; a "local" time is UTC too, because an evaluation knows no zone.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from evenweave.jq.builtins.function import Function
from evenweave.jq.builtins.timeformat import format_time, parse_time
from evenweave.jq.errors import JqError
from evenweave.jq.text import describe
from evenweave.jq.values import NUMBERS, double, tidy

_EPOCH: Final = date(1970, 1, 1).toordinal()
_MAX_SECONDS: Final = 253402300800.0


def gmtime(value: Any) -> list[Any]:
    """``gmtime``: seconds to a broken down time, whose seconds keep the fraction."""
    if type(value) not in NUMBERS:
        raise JqError("gmtime() requires a number")
    number = double(value)
    if not -62167219200.0 <= number < _MAX_SECONDS:
        raise JqError("error converting number of seconds since epoch to datetime")
    whole = math.floor(number)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=whole)
    seconds = tidy(float(moment.second) + (number - whole))
    weekday = (moment.weekday() + 1) % 7
    yearday = moment.timetuple().tm_yday - 1
    return [moment.year, moment.month - 1, moment.day, moment.hour, moment.minute, seconds, weekday, yearday]


def _fields(value: Any, name: str) -> list[int]:
    if type(value) is not list or len(value) < 3 or any(type(part) not in NUMBERS for part in value):
        raise JqError(f"{name} requires parsed datetime inputs")
    fields = [int(max(min(double(part), 1e9), -1e9)) if part == part else 0 for part in value[:8]]  # noqa: PLR0124
    return fields + [0] * (8 - len(fields))


def seconds_of(fields: list[int]) -> int:
    """The seconds since the epoch of a broken down time, whose parts may overflow."""
    year, month, day, hours, minutes, seconds = fields[:6]
    year += month // 12
    month %= 12
    if not 1 <= year <= 9999:
        raise JqError("invalid gmtime representation")
    days = date(year, month + 1, 1).toordinal() - _EPOCH + day - 1
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def mktime(value: Any) -> int:
    """``mktime``: a broken down time to seconds."""
    if type(value) is not list:
        raise JqError("mktime requires array of 6 numbers")
    return seconds_of(_fields(value, "mktime"))


def _strftime(name: str) -> Function:
    def run(value: Any, layout: Any) -> str:
        if type(value) in NUMBERS:
            value = gmtime(value)
        elif type(value) is not list:
            raise JqError(f"{name}/1 requires parsed datetime inputs")
        fields = _fields(value, f"{name}/1")
        if type(layout) is not str:
            raise JqError(f"{name}/1 requires a string format")
        return format_time(fields, layout)

    return Function(run)


def _strptime(value: Any, layout: Any) -> list[Any]:
    if type(value) is not str:
        raise JqError(f"strptime/1 requires string inputs and arguments")
    if type(layout) is not str:
        raise JqError("strptime/1 requires string inputs and arguments")
    fields = parse_time(value, layout)
    if fields is None:
        raise JqError(f'date "{value}" does not match format "{layout}"')
    return _normal(fields)


def _normal(fields: list[int]) -> list[Any]:
    """The fields with the day of the week and of the year that belong to the date."""
    try:
        day = date(fields[0], fields[1] + 1, fields[2])
    except ValueError:
        return fields
    return [*fields[:6], (day.weekday() + 1) % 7, day.timetuple().tm_yday - 1]


def _describe_date(value: Any) -> str:
    return describe(value)


FUNCTIONS: Final[dict[tuple[str, int], Function]] = {
    ("gmtime", 0): Function(gmtime),
    ("localtime", 0): Function(gmtime),
    ("mktime", 0): Function(mktime),
    ("strftime", 1): _strftime("strftime"),
    ("strflocaltime", 1): _strftime("strflocaltime"),
    ("strptime", 1): Function(_strptime),
}
