"""jq 1.8 as a Python library: expressions compiled to closures, exact and bounded.

It imports nothing of the rest of Evenweave. Compile once, evaluate often::

    program = compile(".payment.status == $wanted", variables=["wanted"])
    program.first({"payment": {"status": "ok"}}, wanted="ok")

An expression reads its input and its variables and nothing else: no environment, no files, no further input, no clock
(``now`` is an attribute of the :class:`Budget`). Every evaluation is bounded by fuel and caps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.jq.errors import Error, JqError, JqLimitError, JqSyntaxError
from evenweave.jq.limits import DEFAULT_FUEL, Budget, Limits
from evenweave.jq.paths import get_path, set_path
from evenweave.jq.program import Program, compile_parts
from evenweave.jq.quotes import read_quotes

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "DEFAULT_FUEL",
    "Budget",
    "Error",
    "JqError",
    "JqLimitError",
    "JqSyntaxError",
    "Limits",
    "Program",
    "compile",
    "getpath",
    "read_quotes",
    "setpath",
]


def compile(source: str, *, variables: Sequence[str] = ()) -> Program:  # noqa: A001 - as re.compile
    """Compile an expression.

    Args:
        source: The expression.
        variables: The names, without ``$``, of the variables that a caller passes with every evaluation.

    Raises:
        JqSyntaxError: the expression is none, or names what does not exist or is not supported.
    """
    try:
        return Program(source, variables, compile_parts(source, variables))
    except RecursionError:
        raise JqSyntaxError("The expression is nested too deeply", source, 0) from None


def getpath(value: Any, path: Sequence[str | int]) -> Any:
    """The value at a path, ``None`` once something on the way is ``None``.

    Raises:
        JqError: the path does not fit the value.
    """
    return get_path(value, list(path))


def setpath(value: Any, path: Sequence[str | int], new: Any) -> Any:
    """The value with ``new`` at a path. Arrays and objects on the way are made; ``value`` itself stays as it is.

    Raises:
        JqError: the path does not fit the value.
    """
    return set_path(value, list(path), new)
