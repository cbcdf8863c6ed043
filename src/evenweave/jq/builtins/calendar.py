"""The Gregorian calendar over all years, in plain integers."""

from __future__ import annotations

from typing import Final, TypeAlias

Fields: TypeAlias = list[int]
"""``[year, month from 0, day, hours, minutes, seconds, weekday from Sunday, day of the year from 0]``."""

_DAYS_IN_400_YEARS: Final = 146_097
_EPOCH: Final = 719_468
"""The days from 1 March of the year 0 to the epoch."""


def days_of(year: int, month: int, day: int) -> int:
    """The days from the epoch to a date. The month (from 0) and the day may be out of range.

    The year is counted from March, so that the leap day is its last.
    """
    year += month // 12
    month %= 12
    if month < 2:
        year -= 1
    era, place = divmod(year, 400)
    month_from_march = (month + 10) % 12
    in_year = (153 * month_from_march + 2) // 5 + day - 1
    in_era = place * 365 + place // 4 - place // 100 + in_year
    return era * _DAYS_IN_400_YEARS + in_era - _EPOCH


def date_of(days: int) -> tuple[int, int, int]:
    """The year, the month (from 0) and the day of so many days after the epoch."""
    era, in_era = divmod(days + _EPOCH, _DAYS_IN_400_YEARS)
    place = (in_era - in_era // 1460 + in_era // 36_524 - in_era // 146_096) // 365
    in_year = in_era - (365 * place + place // 4 - place // 100)
    month_from_march = (5 * in_year + 2) // 153
    day = in_year - (153 * month_from_march + 2) // 5 + 1
    month = (month_from_march + 2) % 12
    return era * 400 + place + (1 if month < 2 else 0), month, day


def seconds_of(fields: Fields) -> int:
    """The seconds since the epoch of a broken down time, whose parts may be out of range."""
    days = days_of(fields[0], fields[1], fields[2])
    return ((days * 24 + fields[3]) * 60 + fields[4]) * 60 + fields[5]


def weekday_of(days: int) -> int:
    """The day of the week, from Sunday."""
    return (days + 4) % 7


def broken_down(seconds: int) -> Fields:
    """The broken down time of so many seconds after the epoch."""
    days, rest = divmod(seconds, 86_400)
    year, month, day = date_of(days)
    return [year, month, day, rest // 3600, rest // 60 % 60, rest % 60, weekday_of(days), days - days_of(year, 0, 1)]


def iso_week(fields: Fields) -> tuple[int, int]:
    """The year and the number of the ISO 8601 week."""
    days = days_of(fields[0], fields[1], fields[2])
    # The week belongs to the year of its Thursday.
    thursday = days - (weekday_of(days) - 1) % 7 + 3
    year = date_of(thursday)[0]
    return year, (thursday - days_of(year, 0, 1)) // 7 + 1
