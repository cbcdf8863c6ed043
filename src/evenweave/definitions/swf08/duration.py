"""Times as a definition writes them: ISO 8601 durations, repeating intervals and points in time.

Durations and intervals are those of ISO 8601-1:2019, 5.5.2 and 5.6, in the extended format; the repeating interval is
the derivative that Serverless Workflow 0.8 describes under "Schedule Definition".
"""

import re
from datetime import datetime
from fractions import Fraction
from typing import Final

import msgspec

_DURATION: Final = re.compile(
    r"P(?!\Z)(?:(?P<years>\d+(?:[.,]\d+)?)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+(?:[.,]\d+)?)W)?"
    r"(?:(?P<days>\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?!\Z)(?:(?P<hours>\d+(?:[.,]\d+)?)H)?(?:(?P<minutes>\d+(?:[.,]\d+)?)M)?(?:(?P<seconds>\d+(?:[.,]\d+)?)S)?)?",
    re.ASCII,
)
_MISPLACED: Final = re.compile(r"PT\d{1,5}[DW]", re.ASCII)
_MILLISECONDS: Final = {
    "weeks": 604_800_000,
    "days": 86_400_000,
    "hours": 3_600_000,
    "minutes": 60_000,
    "seconds": 1000,
}
# A thousand years: longer waits are slips of the pen, and sums of them must stay within what a date can hold.
_LONGEST_MONTHS: Final = 12_000
_LONGEST_MS: Final = 1000 * 366 * 86_400_000
_LONGEST_TEXT: Final = 100


class Duration(msgspec.Struct, frozen=True, kw_only=True):
    """A length of time.

    Attributes:
        ref: where it stands in the document.
        text: as written.
        months: years and months, which have no fixed length, in months.
        milliseconds: the rest, weeks to seconds (a day is 24 hours: the engine counts in UTC), rounded up, so that a
            wait is never shorter than written.
    """

    ref: str
    text: str
    months: int
    milliseconds: int


class Instant(msgspec.Struct, frozen=True, kw_only=True):
    """A point in time.

    Attributes:
        ref: where it stands in the document.
        text: as written.
        at: the date and time; without a zone where the text has none (the schedule's time zone then holds).
    """

    ref: str
    text: str
    at: datetime


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A repeating interval: `R/<start>/<duration>`, `R/<duration>/<end>`, `R/<duration>`, or a start and an end.

    Attributes:
        ref: where it stands in the document.
        text: as written.
        duration: the time between two starts; None where a start and an end bound a single interval.
        start: the first start, if given.
        end: the end of the last interval, if given.
    """

    ref: str
    text: str
    duration: Duration | None = None
    start: Instant | None = None
    end: Instant | None = None


def parse_duration(text: str, ref: str) -> Duration | None:
    """Read an ISO 8601 duration such as `PT15M` or `P1DT12H`; a decimal fraction may be in the last part only.

    Args:
        text: the duration as written.
        ref: where it stands.

    Returns:
        The duration, or None if the text is none or is longer than a thousand years.
    """
    match = _DURATION.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        return None
    parts = {name: part.replace(",", ".") for name, part in match.groupdict().items() if part is not None}
    if any("." in part for part in list(parts.values())[:-1]):
        return None
    months = Fraction(parts.pop("years", "0")) * 12 + Fraction(parts.pop("months", "0"))
    milliseconds = sum((Fraction(part) * _MILLISECONDS[name] for name, part in parts.items()), Fraction(0))
    if months.denominator != 1 or months > _LONGEST_MONTHS or milliseconds > _LONGEST_MS:
        return None
    return Duration(ref=ref, text=text, months=int(months), milliseconds=-int(-milliseconds // 1))


def mend_duration(text: str, ref: str) -> Duration | None:
    """Read a single number of days or weeks behind a `T`, such as `PT30D`, which ISO 8601 does not know.

    Args:
        text: the duration as written.
        ref: where it stands.

    Returns:
        The duration that was meant, or None.
    """
    return parse_duration(f"P{text[2:]}", ref) if _MISPLACED.fullmatch(text) else None


def parse_instant(text: str, ref: str) -> Instant | None:
    """Read an ISO 8601 date and time such as `2021-11-05T08:15:30-05:00`; a date alone is its midnight.

    Args:
        text: the point in time as written.
        ref: where it stands.

    Returns:
        The point in time, or None if the text is none.
    """
    try:
        return Instant(ref=ref, text=text, at=datetime.fromisoformat(text))
    except ValueError:
        return None


def parse_interval(text: str, ref: str) -> Interval | None:
    """Read the interval of a schedule (Serverless Workflow 0.8, "Schedule Definition"); a duration alone repeats too.

    Args:
        text: the interval as written.
        ref: where it stands.

    Returns:
        The interval, or None if the text is none. A bounded count of repetitions (`R5/...`) is none: the
        specification does not allow it.
    """
    repeating = text.startswith("R/")
    first, slash, second = text.removeprefix("R/").partition("/")
    if not slash:
        duration = parse_duration(first, ref)
        return None if duration is None else Interval(ref=ref, text=text, duration=duration)
    if repeating and first.startswith("P"):
        duration, end = parse_duration(first, ref), parse_instant(second, ref)
        return None if duration is None or end is None else Interval(ref=ref, text=text, duration=duration, end=end)
    start = parse_instant(first, ref)
    if repeating and second.startswith("P"):
        duration = parse_duration(second, ref)
        return (
            None if start is None or duration is None else Interval(ref=ref, text=text, duration=duration, start=start)
        )
    end = None if repeating else parse_instant(second, ref)
    return None if start is None or end is None else Interval(ref=ref, text=text, start=start, end=end)
