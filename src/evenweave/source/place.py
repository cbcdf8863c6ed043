"""Where each value of a document stands in its text: the tree of places that the two readers build beside the value."""

from __future__ import annotations

from bisect import bisect_right
from re import compile as pattern
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from evenweave.source.diagnostic import Severity, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Lines", "Notation", "Place", "Problem", "Reading"]

Notation = Literal["yaml", "json"]

_BREAK = pattern(r"\r\n|\r|\n")


class Place:
    """The stretch ``text[start:end]`` of one value.

    ``style`` tells how a scalar is written: ``""`` plain, ``"'"``, ``'"'``, ``|``, ``>``, or ``j`` for a JSON string.
    A mapping has ``keys`` (name to stretch) and ``children`` (name to place), a list has ``children`` (places), a
    scalar neither. ``target`` is where the content of an alias stands.
    """

    __slots__ = ("children", "end", "keys", "start", "style", "target")

    def __init__(self, start: int, end: int, style: str = "") -> None:
        self.start = start
        self.end = end
        self.style = style
        self.children: dict[str, Place] | list[Place] | None = None
        self.keys: dict[str, tuple[int, int]] | None = None
        self.target: Place | None = None


class Problem(NamedTuple):
    """A finding of a reader, before it knows the document's name; ``start`` and ``end`` are offsets into the text."""

    code: str
    start: int
    end: int
    message: str
    hint: str = ""
    severity: Severity = "error"


class Reading(NamedTuple):
    """What a reader made of a text: a value and its places, or no place where the text could not be read to its end."""

    value: Any
    place: Place | None
    problems: list[Problem]


class Lines:
    """The lines of a text, so that an offset becomes a line and a column. LF, CR LF and CR end a line."""

    __slots__ = ("_length", "_starts")

    def __init__(self, text: str) -> None:
        self._starts: Sequence[int] = [0, *(found.end() for found in _BREAK.finditer(text))]
        self._length = len(text)

    def position(self, offset: int) -> tuple[int, int]:
        """Return line and column, from 1, of ``offset``; one outside the text is moved to its edge."""
        offset = min(max(offset, 0), self._length)
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def span(self, start: int, end: int) -> Span:
        """Return the span of the stretch from ``start`` to ``end``, exclusive."""
        return Span(*self.position(start), *self.position(max(start, end)))

    def split(self, text: str) -> list[str]:
        """Return the lines of ``text``, the one that these were counted in, without their ends."""
        stops = [*self._starts[1:], self._length]
        return [text[start:stop].rstrip("\r\n") for start, stop in zip(self._starts, stops, strict=True)]
