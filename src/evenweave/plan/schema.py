"""JSON Schemas that stand alone, compiled: nothing is ever fetched for one."""

from __future__ import annotations

from typing import Any, Final, NoReturn

import jsonschema_rs

from evenweave.source import pointer

# A pattern with look-around is matched by backtracking. Enough for any sane one, and a fraction of a millisecond.
_BACKTRACKS: Final = 10_000
_MOST: Final = 20
_LONGEST: Final = 300


class Schema:
    """A compiled JSON Schema, of the draft that it names itself, else of 2020-12; ``format`` is an annotation."""

    def __init__(self, schema: Any) -> None:
        """Compile a schema.

        Raises:
            ValueError: It is none, or refers to what is not in it.
        """
        self._validator = jsonschema_rs.validator_for(
            schema,
            validate_formats=False,
            retriever=_deny,
            pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS),
        )

    def problems(self, data: Any) -> list[str]:
        """What is wrong with data, each with its place; nothing where it fits, and at most twenty."""
        if self._validator.is_valid(data):
            return []
        found = []
        for error in self._validator.iter_errors(data):
            place = pointer.join("", *error.instance_path)
            message = error.message if len(error.message) <= _LONGEST else f"{error.message[: _LONGEST - 4]}..."
            found.append(f"{place}: {message}" if place else message)
            if len(found) == _MOST:
                break
        return found


def _deny(uri: str, /) -> NoReturn:
    # By itself the library reads files and asks hosts for what a schema refers to.
    raise ValueError(f"{uri} is outside of the schema and is not fetched")
