"""Functions of strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from evenweave.jq.arithmetic import split
from evenweave.jq.builtins.formats import FORMATS
from evenweave.jq.builtins.function import Function
from evenweave.jq.errors import JqError
from evenweave.jq.reader import read_json
from evenweave.jq.text import describe, write_json

if TYPE_CHECKING:
    from evenweave.jq.limits import Budget

_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000"
)
_UPPER: Final = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def tostring(budget: Budget, value: Any) -> str:
    """A string as it stands, any other value as JSON."""
    return value if type(value) is str else write_json(value, budget=budget)


def _tojson(budget: Budget, value: Any) -> str:
    return write_json(value, budget=budget)


def _fromjson(budget: Budget, value: Any) -> Any:
    if type(value) is not str:
        raise JqError(f"{describe(value)} only strings can be parsed")
    budget.charge(len(value) >> 1)
    return read_json(value)


def _utf8bytelength(value: Any) -> int:
    if type(value) is not str:
        raise JqError(f"{describe(value)} only strings have UTF-8 byte length")
    return len(value.encode("utf-8", "replace"))


def _startswith(value: Any, start: Any) -> bool:
    if type(value) is not str or type(start) is not str:
        raise JqError("startswith() requires string inputs")
    return value.startswith(start)


def _endswith(value: Any, end: Any) -> bool:
    if type(value) is not str or type(end) is not str:
        raise JqError("endswith() requires string inputs")
    return value.endswith(end)


def _ltrimstr(value: Any, start: Any) -> Any:
    return value[len(start) :] if _startswith(value, start) else value


def _rtrimstr(value: Any, end: Any) -> Any:
    return value[: len(value) - len(end)] if _endswith(value, end) else value


def _trimstr(value: Any, text: Any) -> Any:
    return _rtrimstr(_ltrimstr(value, text), text)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise JqError("trim input must be a string")
    return value


def _split(value: Any, separator: Any) -> list[str]:
    if type(value) is not str or type(separator) is not str:
        raise JqError("split input and separator must be strings")
    return split(value, separator)


def _explode(value: Any) -> list[int]:
    if type(value) is not str:
        raise JqError("explode input must be a string")
    return [ord(letter) for letter in value]


def _case(table: dict[int, int]) -> Function:
    def run(value: Any) -> str:
        if type(value) is not str:
            raise JqError("explode input must be a string")
        return value.translate(table)

    return Function(run)


def _format(value: Any, name: Any) -> str:
    if type(name) is not str:
        raise JqError(f"{describe(name)} is not a valid format")
    write = FORMATS.get(name)
    if write is None:
        raise JqError(f"{name} is not a valid format")
    return write(value)


FUNCTIONS: Final[dict[tuple[str, int], Function]] = {
    ("tostring", 0): Function(tostring, budget=True),
    ("tojson", 0): Function(_tojson, budget=True),
    ("fromjson", 0): Function(_fromjson, budget=True),
    ("utf8bytelength", 0): Function(_utf8bytelength),
    ("startswith", 1): Function(_startswith),
    ("endswith", 1): Function(_endswith),
    ("ltrimstr", 1): Function(_ltrimstr),
    ("rtrimstr", 1): Function(_rtrimstr),
    ("trimstr", 1): Function(_trimstr),
    ("trim", 0): Function(lambda value: _text(value).strip(_SPACE)),
    ("ltrim", 0): Function(lambda value: _text(value).lstrip(_SPACE)),
    ("rtrim", 0): Function(lambda value: _text(value).rstrip(_SPACE)),
    ("split", 1): Function(_split),
    ("explode", 0): Function(_explode),
    ("ascii_downcase", 0): _case(_LOWER),
    ("ascii_upcase", 0): _case(_UPPER),
    ("format", 1): Function(_format),
}
