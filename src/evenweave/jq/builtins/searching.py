"""Functions that look for a value in an array, and for a string or an object in another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from evenweave.jq.builtins.function import Function
from evenweave.jq.errors import JqError
from evenweave.jq.limits import too_deep
from evenweave.jq.paths import find_all, get, get_slice
from evenweave.jq.text import MAX_DEPTH, describe, kind_of
from evenweave.jq.values import compare, equal

if TYPE_CHECKING:
    from evenweave.jq.limits import Budget


def _contains(budget: Budget, value: Any, part: Any) -> bool:
    stack: list[tuple[Any, Any, int]] = [(value, part, 0)]
    while stack:
        whole, piece, depth = stack.pop()
        budget.charge(2)
        if not _contains_one(budget, whole, piece, depth, stack):
            return False
    return True


def _alike(whole: Any, piece: Any) -> bool:
    """Whether two values are of one kind; ``true`` and ``false`` are two kinds."""
    return kind_of(whole) == kind_of(piece) and (type(whole) is not bool or whole is piece)


def _contains_one(budget: Budget, whole: Any, piece: Any, depth: int, stack: list[tuple[Any, Any, int]]) -> bool:
    """Whether one level holds; what has to hold below is put on the stack."""
    kind = type(whole)
    if not _alike(whole, piece):
        raise JqError(f"{describe(whole)} and {describe(piece)} cannot have their containment checked")
    if depth > MAX_DEPTH:
        raise too_deep("Containment check")
    if kind is dict:
        for key, element in piece.items():
            if key not in whole or not _alike(whole[key], element):
                return False
            stack.append((whole[key], element, depth + 1))
        return True
    if kind is list:
        if len(whole) == 1 and len(piece) == 1:
            # The common deep case, without recursion.
            if not _alike(whole[0], piece[0]):
                return False
            stack.append((whole[0], piece[0], depth + 1))
            return True
        return all(any(_alike(element, one) and _contains(budget, element, one) for element in whole) for one in piece)
    if kind is str:
        return piece in whole
    return equal(whole, piece)


def _indices(budget: Budget, value: Any, part: Any) -> Any:
    if type(value) is str and type(part) is str:
        return string_indices(value, part)
    if type(value) is list and type(part) is list:
        budget.charge(len(value) * (1 + len(part)) >> 2)
        return find_all(value, part)
    if type(value) is list:
        return [at for at, element in enumerate(value) if equal(element, part, budget)]
    return get(value, part)


def string_indices(value: Any, part: Any) -> list[int]:
    """Every index, in code points, at which a string holds another; overlapping ones too."""
    if type(value) is not str:
        raise JqError(f"{describe(value)} cannot be searched, as it is not a string")
    if type(part) is not str:
        raise JqError(f"{describe(part)} is not a string")
    if not part:
        return []
    found: list[int] = []
    at = value.find(part)
    while at >= 0:
        found.append(at)
        at = value.find(part, at + 1)
    return found


def _index(budget: Budget, value: Any, part: Any) -> Any:
    return get(_indices(budget, value, part), 0)


def _rindex(budget: Budget, value: Any, part: Any) -> Any:
    return get(get_slice(_indices(budget, value, part), -1, None), 0)


def _bsearch(value: Any, target: Any) -> int:
    if type(value) is not list:
        raise JqError(f"{describe(value)} cannot be searched from")
    low, high = 0, len(value)
    while low < high:
        middle = (low + high) // 2
        order = compare(value[middle], target)
        if order == 0:
            return middle
        if order < 0:
            low = middle + 1
        else:
            high = middle
    return -1 - low


FUNCTIONS: Final[dict[tuple[str, int], Function]] = {
    ("contains", 1): Function(_contains, budget=True),
    ("indices", 1): Function(_indices, budget=True),
    ("index", 1): Function(_index, budget=True),
    ("rindex", 1): Function(_rindex, budget=True),
    ("_strindices", 1): Function(string_indices),
    ("bsearch", 1): Function(_bsearch),
}
