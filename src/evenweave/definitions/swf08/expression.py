"""Expressions in a definition: which strings hold one, and where (Serverless Workflow 0.8, "Workflow Expressions").

`${ program }` is an expression; `${ fn:name }` is the program of an expression function; text around one or more
`${ }` is a template that gives a string. The programs stay text here: the plan compiler compiles them.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from evenweave.source import pointer

PREDEFINED: Final = ("CONST", "SECRETS", "WORKFLOW")
"""The variables that every expression may name, without their `$`."""


class Expression(msgspec.Struct, frozen=True, kw_only=True):
    """A program in the definition's expression language.

    Attributes:
        ref: where the string stands that holds it.
        text: the program, without `${ }`; for `${ fn:name }` the function's own; quotes already mended.
        offset: where the program begins in the string, in characters.
        function: the name of the expression function that it was written as.
        variables: what it may name, without `$`: the predefined ones, then the iteration parameter of its foreach.
    """

    ref: str
    text: str
    offset: int = 0
    function: str | None = None
    variables: tuple[str, ...] = PREDEFINED


class Literal(msgspec.Struct, frozen=True, kw_only=True):
    """JSON that holds no expression anywhere.

    Attributes:
        ref: where it stands.
        value: the JSON value, shared with the document: it must not be changed.
    """

    ref: str
    value: Any


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A string with expressions in it, such as `Book ${ .book.title } is on loan`.

    Attributes:
        ref: where it stands.
        parts: the text and the expressions, in order; a result that is no string is put in as JSON.
    """

    ref: str
    parts: tuple[str | Expression, ...]


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """An object of which at least one member holds an expression.

    Attributes:
        ref: where it stands.
        members: the values by name, in the order written.
    """

    ref: str
    members: "dict[str, Value]"


class Items(msgspec.Struct, frozen=True, kw_only=True):
    """An array of which at least one item holds an expression.

    Attributes:
        ref: where it stands.
        items: the values in order.
    """

    ref: str
    items: "tuple[Value, ...]"


Value = Expression | Literal | Text | Members | Items
"""A JSON value in which any string may be an expression."""


class Embedded(msgspec.Struct, frozen=True):
    """One `${ }` within a string.

    Attributes:
        start: where its `$` is.
        end: behind its closing brace, or the length of the string if it is not closed.
        program: the text between the braces, without the white space around it.
        offset: where the program begins in the string.
        closed: whether the closing brace is there.
    """

    start: int
    end: int
    program: str
    offset: int
    closed: bool


def find(text: str) -> tuple[Embedded, ...]:
    """Find every `${ }` in a string; braces and quotes inside the program are skipped over.

    Args:
        text: any string of a definition.

    Returns:
        The expressions in order; empty if the string is plain text. The last one may not be closed.
    """
    found: list[Embedded] = []
    start = text.find("${")
    while start >= 0:
        close = _closing(text, start + 2)
        closed = close >= 0
        inner = text[start + 2 : close] if closed else text[start + 2 :]
        offset = start + 2 + len(inner) - len(inner.lstrip())
        end = close + 1 if closed else len(text)
        found.append(Embedded(start, end, inner.strip(), offset, closed))
        start = text.find("${", end)
    return tuple(found)


def is_whole(text: str, found: tuple[Embedded, ...]) -> bool:
    """Say whether a string is one expression and nothing else, but for white space around it.

    Args:
        text: the string.
        found: what `find` found in it.
    """
    return (
        len(found) == 1 and found[0].closed and not text[: found[0].start].strip() and not text[found[0].end :].strip()
    )


def read_value(value: Any, ref: str, read_text: Callable[[str, str], "Value"], *, every: bool = False) -> "Value":
    """Read a JSON value in which any string may be an expression.

    Args:
        value: plain JSON.
        ref: where it stands.
        read_text: called with each string that holds `${`, and its reference; gives its value.
        every: call it with every string.

    Returns:
        A `Literal` for everything without expressions, whole subtrees at a time.
    """
    if isinstance(value, str):
        return read_text(value, ref) if every or "${" in value else Literal(ref=ref, value=value)
    if isinstance(value, dict):
        members = {key: read_value(item, pointer.join(ref, key), read_text, every=every) for key, item in value.items()}
        if all(isinstance(member, Literal) for member in members.values()):
            return Literal(ref=ref, value=value)
        return Members(ref=ref, members=members)
    if isinstance(value, list):
        items = tuple(read_value(item, f"{ref}/{index}", read_text, every=every) for index, item in enumerate(value))
        if all(isinstance(item, Literal) for item in items):
            return Literal(ref=ref, value=value)
        return Items(ref=ref, items=items)
    return Literal(ref=ref, value=value)


def _closing(text: str, position: int) -> int:
    """Find the brace that closes an expression, from behind its `${`; -1 if there is none."""
    depth = 0
    while position < len(text):
        character = text[position]
        if character == '"':
            position = _string_end(text, position + 1)
        elif character == "'":
            # Not jq, but people write it (it is read as a double quote, with a warning); a lone one is left alone.
            end = text.find("'", position + 1)
            position = position + 1 if end < 0 else end + 1
        elif character == "}" and depth == 0:
            return position
        else:
            depth += (character == "{") - (character == "}")
            position += 1
    return -1


def _string_end(text: str, position: int) -> int:
    """Find the place behind a string from behind its double quote; interpolations may hold strings again."""
    # A stack instead of recursion: a hostile text must not reach the interpreter's limit. 0 is a string, n > 0 an
    # interpolation with n parentheses open.
    stack = [0]
    while position < len(text) and stack:
        character = text[position]
        if stack[-1] == 0:
            if character == "\\" and text[position + 1 : position + 2] == "(":
                stack.append(1)
                position += 1
            elif character == "\\":
                position += 1
            elif character == '"':
                stack.pop()
        elif character == '"':
            stack.append(0)
        else:
            stack[-1] += (character == "(") - (character == ")")
            if stack[-1] == 0:
                stack.pop()
        position += 1
    return position
