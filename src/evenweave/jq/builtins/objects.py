"""Functions of objects, of paths, and errors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from evenweave.jq.builtins.function import Function
from evenweave.jq.errors import JqError
from evenweave.jq.paths import delete_paths, get_path, set_path
from evenweave.jq.text import describe, kind_of
from evenweave.jq.values import NUMBERS, double

if TYPE_CHECKING:
    from evenweave.jq.limits import Budget


def _keys(value: Any) -> list[Any]:
    if type(value) is dict:
        return sorted(value)
    if type(value) is list:
        return list(range(len(value)))
    raise JqError(f"{describe(value)} has no keys")


def _keys_unsorted(value: Any) -> list[Any]:
    return list(value) if type(value) is dict else _keys(value)


def _has(value: Any, key: Any) -> bool:
    if type(value) is dict and type(key) is str:
        return key in value
    if type(value) is list and type(key) in NUMBERS:
        number = double(key)
        return 0 <= number < len(value) if not math.isnan(number) else False
    if value is None:
        return False
    raise JqError(f"Cannot check whether {kind_of(value)} has a {kind_of(key)} key")


def _to_entries(value: Any) -> list[dict[str, Any]]:
    if type(value) is dict:
        return [{"key": key, "value": value[key]} for key in value]
    if type(value) is list:
        return [{"key": at, "value": element} for at, element in enumerate(value)]
    raise JqError(f"{describe(value)} has no keys")


def _from_entries(value: Any) -> dict[str, Any]:
    entries = value.values() if type(value) is dict else value
    if type(value) is not list and type(value) is not dict:
        raise JqError(f"Cannot iterate over {describe(value)}")
    result: dict[str, Any] = {}
    for entry in entries:
        if entry is not None and type(entry) is not dict:
            raise JqError(f"Cannot index {kind_of(entry)} with {describe('key')}")
        key = _entry_key(entry or {})
        if type(key) is not str:
            raise JqError(f"Cannot use {describe(key)} as object key")
        result[key] = _entry_value(entry or {})
    return result


def _entry_key(entry: dict[str, Any]) -> Any:
    for name in ("key", "Key", "name", "Name"):
        found = entry.get(name)
        if found is not None and found is not False:
            return found
    return None


def _entry_value(entry: dict[str, Any]) -> Any:
    return entry["value"] if "value" in entry else entry.get("Value")


def _fail(value: Any) -> Any:
    raise JqError(value)


def _fail_with(_value: Any, message: Any) -> Any:
    raise JqError(message)


def _get_path(budget: Budget, value: Any, path: Any) -> Any:
    budget.charge(len(path) >> 2 if type(path) is list else 0)
    return get_path(value, path)


def _set_path(budget: Budget, value: Any, path: Any, new: Any) -> Any:
    return set_path(value, path, new, budget)


def _delete_paths(budget: Budget, value: Any, paths: Any) -> Any:
    return delete_paths(value, paths, budget)


FUNCTIONS: Final[dict[tuple[str, int], Function]] = {
    ("keys", 0): Function(_keys),
    ("keys_unsorted", 0): Function(_keys_unsorted),
    ("has", 1): Function(_has),
    ("to_entries", 0): Function(_to_entries),
    ("from_entries", 0): Function(_from_entries),
    ("error", 0): Function(_fail),
    ("error", 1): Function(_fail_with),
    ("getpath", 1): Function(_get_path, budget=True),
    ("setpath", 2): Function(_set_path, budget=True),
    ("delpaths", 1): Function(_delete_paths, budget=True),
}
