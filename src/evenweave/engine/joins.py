"""The children of forks and loops, found by what they belong to.

An instance holds its fibers in one list. A burst that starts, ends or drops many children would search that list again
and again; so it keeps this index beside it, from the first time that it needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenweave.engine.instance import Fiber, Frame


class Join:
    """A fork or a loop that has begun.

    Attributes:
        fiber: The fiber that waits for the children.
        frame: The frame of the fork or the loop in it.
        children: The fibers that run inside, by id.
    """

    __slots__ = ("children", "fiber", "frame")

    def __init__(self, fiber: Fiber, frame: Frame) -> None:
        self.fiber = fiber
        self.frame = frame
        self.children: dict[int, Fiber] = {}


def find_joins(fibers: Iterable[Fiber]) -> dict[int, Join]:
    """Every fork and loop of an instance, by the activation of its frame."""
    joins: dict[int, Join] = {}
    for fiber in fibers:
        if fiber.parent:  # a parent is older than its children, and stands before them
            joins[fiber.parent].children[fiber.id] = fiber
        for frame in fiber.frames:
            if frame.branches is not None:
                joins[frame.activation] = Join(fiber, frame)
    return joins
