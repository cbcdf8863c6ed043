"""jq's values as plain Python values: their numbers, equality and order.

A value is ``None``, ``bool``, ``int``, ``float``, ``str``, ``list`` or ``dict`` with string keys. Values are never
changed: what looks like an update makes a new value that shares its parts.

A number is an ``int`` as long as it is integral. As in jq 1.8, an integer beyond 2^53 keeps its value until arithmetic
touches it, which works on doubles; a result beyond 2^53 is therefore a ``float``.
"""

from __future__ import annotations

import math
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any, Final

from evenweave.jq.limits import out_of_fuel, too_deep
from evenweave.jq.text import MAX_DEPTH, Exact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from evenweave.jq.limits import Budget

SAFE: Final = 1 << 53
"""Integers up to this size are the same as an int and as a double."""

RANKS: Final[dict[type, int]] = {
    type(None): 0, bool: 1, int: 3, float: 3, Exact: 3, str: 4, list: 5, dict: 6
}  # fmt: skip
"""The place of each type in jq's order. ``false`` comes before ``true`` by their own order."""

_OWN_ORDER: Final = frozenset((1, 4))
"""The ranks of booleans and strings, which Python orders as jq does."""

NUMBERS: Final = frozenset((int, float, Exact))


def double(number: float) -> float:
    """A number as a double; an integer too large for one becomes an infinity."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def tidy(number: float) -> int | float:
    """The result of arithmetic: an ``int`` if the double is integral and below 2^53, but for ``-0``."""
    if number.is_integer() and -SAFE < number < SAFE and (number or math.copysign(1.0, number) > 0):
        return int(number)
    return number


def negate(number: float) -> int | float:
    """The number with the other sign, its exact text kept."""
    if type(number) is Exact:
        return Exact(number.decimal.copy_negate())
    return -number


# Equality and order


def equal(left: Any, right: Any, budget: Budget | None = None) -> bool:
    """Whether two values are the same: ``1 == true`` is not, ``1 == 1.0`` is, NaN is not even itself.

    Args:
        left: A value.
        right: Another.
        budget: What to charge for the elements that are compared.

    Raises:
        JqError: they are nested more than 10,000 levels deep.
    """
    kind = type(left)
    if kind is type(right):
        if kind is list or kind is dict:
            return _equal_deep(left, right, budget)
        if kind is Exact:
            return bool(left.decimal == right.decimal)
        return bool(left == right)
    if kind in NUMBERS and type(right) in NUMBERS:
        return _compare_numbers(left, right) == 0
    return False


def _equal_deep(left: Any, right: Any, budget: Budget | None) -> bool:
    stack: list[tuple[Any, Any, int]] = [(left, right, 0)]
    while stack:
        left, right, depth = stack.pop()
        kind = type(left)
        if kind is list and type(right) is list:
            if len(left) != len(right):
                return False
            if budget is not None:
                budget.charge(4 + (len(left) >> 1))
            if is_plain(left) and is_plain(right):
                if left != right:
                    return False
                continue
            pairs: Iterable[tuple[Any, Any]] = zip(left, right, strict=True)
        elif kind is dict and type(right) is dict:
            if left.keys() != right.keys():
                return False
            if budget is not None:
                budget.charge(4 + (len(left) >> 1))
            pairs = ((element, right[key]) for key, element in left.items())
        else:
            return False
        if depth >= MAX_DEPTH:
            raise too_deep("Equality check")
        for a, b in pairs:
            inner = type(a)
            if inner is list or inner is dict:
                if inner is not type(b):
                    return False
                stack.append((a, b, depth + 1))
            elif not equal(a, b):
                return False
    return True


def compare(left: Any, right: Any, budget: Budget | None = None) -> int:
    """Below, at or above zero as ``left`` sorts before, with or after ``right`` in jq's order of all values.

    Args:
        left: A value.
        right: Another.
        budget: What to charge for the elements that are compared.

    Raises:
        JqError: they are nested more than 10,000 levels deep.
    """
    kind, other = type(left), type(right)
    rank, rank_right = RANKS[kind], RANKS[other]
    if rank != rank_right:
        return rank - rank_right
    if rank == 3:
        return _compare_numbers(left, right)
    if rank in _OWN_ORDER:
        return int(left > right) - int(left < right)
    if rank == 0:
        return 0
    return _compare_deep(left, right, budget)


def _compare_numbers(left: float, right: float) -> int:
    if type(left) is not type(right) or type(left) is Exact:
        if type(left) is Exact and type(right) is Exact:
            return (left.decimal > right.decimal) - (left.decimal < right.decimal)
        if type(left) in {Exact, int} and type(right) in {Exact, int}:
            return _compare_literals(left, right)
        left, right = double(left), double(right)
    if math.isnan(left):
        return -1
    if math.isnan(right):
        return 1
    return (left > right) - (left < right)


def _compare_literals(left: float, right: float) -> int:
    first = left.decimal if isinstance(left, Exact) else left
    second = right.decimal if isinstance(right, Exact) else right
    if math.isinf(double(left)) or math.isinf(double(right)):
        # A decimal with an exponent of a billion must never be expanded to an integer.
        a, b = double(left), double(right)
        return (a > b) - (a < b)
    return int(first > second) - int(first < second)


def _compare_deep(left: Any, right: Any, budget: Budget | None) -> int:
    # Pairs to compare, with their depth; a plain integer is the verdict if all before it were equal.
    stack: list[Any] = [(left, right, 0)]
    while stack:
        item = stack.pop()
        if type(item) is int:
            if item:
                return item
            continue
        left, right, depth = item
        kind = type(left)
        if kind is not type(right) or (kind is not list and kind is not dict):
            verdict = compare(left, right)
            if verdict:
                return verdict
            continue
        if depth >= MAX_DEPTH:
            raise too_deep("Comparison")
        if budget is not None:
            budget.charge(4 + (min(len(left), len(right)) >> 1))
        if kind is list:
            stack.append(len(left) - len(right))
            pairs = [(a, b, depth + 1) for a, b in zip(left, right, strict=False)]
        else:
            keys = sorted(left)
            other = sorted(right)
            if keys != other:
                return 1 if keys > other else -1
            pairs = [(left[key], right[key], depth + 1) for key in keys]
        pairs.reverse()
        stack.extend(pairs)
    return 0


order_key: Final[Callable[[Any], Any]] = cmp_to_key(lambda later, earlier: -compare(earlier, later))
"""A key for ``sorted`` that follows jq's order. Asked backwards, so that NaN, which is below itself, stays in place."""


def order_key_for(budget: Budget) -> Callable[[Any], Any]:
    """:data:`order_key`, charged for each comparison."""

    def compare_charged(later: Any, earlier: Any) -> int:
        budget.left -= 3
        if budget.left < 0:
            raise out_of_fuel()
        return -compare(earlier, later, budget)

    return cmp_to_key(compare_charged)


def sort_values(values: list[Any], budget: Budget | None = None) -> list[Any]:
    """The values in jq's order, equal ones in the order they had."""
    if is_plain(values):
        return sorted(values)
    return sorted(values, key=order_key if budget is None else order_key_for(budget))


def is_plain(values: list[Any]) -> bool:
    """Whether Python's own order is jq's for these values: all strings, or all integers."""
    kinds = set(map(type, values))
    return len(kinds) == 1 and (str in kinds or int in kinds)


def sort_pairs(keys: list[Any], values: list[Any], budget: Budget) -> list[tuple[Any, Any]]:
    """The (key, value) pairs in the order of the keys."""
    pairs = list(zip(keys, values, strict=True))
    if is_plain(keys):
        pairs.sort(key=lambda pair: pair[0])
        return pairs
    if all(type(key) is list and len(key) == 1 for key in keys) and is_plain([key[0] for key in keys]):
        pairs.sort(key=lambda pair: pair[0][0])
        return pairs
    order = order_key_for(budget)
    pairs.sort(key=lambda pair: order(pair[0]))
    return pairs
