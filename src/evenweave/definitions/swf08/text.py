"""Shapes of strings: plain ones, expressions, durations, intervals, points in time."""

from datetime import datetime
from typing import Any

from evenweave.definitions.swf08.duration import (
    Duration,
    Instant,
    Interval,
    mend_duration,
    parse_duration,
    parse_instant,
    parse_interval,
)
from evenweave.definitions.swf08.expression import Expression
from evenweave.definitions.swf08.node import Property
from evenweave.definitions.swf08.reader import Reader
from evenweave.definitions.swf08.shape import INVALID, Shape, type_name


class StringShape(Shape):
    """A string; with a parser it is one that stands for something, such as a duration."""

    def __init__(self, note: Property | None = None) -> None:
        """Take the bounds from a note."""
        self.min_length = note.min_length if note else 0
        self.is_place = bool(note and note.place)

    def read(self, reader: Reader, value: Any, ref: str) -> Any:
        """Read a string."""
        if reader.wild and isinstance(value, bool | int | float):
            text = reader.text_of(value, ref)
            reader.report("SW403", ref, f"{text} is {type_name(value)}, read as text", f'put it in quotes: "{text}"')
            value = text
        if not isinstance(value, str):
            return self.wrong_type(reader, value, ref, "a string")
        if len(value) < self.min_length:
            reader.report("SW006", ref, "must not be empty")
            return INVALID
        return self.parse(reader, value, ref)

    def parse(self, reader: Reader, text: str, ref: str) -> Any:
        """Make of the string what the model holds for it."""
        return reader.located(text, ref) if self.is_place else text

    def blank(self, ref: str) -> Any:
        """Return the empty string."""
        del ref
        return ""

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of a string."""
        del definitions
        return {"type": "string", **({"minLength": self.min_length} if self.min_length else {})}


class ExpressionShape(StringShape):
    """A string that is an expression, with or without `${ }`."""

    def parse(self, reader: Reader, text: str, ref: str) -> Expression:
        """Read the expression."""
        return reader.expression(text, ref)

    def blank(self, ref: str) -> Expression:
        """Return the identity."""
        return Expression(ref=ref, text=".")


class TextOrExpressionShape(StringShape):
    """A string that is an expression only with `${ }`."""

    def parse(self, reader: Reader, text: str, ref: str) -> str | Expression:
        """Read the string."""
        return reader.expression(text, ref) if "${" in text else text


class DurationShape(StringShape):
    """An ISO 8601 duration."""

    def parse(self, reader: Reader, text: str, ref: str) -> Any:
        """Read the duration."""
        duration = parse_duration(text, ref)
        if duration is not None:
            return duration
        hint = "ISO 8601, such as PT30S, PT15M, PT1H or P1DT12H"
        if (meant := mend_duration(text, ref)) is not None:
            # The specification's own examples write PT30D and PT2W.
            reader.report("SW310", ref, f'"{text}" has days or weeks behind the T', f"write {meant.text}")
            return meant
        guesses = (parse_duration(prefix + text.strip().upper(), ref) for prefix in ("PT", "P", ""))
        if (guess := next(filter(None, guesses), None)) is not None:
            hint = f'did you mean "{guess.text}"?'
        reader.report("SW303", ref, f'"{text}" is no ISO 8601 duration', hint)
        return INVALID

    def blank(self, ref: str) -> Duration:
        """Return no time at all."""
        return Duration(ref=ref, text="PT0S", months=0, milliseconds=0)


class IntervalShape(StringShape):
    """A repeating interval."""

    def parse(self, reader: Reader, text: str, ref: str) -> Any:
        """Read the interval."""
        interval = parse_interval(text, ref)
        if interval is not None:
            return interval
        reader.report(
            "SW304", ref, f'"{text}" is no repeating interval', "such as R/PT2H or R/2030-01-01T08:00:00Z/P1D"
        )
        return INVALID

    def blank(self, ref: str) -> Interval:
        """Return an interval without bounds."""
        return Interval(ref=ref, text="")


class InstantShape(StringShape):
    """A date and time."""

    def parse(self, reader: Reader, text: str, ref: str) -> Any:
        """Read the date and time."""
        instant = parse_instant(text, ref)
        if instant is not None:
            return instant
        reader.report("SW304", ref, f'"{text}" is no date and time', "ISO 8601, such as 2030-01-01T08:00:00Z")
        return INVALID

    def blank(self, ref: str) -> Instant:
        """Return the first of all dates."""
        return Instant(ref=ref, text="", at=datetime.min)
