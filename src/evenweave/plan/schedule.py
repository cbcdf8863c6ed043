"""When instances are started by time (0.8, "Schedule Definition").

Everything here is a function of its arguments: the times of a schedule follow from what is written, its zone and, where
no start is written, the anchor: the time at which the definition was registered.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from cronsim import CronSim, CronSimError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_DAY_S: Final = 86_400
_MONTH_S: Final = 30.436875 * _DAY_S
_WINDOWS_S: Final = (60, 3600, _DAY_S, 32 * _DAY_S, 366 * _DAY_S)
_NUMBER: Final = re.compile(r"(?<![/#\d])\d+")
_YEARS: Final = re.compile(r"(?:\*|(\d{4})(?:-(\d{4}))?)(?:/(\d{1,4}))?", re.ASCII)
_MANY: Final = 2**63
_FIVE: Final = 5
_SEVEN: Final = 7


class Schedule(Protocol):
    """The times at which instances are started; all of them in seconds since the epoch."""

    def following(self, after: float, anchor: float) -> float | None:
        """The first time behind another; none where there is no more."""
        ...

    def latest(self, after: float, until: float, anchor: float) -> float | None:
        """The last time behind ``after`` and not behind ``until``, where there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """The time between two starts: months and days of the calendar, which may be longer or shorter, and seconds."""

    months: int
    days: int
    seconds: float

    @property
    def about_s(self) -> float:
        """About how long it is."""
        return self.months * _MONTH_S + self.days * _DAY_S + self.seconds

    def times(self, count: int, begin: float, zone: ZoneInfo) -> float | None:
        """The time so many steps behind (or, with a negative count, before) another; none beyond the calendar.

        Days and months keep the time of the day in the zone, whatever its clocks do between; a time that its clocks
        skip is as much later. A day that a month does not have is its last.
        """
        if not count:
            return begin
        moment = begin
        try:
            if self.months or self.days:
                local = datetime.datetime.fromtimestamp(begin, zone)
                years, month = divmod(local.month - 1 + count * self.months, 12)
                first = datetime.date(local.year + years, month + 1, 1)
                last = (datetime.date(first.year + (month == 11), (month + 1) % 12 + 1, 1) - _ONE_DAY).day
                date = first.replace(day=min(local.day, last)) + count * self.days * _ONE_DAY
                moment = datetime.datetime.combine(date, local.time(), zone).timestamp()
            moment += count * self.seconds
            datetime.datetime.fromtimestamp(moment, datetime.UTC)
        except (ValueError, OverflowError, OSError):
            return None
        return moment


_ONE_DAY: Final = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Interval:
    """Starts at equal distances.

    Attributes:
        step: The distance; none for a single start at ``start``.
        zone: Whose calendar days and months are counted in.
        start: The first start.
        end: The end of the last interval, the start of which is one step before; the starts are counted from it where
            there is no ``start``.
    """

    step: Step | None
    zone: ZoneInfo
    start: float | None = None
    end: float | None = None

    def following(self, after: float, anchor: float) -> float | None:
        """See `Schedule.following`."""
        found = self._around(after, anchor)
        return next((each for each in found if each > after), None)

    def latest(self, after: float, until: float, anchor: float) -> float | None:
        """See `Schedule.latest`."""
        found = self._around(until, anchor)
        return next((each for each in reversed(found) if after < each <= until), None)

    def _around(self, moment: float, anchor: float) -> list[float]:
        """The starts around a moment, in order; at least the one before it and the one behind it, where there are."""
        if self.step is None:
            return [] if self.start is None else [self.start]
        begin, first, last = anchor, 1, _MANY
        if self.start is not None:
            begin, first = self.start, 0
        elif self.end is not None:
            begin, first, last = self.end, -_MANY, -1
        # Months differ in length, and days where clocks change, but never by as much as a step or two.
        near, spread = int((moment - begin) / self.step.about_s), 3
        found = []
        for count in range(near - spread, near + spread + 1):
            if not first <= count <= last:
                continue
            at = self.step.times(count, begin, self.zone)
            if at is not None:
                found.append(at)
        if near + spread < first:
            at = self.step.times(first, begin, self.zone)
            found += [] if at is None else [at]
        return found


class Cron:
    """Starts by a cron expression of 5 fields, 6 with seconds before them, 7 with years behind them.

    In 5 fields, days of the week count as crontab has them (0 or 7 is Sunday); where ``?`` or a field of years shows
    that Quartz is meant, as that has them (1 is Sunday). Around a change of the clocks it does what Debian's cron does:
    a fixed time that is skipped runs right behind the gap, one that comes twice runs once.

    Args:
        expression: The expression.
        zone: The zone of its times.
        until: When it ends, in seconds since the epoch.

    Raises:
        ValueError: It is none, or no time fits it.
    """

    def __init__(self, expression: str, zone: ZoneInfo, until: float | None = None) -> None:
        fields = expression.upper().split()
        quartz = "?" in expression or len(fields) == _SEVEN
        self._years = _read_years(fields.pop()) if len(fields) == _SEVEN else None
        seconds = fields.pop(0) if len(fields) > _FIVE else "0"
        if quartz and fields:
            fields[-1] = "6" if fields[-1] == "L" else _NUMBER.sub(_from_quartz, fields[-1])
        self._fields = " ".join("*" if field == "?" else field for field in fields)
        self._zone = zone
        self._until = until
        try:
            reader = CronSim(f"{seconds} * * * * *", datetime.datetime(2000, 1, 1))
            self._seconds = sorted(reader.seconds)
            next(CronSim(self._fields, datetime.datetime(2000, 1, 1)))
        except CronSimError as error:
            raise ValueError(str(error).replace("Bad ", "a bad ")) from None
        except StopIteration:
            raise ValueError("no time fits it") from None

    def following(self, after: float, anchor: float) -> float | None:
        """See `Schedule.following`."""
        del anchor
        minute = datetime.datetime.fromtimestamp(after // 60 * 60 - 1, self._zone)
        simulated = CronSim(self._fields, minute)
        while (found := next(simulated, None)) is not None:
            if self._years is not None and found.year not in self._years:
                if found.year > max(self._years):
                    return None
                if found.year < min(self._years):
                    first = datetime.datetime(min(self._years), 1, 1, tzinfo=self._zone) - datetime.timedelta(seconds=1)
                    simulated = CronSim(self._fields, first)
                continue
            # A change of the clocks is at full minutes: the seconds behind one are those of its minute.
            for second in self._seconds:
                at = found.timestamp() + second
                if at > after:
                    return None if self._until is not None and at > self._until else at
        return None

    def latest(self, after: float, until: float, anchor: float) -> float | None:
        """See `Schedule.latest`."""
        for window in (*_WINDOWS_S, until - after):
            begin = max(after, until - window)
            at, last = self.following(begin, anchor), None
            while at is not None and at <= until:
                last, at = at, self.following(at, anchor)
            if last is not None or begin == after:
                return last
        return None


def _from_quartz(number: re.Match[str]) -> str:
    day = int(number[0])
    if not 1 <= day <= _SEVEN:
        raise ValueError("a bad day-of-week")
    return str(day - 1)


def _read_years(field: str) -> frozenset[int] | None:
    """The years of a field of years; none for all."""
    if field in {"*", "?"}:
        return None
    found: set[int] = set()
    for part in field.split(","):
        match = _YEARS.fullmatch(part)
        if match is None or match[3] == "0":
            raise ValueError("a bad year")
        first = int(match[1] or 1970)
        last = int(match[2] or (match[1] if match[1] and not match[3] else 2099))
        if last < first:
            raise ValueError("a bad year")
        found |= set(range(first, last + 1, int(match[3] or 1)))
    return frozenset(found)
