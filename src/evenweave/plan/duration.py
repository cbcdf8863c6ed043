"""Lengths of time in a plan."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

_LAST = datetime.datetime(datetime.MAXYEAR, 12, 31, tzinfo=datetime.UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time: months, which have no fixed length, and milliseconds."""

    months: int
    milliseconds: int

    def after(self, moment: float) -> float:
        """The moment that lies this long after another; both in seconds since the epoch.

        Months are counted in the calendar of UTC; a day that a month does not have becomes its last one. The calendar
        ends with the year 9999, and so does whatever is longer.
        """
        if self.months:
            date = datetime.datetime.fromtimestamp(moment, datetime.UTC)
            years, month = divmod(date.month - 1 + self.months, 12)
            year = date.year + years
            if year >= datetime.MAXYEAR:
                return _LAST
            following = datetime.date(year + (month == 11), (month + 1) % 12 + 1, 1)
            last = (following - datetime.timedelta(days=1)).day
            moment = date.replace(year=year, month=month + 1, day=min(date.day, last)).timestamp()
        return moment + self.milliseconds / 1000
