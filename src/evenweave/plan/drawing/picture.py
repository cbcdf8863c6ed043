"""What is in a picture of a definition, in the order in which it is written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["start", "state", "compensation", "end", "terminate", "timeout"]
"""What a box stands for.

Where instances start; a state; one that compensates another; the end of a path; the end of the whole instance; the
time-out of the workflow.
"""

Way = Literal["transition", "default", "error", "compensation"]
"""Why one goes along an arrow: as planned, because no condition was met, after an error, or to undo a state."""

Sign = Literal["", "in", "out", "function", "subflow", "branch", "time", "retry", "undo", "expression"]
"""What a line is about.

An event that is consumed, or produced; a function; another definition; a branch or the items of a loop; a time; a
retry policy; compensation; an expression.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of text, at most one sentence, inside of a box or beside an arrow.

    Attributes:
        text: What it says.
        sign: What it is about.
        depth: How many lines above it belongs to.
    """

    text: str
    sign: Sign = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Box:
    """A state, or one of the marks around states.

    Attributes:
        id: Names it within the picture: letters and digits.
        kind: What it stands for.
        title: Its name.
        subtitle: What kind of state it is.
        rows: What it does, in order.
    """

    id: str
    kind: Kind
    title: str = ""
    subtitle: str = ""
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrow:
    """A way from one box to another.

    Attributes:
        tail: Where it begins.
        head: Where it leads.
        way: Why one goes there.
        rows: Under which condition, and what happens on the way.
    """

    tail: str
    head: str
    way: Way = "transition"
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A definition, drawn.

    Attributes:
        title: The definition's name and version.
        boxes: Everything that has a place, in declared order.
        arrows: The ways between them, in declared order.
    """

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
