"""Numbers as JSON carries them, whichever notation they are written in."""

from __future__ import annotations

from math import isfinite

__all__ = ["integer", "real"]

_DIGITS = 400
_LEAST = -(2**63)
_MOST = 2**64 - 1


def integer(digits: str, base: int) -> int | float | None:
    """Return the integer written as ``digits``, or None where no finite number is near it.

    Beyond 64 bits the nearest floating point number stands for it, as in most readers of JSON: nothing later has to
    carry integers that the encoders refuse.
    """
    if len(digits) > _DIGITS:
        return None
    number = int(digits, base)
    if _LEAST <= number <= _MOST:
        return number
    try:
        return float(number)
    except OverflowError:
        return None


def real(digits: str) -> float | None:
    """Return the floating point number written as ``digits``, or None where it is beyond every finite one."""
    number = float(digits)
    return number if isfinite(number) else None
