"""What one evaluation may use: fuel for every loop, call and output, and caps on sizes.

A unit of fuel is worth a few hundred nanoseconds. Every iteration, call and output takes one; an operation over a whole
string, array or object takes more, in proportion to its size. A straight-line expression (no loop, no call of a
defined function) is bounded by its own length and takes none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from evenweave.jq.errors import JqError, JqLimitError

DEFAULT_FUEL: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on what an evaluation may build.

    Attributes:
        string: The longest string, in code points.
        array: The longest array or widest object, in elements.
        depth: The deepest nesting of an output. jq itself knows no such cap; its own limit for reading, comparing and
            merging (10,000 levels) holds inside an evaluation.
    """

    string: int = 16_000_000
    array: int = 2_000_000
    depth: int = 500


class Budget:
    """The fuel and the clock of one evaluation, or of several that draw from the same fuel.

    Pass one object to several :class:`~evenweave.jq.Program` calls and together they may use ``fuel`` units.

    Attributes:
        left: The units that are left; below zero once an evaluation ran out.
        now: Seconds since the epoch, what the builtin ``now`` gives; ``None`` makes ``now`` an error.
        limits: The caps.
    """

    __slots__ = ("left", "limits", "now")

    def __init__(self, fuel: int = DEFAULT_FUEL, *, now: float | None = None, limits: Limits | None = None) -> None:
        self.left = fuel
        self.now = now
        self.limits = DEFAULT_LIMITS if limits is None else limits

    def charge(self, units: int) -> None:
        """Take ``units`` of fuel.

        Raises:
            JqLimitError: there is less than that left.
        """
        self.left -= units
        if self.left < 0:
            raise out_of_fuel()

    def check_string(self, length: int) -> None:
        """Take the fuel for building a string of ``length`` code points, and hold it to the cap.

        Raises:
            JqLimitError: the string would be too long, or there is no fuel left.
        """
        if length > self.limits.string:
            raise JqLimitError(f"String too long: more than {self.limits.string} characters")
        self.left -= length >> 6
        if self.left < 0:
            raise out_of_fuel()

    def check_array(self, length: int) -> None:
        """Take the fuel for building or walking ``length`` elements, and hold them to the cap.

        Raises:
            JqLimitError: there would be too many elements, or there is no fuel left.
        """
        if length > self.limits.array:
            raise JqLimitError(f"Array too long: more than {self.limits.array} elements")
        self.left -= length >> 5
        if self.left < 0:
            raise out_of_fuel()


DEFAULT_LIMITS: Final = Limits()


def out_of_fuel() -> JqLimitError:
    """The error for an evaluation that used all its fuel."""
    return JqLimitError("The expression used up its fuel: too many steps")


def too_deep(what: str) -> JqError:
    """The error of jq itself for values nested more than 10,000 levels deep, such as ``Equality check too deep``."""
    return JqError(f"{what} too deep")
