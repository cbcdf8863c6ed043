"""JSON Schemas that stand alone, compiled: nothing is ever fetched for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, TypeVar

import jsonschema_rs

from evenweave.source import pointer

if TYPE_CHECKING:
    from collections.abc import Callable

# A pattern with look-around is matched by backtracking. Enough for any sane one, and a fraction of a millisecond.
_BACKTRACKS: Final = 10_000
_MOST: Final = 20
_LONGEST: Final = 300

Compiled = TypeVar("Compiled")


class Mismatch(NamedTuple):
    """What is wrong with data: ``path`` is a JSON pointer into it."""

    path: str
    message: str


class Schema:
    """A compiled JSON Schema, of the draft that it names itself, else of 2020-12; ``format`` is an annotation."""

    def __init__(self, schema: Any) -> None:
        """Compile a schema.

        Raises:
            ValueError: It is none, or refers to what is not in it.
        """
        self._validator = compile_by(jsonschema_rs.validator_for, schema)

    def problems(self, data: Any) -> list[str]:
        """What is wrong with data, each with its place; nothing where it fits, and at most twenty."""
        if self._validator.is_valid(data):
            return []
        found = find_mismatches(self._validator, data)
        return [f"{each.path}: {each.message}" if each.path else each.message for each in found]


def compile_by(compiler: Callable[..., Compiled], schema: Any) -> Compiled:
    """Compile a schema by the library's function for a draft: it stands alone, and ``format`` is an annotation.

    Raises:
        ValueError: It is none, or refers to what is not in it.
    """
    return compiler(
        schema,
        validate_formats=False,
        retriever=_deny,
        pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS),
    )


def find_mismatches(validator: jsonschema_rs.Validator, data: Any) -> list[Mismatch]:
    """What is wrong with data; at most twenty."""
    found: list[Mismatch] = []
    for error in validator.iter_errors(data):
        message = error.message if len(error.message) <= _LONGEST else f"{error.message[: _LONGEST - 4]}..."
        found.append(Mismatch(pointer.join("", *error.instance_path), message))
        if len(found) == _MOST:
            break
    return found


def _deny(uri: str, /) -> NoReturn:
    # By itself the library reads files and asks hosts for what a schema refers to.
    raise ValueError(f"{uri} is outside of the schema and is not fetched")
