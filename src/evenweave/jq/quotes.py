"""The dialect note: expressions that quote strings with ``'`` instead of ``"``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.jq.errors import JqSyntaxError
from evenweave.jq.program import compile_parts

if TYPE_CHECKING:
    from collections.abc import Sequence


def read_quotes(source: str, *, variables: Sequence[str] = ()) -> str | None:
    """The expression with its ``'...'`` read as ``"..."``, where that makes a faulty expression a good one.

    Many definitions in the wild write ``.a == 'x'``, which is no jq. A caller that accepts it should warn.

    Args:
        source: The expression.
        variables: The names of the variables it may use.

    Returns:
        The expression rewritten, or ``None`` if it compiles as it stands, has no single quotes, or is wrong either way.
    """
    if "'" not in source:
        return None
    try:
        compile_parts(source, variables)
    except JqSyntaxError:
        pass
    else:
        return None
    rewritten = _swap(source)
    if rewritten is None:
        return None
    try:
        compile_parts(rewritten, variables)
    except JqSyntaxError:
        return None
    return rewritten


def _swap(source: str) -> str | None:
    """The text with each ``'...'`` outside a string and a comment written as ``"..."``."""
    out: list[str] = []
    position = 0
    while position < len(source):
        letter = source[position]
        if letter == "#":
            stop = source.find("\n", position)
            stop = len(source) if stop < 0 else stop
            out.append(source[position:stop])
        elif letter in "\"'":
            stop = position + 1
            while stop < len(source) and source[stop] != letter:
                stop += 2 if source[stop] == "\\" else 1
            if stop >= len(source):
                return None
            stop += 1
            body = source[position + 1 : stop - 1]
            if letter == "'":
                body = body.replace("\\'", "'").replace('"', '\\"')
            out.append(f'"{body}"')
        else:
            stop = position + 1
            out.append(letter)
        position = stop
    return "".join(out)
