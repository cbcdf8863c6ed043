"""Reading and changing values along paths. A change makes a new value and leaves the old one as it was."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from evenweave.jq.errors import JqError, JqLimitError
from evenweave.jq.limits import DEFAULT_LIMITS, too_deep
from evenweave.jq.text import MAX_DEPTH, describe, kind_of
from evenweave.jq.values import NUMBERS, double, equal, sort_values

if TYPE_CHECKING:
    from evenweave.jq.limits import Budget

MAX_INDEX: Final = 536_870_911
"""jq's own bound on an index that is written to."""


def index_error(value: Any, key: Any) -> JqError:
    """The error of jq for a value that has no such kind of key."""
    return JqError(f"Cannot index {kind_of(value)} with {describe(key)}")


def get(value: Any, key: Any) -> Any:
    """``value[key]``: one step of a path, ``null`` where there is nothing.

    Raises:
        JqError: the value has no such kind of key.
    """
    kind, kind_key = type(value), type(key)
    if kind is dict and kind_key is str:
        return value.get(key)
    if kind is list and kind_key in NUMBERS:
        return get_element(value, key)
    if value is None and (kind_key is str or kind_key in NUMBERS):
        return None
    if kind_key is dict and value is None:
        return None
    if kind_key is dict and (kind is list or kind is str):
        start, stop = slice_bounds(key)
        return get_slice(value, start, stop)
    if kind is list and kind_key is list:
        return find_all(value, key)
    raise index_error(value, key)


def get_element(value: list[Any], key: float) -> Any:
    """The element at a number, from the end if negative; its fraction is dropped; ``null`` outside."""
    if type(key) is not int:
        number = double(key)
        if not -1e18 < number < 1e18:
            return None
        key = math.floor(number)
    if key < 0:
        key += len(value)
    return value[key] if 0 <= key < len(value) else None


def find_all(value: list[Any], part: list[Any]) -> list[int]:
    """Every index at which ``part`` starts in ``value``."""
    if not part:
        return []
    width = len(part)
    return [
        at
        for at in range(len(value) - width + 1)
        if all(equal(value[at + offset], part[offset]) for offset in range(width))
    ]


def slice_bounds(key: dict[str, Any]) -> tuple[Any, Any]:
    """The bounds in a slice written as an object, as it stands in a path."""
    missing = False
    start, stop = key.get("start", missing), key.get("end", missing)
    for bound in (start, stop):
        if bound is not None and type(bound) not in NUMBERS:
            raise slice_error()
    return start, stop


def slice_error() -> JqError:
    """The error of jq for a slice whose bounds are no numbers."""
    return JqError("Array/string slice indices must be integers")


def resolve_bounds(length: int, start: Any, stop: Any) -> tuple[int, int]:
    """The first and the last index, exclusive, that a slice covers in something of a length.

    Raises:
        JqError: a bound is no number.
    """
    if (start is not None and type(start) not in NUMBERS) or (stop is not None and type(stop) not in NUMBERS):
        raise slice_error()
    low = 0.0 if start is None else double(start)
    high = float(length) if stop is None else double(stop)
    if math.isnan(low):
        low = 0.0
    if math.isnan(high):
        high = float(length)
    if low < 0:
        low += length
    if high < 0:
        high += length
    first = math.floor(min(max(low, 0.0), float(length)))
    last = math.ceil(min(max(high, 0.0), float(length)))
    return first, max(first, last)


def get_slice(value: Any, start: Any, stop: Any) -> Any:
    """``value[start:stop]`` of an array, a string or ``null``."""
    kind = type(value)
    if kind is list or kind is str:
        low, high = resolve_bounds(len(value), start, stop)
        return value[low:high]
    if value is None:
        return None
    raise index_error(value, {"start": start, "end": stop})


def get_path(value: Any, path: Any) -> Any:
    """``getpath(path)``: the value at a path; ``null`` once something on the way is ``null``."""
    if type(path) is not list:
        raise JqError("Path must be specified as an array")
    if len(path) > MAX_DEPTH:
        raise too_deep("Path")
    for key in path:
        value = get(value, key)
    return value


def set_path(value: Any, path: Any, new: Any, budget: Budget | None = None) -> Any:
    """``setpath(path; new)``: the value with another value at a path; arrays and objects on the way are made.

    Args:
        value: The value.
        path: The path, a list of keys.
        new: What to put there.
        budget: What to charge for what is copied.

    Raises:
        JqError: the path does not fit the value.
    """
    if type(path) is not list:
        raise JqError("Path must be specified as an array")
    if len(path) > MAX_DEPTH:
        raise too_deep("Path")
    parents: list[tuple[Any, Any]] = []
    for key in path:
        parents.append((value, key))
        value = _get_for_update(value, key)
    for parent, key in reversed(parents):
        new = put(parent, key, new)
        if budget is not None:
            budget.charge(1 + (len(new) >> 4))
    return new


def out_of_bounds() -> JqError:
    """The error of jq for an index before the start of an array."""
    return JqError("Out of bounds negative array index")


def _get_for_update(value: Any, key: Any) -> Any:
    if type(key) is list and type(value) is list:
        raise JqError("Cannot update field at array index of array")
    if type(key) in NUMBERS and key < 0 and (value is None or (type(value) is list and double(key) < -len(value))):
        raise out_of_bounds()
    return get(value, key)


def put(value: Any, key: Any, new: Any) -> Any:
    """``value`` with ``new`` at one key."""
    kind, kind_key = type(value), type(key)
    if kind_key is str and (kind is dict or value is None):
        result = dict(value) if value else {}
        result[key] = new
        return result
    if kind_key in NUMBERS and (kind is list or value is None):
        return _put_element(value or [], key, new)
    if kind_key is dict and (kind is list or value is None):
        start, stop = slice_bounds(key)
        if type(new) is not list:
            raise JqError("A slice of an array can only be assigned another array")
        elements: list[Any] = value or []
        low, high = resolve_bounds(len(elements), start, stop)
        return elements[:low] + new + elements[high:]
    if kind_key is dict and kind is str:
        raise JqError("Cannot update string slices")
    if kind_key is list and kind is list:
        raise JqError("Cannot update field at array index of array")
    raise index_error(value, key)


def _put_element(value: list[Any], key: float, new: Any) -> list[Any]:
    number = double(key)
    if math.isnan(number):
        raise JqError("Cannot set array element at NaN index")
    if number > MAX_INDEX:
        raise JqError("Array index too large")
    at = math.floor(number) if number > -1e18 else -MAX_INDEX
    if at < 0:
        at += len(value)
        if at < 0:
            raise out_of_bounds()
    if at >= DEFAULT_LIMITS.array:
        raise JqLimitError(f"Array too long: more than {DEFAULT_LIMITS.array} elements")
    if at >= len(value):
        return [*value, *([None] * (at - len(value))), new]
    result = value.copy()
    result[at] = new
    return result


def delete_paths(value: Any, paths: Any, budget: Budget | None = None) -> Any:
    """``delpaths(paths)``: the value without what the paths lead to."""
    if type(paths) is not list:
        raise JqError("Paths must be specified as an array")
    for path in paths:
        if type(path) is not list:
            raise JqError("Path must be specified as an array")
        if len(path) > MAX_DEPTH:
            raise too_deep("Path")
    # Backwards, so that an earlier deletion moves nothing that a later path means.
    ordered = sort_values(paths, budget)
    ordered.reverse()
    at = 0
    while at < len(ordered):
        path = ordered[at]
        if not path:
            return None
        # Keys of one parent go together, because deleting one would change what a negative index means.
        keys = [path[-1]]
        at += 1
        while at < len(ordered) and len(ordered[at]) == len(path) and equal(ordered[at][:-1], path[:-1]):
            keys.append(ordered[at][-1])
            at += 1
        value = _delete_path(value, path[:-1], keys, budget)
    return value


def _delete_path(value: Any, path: list[Any], keys: list[Any], budget: Budget | None) -> Any:
    parents: list[tuple[Any, Any]] = []
    for key in path:
        if value is None:
            break
        parents.append((value, key))
        value = get(value, key)
    if value is None:
        # Nothing there: the value stays as it is, but for an error that the path itself deserves.
        return parents[0][0] if parents else None
    new = _delete_keys(value, keys)
    if budget is not None:
        budget.charge(len(keys) + (len(value) >> 2))
    for parent, key in reversed(parents):
        new = put(parent, key, new)
        if budget is not None:
            budget.charge(1 + (len(new) >> 4))
    return new


def _delete_keys(value: Any, keys: list[Any]) -> Any:
    if type(value) is dict:
        for key in keys:
            if type(key) is not str:
                raise JqError(f"Cannot delete {kind_of(key)} field of object")
        if not any(key in value for key in keys):
            return value
        gone = set(keys)
        return {name: element for name, element in value.items() if name not in gone}
    if type(value) is list:
        places: set[int] = set()
        for key in keys:
            places.update(_places(value, key))
        return [element for at, element in enumerate(value) if at not in places] if places else value
    raise JqError(f"Cannot delete fields from {kind_of(value)}")


def _places(value: list[Any], key: Any) -> range:
    """The indices that a key means."""
    if type(key) in NUMBERS:
        number = double(key)
        if not -1e18 < number < 1e18:
            return range(0)
        at = math.floor(number)
        if at < 0:
            at += len(value)
        return range(at, at + 1) if 0 <= at < len(value) else range(0)
    if type(key) is dict:
        return range(*resolve_bounds(len(value), *slice_bounds(key)))
    raise JqError(f"Cannot delete {kind_of(key)} element of array")


class Editor:
    """Sets many paths in one value, and copies each array and object on the way only once.

    What the editor has copied itself it changes in place, as long as nobody else has seen it.
    """

    __slots__ = ("_budget", "_owned", "root")

    def __init__(self, value: Any, budget: Budget) -> None:
        self.root = value
        self._budget = budget
        # By identity; the reference keeps the identity from being used again.
        self._owned: dict[int, Any] = {}

    def get(self, path: list[Any]) -> Any:
        """The value at a path, for others to see."""
        value = get_path(self.root, path)
        if id(value) in self._owned:
            self._owned.clear()
        return value

    def set(self, path: list[Any], new: Any) -> None:
        """Put a value at a path; as :func:`set_path`."""
        parents = self._plain_parents(path)
        if parents is None:
            self.root = set_path(self.root, path, new, self._budget)
            self._owned.clear()
            return
        owned = self._owned
        above: Any = None
        for place, container in enumerate(parents):
            if id(container) in owned:
                above = container
                continue
            copy = container.copy()
            self._budget.charge(1 + (len(copy) >> 4))
            owned[id(copy)] = copy
            if above is None:
                self.root = copy
            else:
                above[path[place - 1]] = copy
            above = copy
        above[path[-1]] = new

    def _plain_parents(self, path: list[Any]) -> list[Any] | None:
        """The arrays and objects on the way, if all are there and every key just names an element."""
        value = self.root
        parents: list[Any] = []
        if not path:
            return None
        last = len(path) - 1
        for place, key in enumerate(path):
            kind = type(value)
            parents.append(value)
            if kind is dict and type(key) is str:
                if place < last:
                    value = value.get(key)
            elif kind is list and type(key) is int and 0 <= key < len(value):
                value = value[key]
            else:
                return None
        return parents


def unroll(path: Any) -> list[Any]:
    """The keys of a linked path ``(((), key), key)`` as a list."""
    keys: list[Any] = []
    while path:
        path, key = path
        keys.append(key)
    keys.reverse()
    return keys
