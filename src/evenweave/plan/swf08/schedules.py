"""From a schedule as written to the times of its starts (0.8, "Schedule Definition")."""

from __future__ import annotations

import re
import zoneinfo
from typing import TYPE_CHECKING

from evenweave import source
from evenweave.plan.schedule import Cron, Interval, Schedule, Step

if TYPE_CHECKING:
    from evenweave.definitions.swf08 import model
    from evenweave.source import Diagnostic, Document

_DAYS = re.compile(r"P(?:\d+Y)?(?:\d+M)?(?:(\d+)W)?(?:(\d+)D)?")


def compile_schedule(document: Document, workflow: model.Workflow, diagnostics: list[Diagnostic]) -> Schedule | None:
    """The schedule of a definition, where it has one; what is wrong with it is a diagnostic."""
    written = None if workflow.start is None else workflow.start.schedule
    if written is None:
        return None
    try:
        zone = zoneinfo.ZoneInfo(written.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        guess = source.closest(written.timezone, zoneinfo.available_timezones())
        hint = f'did you mean "{guess}"?' if guess else "such as Europe/Berlin"
        ref, message = f"{written.ref}/timezone", f'there is no time zone "{written.timezone}"'
        diagnostics.append(document.diagnostic("SW507", ref, message, hint=hint))
        return None
    if written.cron is not None:
        ref = written.cron.ref
        until = None if written.cron.valid_until is None else _moment(written.cron.valid_until, zone)
        try:
            return Cron(written.cron.expression, zone, until)
        except ValueError as error:
            message = f'"{written.cron.expression}" is no cron expression: {error}'
            hint = 'such as "0 9 8 * *": minute, hour, day, month, day of the week'
            diagnostics.append(document.diagnostic("SW507", ref, message, hint=hint))
            return None
    assert written.interval is not None, "a schedule has an interval or a cron expression"
    return _interval(document, written.interval, zone, diagnostics)


def _interval(
    document: Document, written: model.Interval, zone: zoneinfo.ZoneInfo, diagnostics: list[Diagnostic]
) -> Schedule | None:
    start = None if written.start is None else _moment(written.start, zone)
    end = None if written.end is None else _moment(written.end, zone)
    if written.duration is None:
        return Interval(None, zone, start)
    step = _step(written.duration)
    if step.about_s < 1:
        message, hint = "instances cannot be started more often than once a second", "write a longer duration"
        diagnostics.append(document.diagnostic("SW507", written.ref, message, hint=hint))
        return None
    return Interval(step, zone, start, end)


def _step(duration: model.Duration) -> Step:
    """A duration with its days apart: they are days of a calendar here."""
    match = _DAYS.match(duration.text)
    days = int((match and match[1]) or 0) * 7 + int((match and match[2]) or 0)
    return Step(duration.months, days, duration.milliseconds / 1000 - days * 86_400)


def _moment(written: model.Instant, zone: zoneinfo.ZoneInfo) -> float:
    """A point in time; without a zone of its own in that of the schedule."""
    at = written.at
    return (at.replace(tzinfo=zone) if at.tzinfo is None else at).timestamp()
