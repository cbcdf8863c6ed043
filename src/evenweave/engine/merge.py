"""How results become part of data: 0.8, "Data Merging", and the join of branches. Nothing is changed in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from evenweave.engine.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

_CONTAINERS: Final = (dict, list)
_ENCODE: Final = msgspec.json.Encoder().encode


def merge(into: Any, value: Any, *, unite: bool = True) -> Any:
    """The data with a value merged into it (0.8, "Data Merging").

    Objects merge key by key, deeply; arrays are concatenated and each element is there once; everything else, and
    values of different types, is replaced by the new value. Parts that do not change are shared with the arguments.

    Args:
        into: The data.
        value: What comes.
        unite: Arrays are concatenated; else the new one replaces the old one, too.

    Raises:
        Fault: The values are nested too deeply.
    """
    try:
        return _merge(into, value, unite)
    except RecursionError:
        raise Fault("limit", "the data is nested too deeply to be merged") from None


def join(before: Any, results: Iterable[Any], *, unite: bool = True) -> Any:
    """The data with what several branches made of it, each of which began with ``before``; later ones win.

    Raises:
        Fault: The values are nested too deeply.
    """
    data = before
    try:
        for result in results:
            data = _merge(data, changes(before, result), unite)
    except RecursionError:
        raise Fault("limit", "the data is nested too deeply to be merged") from None
    return data


def _merge(into: Any, value: Any, unite: bool) -> Any:
    if into.__class__ is dict and value.__class__ is dict:
        if not value:
            return into
        merged = into.copy()
        for key, item in value.items():
            if item.__class__ in _CONTAINERS and key in merged:
                merged[key] = _merge(merged[key], item, unite)
            else:
                merged[key] = item
        return merged
    if unite and into.__class__ is list and value.__class__ is list:
        return _unite(into, value)
    return value


def changes(before: Any, after: Any) -> Any:
    """What a branch changed: the part of ``after`` that is not in ``before``, to be merged into what others made.

    Without it, a branch that left a value alone would overwrite what its neighbour wrote there with the old value.
    """
    if before.__class__ is dict and after.__class__ is dict:
        return {
            key: changes(before[key], item) if key in before else item
            for key, item in after.items()
            if key not in before or (item is not before[key] and not same(item, before[key]))
        }
    return after


def same(left: Any, right: Any) -> bool:
    """Equality as JSON has it: ``true`` is not 1, and 1 is 1.0."""
    if left.__class__ is bool or right.__class__ is bool:
        return left is right
    if left.__class__ is dict and right.__class__ is dict:
        return left.keys() == right.keys() and all(same(item, right[key]) for key, item in left.items())
    if left.__class__ is list and right.__class__ is list:
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def _unite(into: list[Any], value: list[Any]) -> list[Any]:
    # A reply mostly brings back the very array that went out; the text tells 1 from true, which == does not.
    if into == value and _ENCODE(into) == _ENCODE(value):
        return into
    seen = {_identity(item) for item in into}
    united = list(into)
    for item in value:
        identity = _identity(item)
        if identity not in seen:
            seen.add(identity)
            united.append(item)
    return united


def _identity(item: Any) -> Any:
    """A hashable value that is equal for items that are `same`."""
    kind = item.__class__
    if kind is dict:
        return ("object", frozenset([(key, _identity(part)) for key, part in item.items()]))
    if kind is list:
        return ("array", tuple(map(_identity, item)))
    return ("boolean", item) if kind is bool else item
