"""Regular expressions: ``match``, ``test``, ``capture``, ``scan``, ``split`` and ``splits``."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from evenweave.jq.builtins.function import Function
from evenweave.jq.builtins.patterns import Pattern, compile_pattern
from evenweave.jq.errors import JqError
from evenweave.jq.text import describe, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenweave.jq.limits import Budget

_CACHE_SIZE: Final = 512
_NO_FLAGS: Final = object()


@lru_cache(maxsize=_CACHE_SIZE)
def _compiled(pattern: str, flags: str) -> Pattern:
    return compile_pattern(pattern, flags)


def _parse(value: Any, pattern: Any, flags: Any) -> tuple[str, str, str]:
    """The text, the pattern and the flags, which may come together as one array."""
    if flags is _NO_FLAGS:
        flags = None
        if type(pattern) is list and pattern:
            flags = pattern[1] if len(pattern) > 1 else None
            pattern = pattern[0]
        elif type(pattern) is not str:
            raise JqError(f"{kind_of(pattern)} not a string or array")
    if type(value) is not str:
        raise JqError(f"{describe(value)} cannot be matched, as it is not a string")
    if type(pattern) is not str:
        raise JqError(f"{describe(pattern)} is not a string")
    if flags is None:
        flags = ""
    if type(flags) is not str:
        raise JqError(f"{describe(flags)} is not a string")
    for flag in flags:
        if flag not in "ginpslx":
            raise JqError(f"{flags} is not a valid modifier string")
    return value, pattern, flags


def _spans(budget: Budget, text: str, pattern: str, flags: str) -> Iterator[tuple[Pattern, Any]]:
    compiled = _compiled(pattern, "".join(sorted(set(flags) - {"g", "n"})))
    skip_empty = "n" in flags
    for spans in compiled.search(text, budget, every="g" in flags):
        budget.charge(1 + (len(text) >> 8))
        if skip_empty and spans[0][0] == spans[0][1]:
            continue
        yield compiled, spans


def match(budget: Budget, value: Any, pattern: Any, flags: Any = _NO_FLAGS) -> Iterator[dict[str, Any]]:
    """``match(pattern; flags)``."""
    text, expression, options = _parse(value, pattern, flags)
    for compiled, spans in _spans(budget, text, expression, options):
        start, stop = spans[0]
        captures = [
            {
                "offset": low,
                "length": high - low if low >= 0 else 0,
                "string": text[low:high] if low >= 0 else None,
                "name": name,
            }
            for (low, high), name in zip(spans[1:], compiled.names, strict=True)
        ]
        yield {"offset": start, "length": stop - start, "string": text[start:stop], "captures": captures}


def _test(budget: Budget, value: Any, pattern: Any, flags: Any = _NO_FLAGS) -> bool:
    text, expression, options = _parse(value, pattern, flags)
    return any(True for _ in _spans(budget, text, expression, options))


def captured(found: dict[str, Any]) -> dict[str, Any]:
    """The named captures of a match, by name."""
    return {capture["name"]: capture["string"] for capture in found["captures"] if capture["name"] is not None}


def _capture(budget: Budget, value: Any, pattern: Any, flags: Any = _NO_FLAGS) -> Iterator[dict[str, Any]]:
    return (captured(found) for found in match(budget, value, pattern, flags))


def _global(flags: Any) -> str:
    """The flags with ``g``."""
    if flags is None:
        return "g"
    if type(flags) is not str:
        raise JqError(f"{describe('g')} and {describe(flags)} cannot be added")
    return "g" + flags


def _scan(budget: Budget, value: Any, pattern: Any, flags: Any = None) -> Iterator[Any]:
    for found in match(budget, value, pattern, _global(flags)):
        if found["captures"]:
            yield [capture["string"] for capture in found["captures"]]
        else:
            yield found["string"]


def _split(budget: Budget, value: Any, pattern: Any, flags: Any) -> list[str]:
    text, expression, options = _parse(value, pattern, _global(flags))
    parts: list[str] = []
    done = 0
    for _, spans in _spans(budget, text, expression, options):
        start, stop = spans[0]
        parts.append(text[done:start])
        done = stop
    parts.append(text[done:])
    return parts


def _splits(budget: Budget, value: Any, pattern: Any, flags: Any = None) -> list[str]:
    return _split(budget, value, pattern, flags)


FUNCTIONS: Final[dict[tuple[str, int], Function]] = {
    ("match", 1): Function(match, many=True, budget=True),
    ("match", 2): Function(match, many=True, budget=True),
    ("test", 1): Function(_test, budget=True),
    ("test", 2): Function(_test, budget=True),
    ("capture", 1): Function(_capture, many=True, budget=True),
    ("capture", 2): Function(_capture, many=True, budget=True),
    ("scan", 1): Function(_scan, many=True, budget=True),
    ("scan", 2): Function(_scan, many=True, budget=True, forward=True),
    ("split", 2): Function(_split, budget=True, forward=True),
    ("splits", 1): Function(_splits, many=True, budget=True),
    ("splits", 2): Function(_splits, many=True, budget=True, forward=True),
    ("_captured", 0): Function(captured),
}
