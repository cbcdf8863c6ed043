"""jq's arithmetic over plain Python values (:mod:`evenweave.jq.values`)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from evenweave.jq.errors import JqError, JqLimitError
from evenweave.jq.limits import DEFAULT_LIMITS, too_deep
from evenweave.jq.text import MAX_DEPTH, describe
from evenweave.jq.values import NUMBERS, SAFE, double, equal, is_plain, negate, tidy

if TYPE_CHECKING:
    from collections.abc import Callable

    from evenweave.jq.limits import Budget


def add(left: Any, right: Any, budget: Budget | None = None) -> Any:
    """``left + right``."""
    kind, other = type(left), type(right)
    if kind is int and other is int:
        result = left + right
        if -SAFE < result < SAFE and -SAFE <= left <= SAFE and -SAFE <= right <= SAFE:
            return result
        return tidy(double(left) + double(right))
    if left is None:
        return right
    if right is None:
        return left
    if kind in NUMBERS and other in NUMBERS:
        return tidy(double(left) + double(right))
    if kind is other:
        if kind is str:
            if len(left) + len(right) > DEFAULT_LIMITS.string:
                raise JqLimitError(f"String too long: more than {DEFAULT_LIMITS.string} characters")
            return left + right
        if kind is list:
            if len(left) + len(right) > DEFAULT_LIMITS.array:
                raise JqLimitError(f"Array too long: more than {DEFAULT_LIMITS.array} elements")
            return left + right if left and right else left or right
        if kind is dict:
            return {**left, **right} if left and right else left or right
    raise JqError(f"{describe(left)} and {describe(right)} cannot be added")


def subtract(left: Any, right: Any, budget: Budget | None = None) -> Any:
    """``left - right``."""
    kind, other = type(left), type(right)
    if kind is int and other is int:
        result = left - right
        if -SAFE < result < SAFE and -SAFE <= left <= SAFE and -SAFE <= right <= SAFE:
            return result
        return tidy(double(left) - double(right))
    if kind in NUMBERS and other in NUMBERS:
        return tidy(double(left) - double(right))
    if kind is list and other is list:
        if is_plain(right) and is_plain(left):
            removed = set(right)
            return [element for element in left if element not in removed]
        if budget is not None:
            budget.charge(len(left) * (1 + len(right)) >> 1)
        return [element for element in left if not any(equal(element, one, budget) for one in right)]
    raise JqError(f"{describe(left)} and {describe(right)} cannot be subtracted")


def multiply(left: Any, right: Any, budget: Budget | None = None) -> Any:
    """``left * right``."""
    kind, other = type(left), type(right)
    if kind in NUMBERS and other in NUMBERS:
        if kind is int and other is int:
            result = left * right
            if -SAFE < result < SAFE and -SAFE <= left <= SAFE and -SAFE <= right <= SAFE:
                return result if result or (left >= 0 and right >= 0) else tidy(float(left) * float(right))
        return tidy(double(left) * double(right))
    if kind is str and other in NUMBERS:
        return _repeat(left, right)
    if kind in NUMBERS and other is str:
        return _repeat(right, left)
    if kind is dict and other is dict:
        return _merge(left, right, budget)
    raise JqError(f"{describe(left)} and {describe(right)} cannot be multiplied")


def _repeat(text: str, times: float) -> str | None:
    count = double(times)
    if not count >= 0:
        return None
    if not text:
        return text
    if len(text) * count > DEFAULT_LIMITS.string:
        raise JqError("Repeat string result too long")
    return text * int(count)


def _merge(left: dict[str, Any], right: dict[str, Any], budget: Budget | None) -> dict[str, Any]:
    result = dict(left)
    stack: list[tuple[dict[str, Any], dict[str, Any], int]] = [(result, right, 0)]
    while stack:
        target, source, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise too_deep("Object merge")
        if budget is not None:
            budget.charge(1 + (len(target) + len(source) >> 2))
        for key, element in source.items():
            if type(element) is dict and type(target.get(key)) is dict:
                inner = target[key] = dict(target[key])
                stack.append((inner, element, depth + 1))
            else:
                target[key] = element
    return result


def divide(left: Any, right: Any, budget: Budget | None = None) -> Any:
    """``left / right``."""
    kind, other = type(left), type(right)
    if kind in NUMBERS and other in NUMBERS:
        divisor = double(right)
        if divisor == 0:
            raise JqError(f"{describe(left)} and {describe(right)} cannot be divided because the divisor is zero")
        return tidy(double(left) / divisor)
    if kind is str and other is str:
        return split(left, right)
    raise JqError(f"{describe(left)} and {describe(right)} cannot be divided")


def split(text: str, separator: str) -> list[str]:
    """``split(separator)``: an empty text has no parts, an empty separator stands between all characters."""
    if not text:
        return []
    return text.split(separator) if separator else list(text)


def _to_int64(number: float) -> int:
    """C's conversion to a signed 64-bit integer, saturating as jq does."""
    if math.isnan(number):
        return 0
    if number >= 9.223372036854775807e18:
        return (1 << 63) - 1
    if number <= -9.223372036854775808e18:
        return -(1 << 63)
    return int(number)


def modulo(left: Any, right: Any, budget: Budget | None = None) -> Any:
    """``left % right``: on the integral parts, with the sign of ``left``."""
    if type(left) in NUMBERS and type(right) in NUMBERS:
        a, b = double(left), double(right)
        if math.isnan(a) or math.isnan(b):
            return math.nan
        divisor = _to_int64(b)
        if divisor == 0:
            raise JqError(
                f"{describe(left)} and {describe(right)} cannot be divided (remainder) because the divisor is zero"
            )
        dividend = _to_int64(a)
        result = abs(dividend) % abs(divisor)
        return tidy(float(-result if dividend < 0 else result)) if result else 0
    raise JqError(f"{describe(left)} and {describe(right)} cannot be divided (remainder)")


def negative(value: Any) -> Any:
    """``-value``."""
    if type(value) in NUMBERS:
        return negate(value)
    raise JqError(f"{describe(value)} cannot be negated")


ARITHMETIC: Final[dict[str, Callable[..., Any]]] = {
    "+": add, "-": subtract, "*": multiply, "/": divide, "%": modulo
}  # fmt: skip
