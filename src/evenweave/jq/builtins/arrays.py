"""Functions of arrays, and those that arrays share with strings and objects."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from evenweave.jq.arithmetic import add, subtract
from evenweave.jq.builtins.function import Function
from evenweave.jq.errors import JqError
from evenweave.jq.limits import out_of_fuel
from evenweave.jq.paths import get, index_error
from evenweave.jq.text import describe, kind_of, write_json
from evenweave.jq.values import NUMBERS, compare, double, equal, negate, sort_pairs, sort_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenweave.jq.limits import Budget


def _length(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is list or kind is dict:
        return len(value)
    if value is None:
        return 0
    if kind in NUMBERS:
        return negate(value) if value < 0 else value
    raise JqError(f"{describe(value)} has no length")


def array_of(value: Any, verb: str) -> list[Any]:
    """The value, if it is an array.

    Raises:
        JqError: it is none, with jq's message that it cannot be treated so.
    """
    if type(value) is not list:
        raise JqError(f"{describe(value)} cannot be {verb}, as it is not an array")
    return value


def add_all(budget: Budget, values: Any) -> Any:
    """The sum of values, ``null`` for none. Strings and arrays are joined in one go."""
    total: Any = None
    items = iter(values)
    for value in items:
        budget.left -= 1
        if total is None:
            total = value
            continue
        kind = type(total)
        if kind is str and type(value) is str:
            total = _join_run(budget, total, value, items)
        elif kind is list and type(value) is list:
            total = _extend_run(budget, total, value, items)
        elif kind is dict and type(value) is dict:
            total = _update_run(budget, total, value, items)
        else:
            total = add(total, value)
    return total


def _join_run(budget: Budget, total: str, value: str, items: Iterator[Any]) -> Any:
    parts = [total, value]
    length = len(total) + len(value)
    for item in items:
        if item is None:
            continue
        if type(item) is not str:
            return add("".join(parts), item)
        parts.append(item)
        length += len(item)
        budget.charge(1)
        if length > budget.limits.string:
            break
    budget.check_string(length)
    return "".join(parts)


def _extend_run(budget: Budget, total: list[Any], value: list[Any], items: Iterator[Any]) -> Any:
    result = [*total, *value]
    for item in items:
        if item is None:
            continue
        if type(item) is not list:
            return add(result, item)
        result.extend(item)
        budget.check_array(len(item))
        budget.charge(1)
        if len(result) > budget.limits.array:
            break
    budget.check_array(len(result))
    return result


def _update_run(budget: Budget, total: dict[str, Any], value: dict[str, Any], items: Iterator[Any]) -> Any:
    result = {**total, **value}
    for item in items:
        if item is None:
            continue
        if type(item) is not dict:
            return add(result, item)
        result.update(item)
        budget.charge(1 + (len(item) >> 3))
    return result


def _add(budget: Budget, value: Any) -> Any:
    if type(value) is dict:
        return add_all(budget, value.values())
    if type(value) is list:
        return add_all(budget, value)
    raise JqError(f"Cannot iterate over {describe(value)}")


def _sort(budget: Budget, value: Any) -> list[Any]:
    return sort_values(array_of(value, "sorted"), budget)


def _keyed(budget: Budget, value: Any, keys: Any) -> list[tuple[Any, Any]]:
    if type(value) is not list:
        raise JqError(f"{describe(value)} and {describe(keys)} cannot be sorted, as they are not both arrays")
    return sort_pairs(keys, value, budget)


def _sort_by(budget: Budget, value: Any, keys: Any) -> list[Any]:
    return [element for _, element in _keyed(budget, value, keys)]


def _group_by(budget: Budget, value: Any, keys: Any) -> list[list[Any]]:
    groups: list[list[Any]] = []
    previous: Any = None
    for key, element in _keyed(budget, value, keys):
        if groups and compare(key, previous, budget) == 0:
            groups[-1].append(element)
        else:
            groups.append([element])
        previous = key
    return groups


def _unique(budget: Budget, value: Any) -> list[Any]:
    result: list[Any] = []
    for element in sort_values(array_of(value, "sorted"), budget):
        if not result or compare(result[-1], element, budget) != 0:
            result.append(element)
    return result


def _min_by(budget: Budget, value: Any, keys: Any) -> Any:
    # The first of several smallest ones counts.
    return _extreme(budget, value, keys, smallest=True)


def _max_by(budget: Budget, value: Any, keys: Any) -> Any:
    # The last of several largest ones counts.
    return _extreme(budget, value, keys, smallest=False)


def _extreme(budget: Budget, value: Any, keys: Any, *, smallest: bool) -> Any:
    if type(value) is not list:
        raise JqError(f"{describe(value)} and {describe(keys)} cannot be iterated over")
    best: Any = None
    best_key: Any = None
    for place, (key, element) in enumerate(zip(keys, value, strict=True)):
        budget.charge(1)
        if place == 0 or (compare(key, best_key, budget) < 0) is smallest:
            best, best_key = element, key
    return best


def _min(budget: Budget, value: Any) -> Any:
    return _min_by(budget, value, value)


def _max(budget: Budget, value: Any) -> Any:
    return _max_by(budget, value, value)


def _reverse(value: Any) -> Any:
    if type(value) is list:
        return value[::-1]
    length = _length(value)
    if length <= 0:
        return []
    raise index_error(value, subtract(length, 1))


def _flatten(budget: Budget, value: Any, depth: Any = 1e9) -> list[Any]:
    if compare(depth, 0) < 0:
        raise JqError("flatten depth must not be negative")
    if type(value) is dict:
        value = list(value.values())
    if type(value) is not list:
        raise JqError(f"Cannot iterate over {describe(value)}")
    result: list[Any] = []
    stack: list[tuple[Iterator[Any], Any]] = [(iter(value), depth)]
    while stack:
        items, left = stack[-1]
        for item in items:
            budget.left -= 4
            if budget.left < 0:
                raise out_of_fuel()
            if type(item) is list and not equal(left, 0):
                stack.append((iter(item), subtract(left, 1)))
                break
            result.append(item)
        else:
            stack.pop()
    return result


def _transpose(budget: Budget, value: Any) -> list[list[Any]]:
    if type(value) is not list and type(value) is not dict:
        raise JqError(f"Cannot iterate over {describe(value)}")
    rows = list(value.values()) if type(value) is dict else value
    width = max((math.ceil(_length(row)) for row in rows), default=0)
    budget.charge(len(rows) * width >> 1)
    return [[get(row, at) for row in rows] for at in range(width)]


def _join(budget: Budget, value: Any, separator: Any) -> Any:
    if type(value) is dict:
        value = list(value.values())
    if type(value) is not list:
        raise JqError(f"Cannot iterate over {describe(value)}")
    if type(separator) is not str:
        return _join_slowly(value, separator)
    parts: list[str] = []
    length = 0
    for element in value:
        text = _joinable(element)
        if type(text) is not str:
            before = "".join([part + separator for part in parts])
            raise JqError(f"{describe(before)} and {describe(element)} cannot be added")
        parts.append(text)
        length += len(text) + len(separator)
        if length > budget.limits.string:
            break
    budget.check_string(length)
    return separator.join(parts)


def _joinable(element: Any) -> Any:
    if element is None:
        return ""
    return write_json(element) if type(element) is bool or type(element) in NUMBERS else element


def _join_slowly(value: list[Any], separator: Any) -> Any:
    """``join`` as jq defines it, for a separator that is no string: it fails on the second element, or adds nothing."""
    total: Any = None
    for element in value:
        total = add("" if total is None else add(total, separator), _joinable(element))
    return "" if total is None else total


def _implode(value: Any) -> str:
    if type(value) is not list:
        raise JqError("implode input must be an array")
    return "".join([_character(code) for code in value])


def _character(code: Any) -> str:
    if type(code) not in NUMBERS or math.isnan(code):
        raise JqError(f"{describe(code)} can't be imploded, unicode codepoint needs to be numeric")
    number = int(max(min(double(code), 1e9), -1.0))
    if not 0 <= number <= 0x10FFFF or 0xD800 <= number < 0xE000:
        return "\ufffd"
    return chr(number)


def _toarray(value: Any) -> list[Any]:
    return value if type(value) is list else [value]


FUNCTIONS: Final[dict[tuple[str, int], Function]] = {
    ("length", 0): Function(_length),
    ("not", 0): Function(lambda value: value is None or value is False),
    ("type", 0): Function(kind_of),
    ("add", 0): Function(_add, budget=True),
    ("sort", 0): Function(_sort, budget=True),
    ("_sort_by", 1): Function(_sort_by, budget=True),
    ("_group_by", 1): Function(_group_by, budget=True),
    ("_min_by", 1): Function(_min_by, budget=True),
    ("_max_by", 1): Function(_max_by, budget=True),
    ("unique", 0): Function(_unique, budget=True),
    ("min", 0): Function(_min, budget=True),
    ("max", 0): Function(_max, budget=True),
    ("reverse", 0): Function(_reverse),
    ("flatten", 0): Function(_flatten, budget=True),
    ("flatten", 1): Function(_flatten, budget=True),
    ("transpose", 0): Function(_transpose, budget=True),
    ("join", 1): Function(_join, budget=True),
    ("implode", 0): Function(_implode),
    ("_each", 0): Function(lambda value: value, many=True),
    ("toarray", 0): Function(_toarray),
}
