"""Reads JSON (RFC 8259) with the place of every value, and refuses a name that is in one object twice."""

from __future__ import annotations

from re import compile as pattern
from typing import Any, Final

from evenweave.source.limits import MAX_DEPTH, MAX_PROBLEMS, too_deep
from evenweave.source.number import integer, real
from evenweave.source.place import Place, Problem, Reading

__all__ = ["SYNTAX", "read"]

#: The code of a text that is no JSON at all; every other problem is one of a text that is.
SYNTAX: Final = "FI120"

_SPACE = pattern(r"[ \t\r\n]*")
_STRING = pattern(r'"([^"\\\x00-\x1f]*)"')
_STRING_ESCAPED = pattern(r'"((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"')
_ESCAPE = pattern(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))")
_SIMPLE = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_NUMBER = pattern(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORD = pattern(r"[\w.+-]+")
_LITERALS: Final = {"true": True, "false": False, "null": None}


class _Syntax(Exception):
    """The text is no JSON from ``start`` on."""

    def __init__(self, start: int, end: int, message: str, hint: str = "", code: str = SYNTAX) -> None:
        super().__init__(message)
        self.problem = Problem(code, start, end, message, hint)


def _unescape(text: str, start: int) -> str:
    """Return the text between two quotes with its escapes resolved; ``start`` is where it stands."""

    def resolve(found: Any) -> str:
        high, low, single, simple = found.groups()
        if simple:
            return _SIMPLE[simple]
        if single is None:
            return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00))
        code = int(single, 16)
        if 0xD800 <= code <= 0xDFFF:
            at = start + found.start()
            hint = "a character beyond U+FFFF is a pair of them"
            raise _Syntax(at, at + 6, f"\\u{single} is half a character", hint, "FI121")
        return chr(code)

    return _ESCAPE.sub(resolve, text)


def _string(text: str, at: int) -> tuple[str, int]:
    """Return the string that begins with the quote at ``at``, and where it ends."""
    found = _STRING.match(text, at)
    if found:
        return found[1], found.end()
    found = _STRING_ESCAPED.match(text, at)
    if found:
        return _unescape(found[1], at + 1), found.end()
    line_end = min((end for end in (text.find("\n", at), text.find("\r", at)) if end >= 0), default=len(text))
    # Where the string goes wrong: an escape that there is not, a raw control character, or no quote before the line
    # ends.
    good = pattern(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*').match(text, at)
    stop = good.end() if good else at
    if stop < line_end and text[stop] == "\\":
        raise _Syntax(
            stop, min(stop + 2, line_end), f"the escape {text[stop : stop + 2]!r} does not exist", "write \\\\"
        )
    if stop < line_end:
        raise _Syntax(stop, stop + 1, f"the character U+{ord(text[stop]):04X} has to be escaped", "write \\t for a tab")
    raise _Syntax(at, at + 1, "this string never ends", "the closing quote is missing")


def _scalar(text: str, at: int, problems: list[Problem]) -> tuple[Any, int]:
    """Return the number or the word at ``at``, and where it ends."""
    found = _NUMBER.match(text, at)
    word = _WORD.match(text, at)
    if found and word and found.end() >= word.end():
        number = real(found[0]) if found[2] or found[3] else integer(found[0], 10)
        if number is None:
            problems.append(Problem("FI110", at, found.end(), "this number is too large", "quote it"))
        return number, found.end()
    if word and word[0] in _LITERALS:
        return _LITERALS[word[0]], word.end()
    if not word:
        if at >= len(text):
            raise _Syntax(at, at, "the document ends too early", "a value or a bracket is missing")
        hint = "strings stand in double quotes" if text[at] == "'" else "a comma too much?" if text[at] in "]}," else ""
        raise _Syntax(at, at + 1, f"a value is expected, not {text[at]!r}", hint)
    if word[0] in {"NaN", "Infinity", "-Infinity"}:
        raise _Syntax(at, word.end(), f"{word[0]} is no number that JSON can carry", "quote it")
    hint = "true, false and null are written small, strings stand in double quotes"
    raise _Syntax(at, word.end(), f"{word[0]!r} is no JSON value", hint)


def read(text: str) -> Reading:
    """Read ``text`` as one JSON document; broken syntax ends the reading, names that are there twice are noted, all."""
    problems: list[Problem] = []
    try:
        value, place = _read(text, problems)
    except _Syntax as error:
        return Reading(None, None, [*problems, error.problem])
    return Reading(value, place, problems)


def _read(text: str, problems: list[Problem]) -> tuple[Any, Place]:
    skip = _SPACE.match
    stack: list[tuple[Any, Place, str | None]] = []  # what is around: value, place, the key that waits
    holder: Any = None
    around = Place(0, 0)
    key: str | None = None
    at = skip(text, 0).end()  # type: ignore[union-attr]
    value: Any
    while True:
        # One value.
        sign = text[at : at + 1]
        if sign == '"':
            value, end = _string(text, at)
            place = Place(at, end, "j")
        elif sign == "{" or sign == "[":  # noqa: PLR1714 - twice as fast
            if len(stack) >= MAX_DEPTH:
                problem = too_deep(at)
                raise _Syntax(problem.start, problem.end, problem.message, problem.hint, problem.code)
            place = Place(at, at + 1)
            is_object = sign == "{"
            value = {} if is_object else []
            end = skip(text, at + 1).end()  # type: ignore[union-attr]
            if text[end : end + 1] != ("}" if is_object else "]"):
                stack.append((holder, around, key))
                holder, around = value, place
                if is_object:
                    place.keys, place.children = {}, {}
                    key, at = _key(text, end, around, problems)
                else:
                    place.children = []
                    key, at = None, end
                continue
            if is_object:
                place.keys, place.children = {}, {}
            else:
                place.children = []
            end += 1
            place.end = end
        else:
            value, end = _scalar(text, at, problems)
            place = Place(at, end)
        # It is complete: hand it to what is around, as far up as that is complete too.
        while True:
            if holder is None:
                end = skip(text, end).end()  # type: ignore[union-attr]
                if end < len(text):
                    raise _Syntax(end, end + 1, "the document goes on behind its end", "one file holds one document")
                return value, place
            if key is None:
                holder.append(value)
                around.children.append(place)  # type: ignore[union-attr]
            elif key not in holder:
                holder[key] = value
                around.children[key] = place  # type: ignore[index, call-overload]
            end = skip(text, end).end()  # type: ignore[union-attr]
            sign = text[end : end + 1]
            if sign == ",":
                at = skip(text, end + 1).end()  # type: ignore[union-attr]
                if key is not None:
                    key, at = _key(text, at, around, problems)
                break
            if sign != ("]" if key is None else "}"):
                raise _after_value(text, end, around, key is None)
            end += 1
            around.end = end
            value, place = holder, around
            holder, around, key = stack.pop()


def _after_value(text: str, at: int, around: Place, is_list: bool) -> _Syntax:
    """Return the error of a collection whose value is followed by neither a comma nor its closing bracket."""
    name, close = ("list", "]") if is_list else ("object", "}")
    if at >= len(text):
        return _Syntax(around.start, around.start + 1, f"this {name} never ends", f"the closing '{close}' is missing")
    return _Syntax(at, at + 1, f"',' or '{close}' is expected, not {text[at]!r}", "a comma or a bracket is missing")


def _key(text: str, at: int, around: Place, problems: list[Problem]) -> tuple[str, int]:
    """Read a name and its colon at ``at``; return the name and where its value begins."""
    if text[at : at + 1] != '"':
        if at >= len(text):
            raise _after_value(text, at, around, is_list=False)
        hint = "a comma too much?" if text[at] == "}" else "names stand in double quotes"
        raise _Syntax(at, at + 1, f"a name in double quotes is expected, not {text[at]!r}", hint)
    name, end = _string(text, at)
    keys = around.keys
    assert keys is not None
    if name in keys:
        first = text.count("\n", 0, keys[name][0]) + 1
        message = f'the key "{name}" is here a second time'
        problems.append(Problem("FI107", at, end, message, f"the first is in line {first}"))
        if len(problems) >= MAX_PROBLEMS:
            raise _Syntax(at, end, "and more problems of this kind", code="FI107")
    else:
        keys[name] = (at, end)
    colon = _SPACE.match(text, end).end()  # type: ignore[union-attr]
    if text[colon : colon + 1] != ":":
        raise _Syntax(colon, colon + 1, "':' is expected behind a name")
    return name, _SPACE.match(text, colon + 1).end()  # type: ignore[union-attr]
