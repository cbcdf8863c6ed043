"""Checks data against the messages of an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema_rs

from evenweave.plan.schema import Mismatch, compile_by, find_mismatches

if TYPE_CHECKING:
    from evenweave.plan.operation import Message, Operation

__all__ = ["Mismatch", "Validator", "compile_schema"]


class Validator:
    """Says whether data fits an operation. Compiled once; checking takes microseconds and no lock.

    ``format`` is an annotation here, as draft-07 has it: ``format: email`` rejects nothing.
    """

    def __init__(self, operation: Operation) -> None:
        """Compile the schemas of ``operation``, which the Catalog has found valid.

        Raises:
            ValueError: a schema is none, or refers to what is not in it. Nothing is ever fetched.
        """
        # Where one message lets anything pass, the operation does.
        open_ = any(message.payload is None or message.schema_format for message in operation.messages)
        self._checked: list[tuple[Message, jsonschema_rs.Draft7Validator]] = (
            [] if open_ else [(message, compile_schema(message.payload)) for message in operation.messages]
        )

    def check(self, data: Any) -> list[Mismatch]:
        """Return what is wrong with ``data``; nothing where it fits one of the operation's messages at least.

        An operation without messages, and one with a message that has no schema, take anything. AsyncAPI has it that
        data fits exactly one of several messages; documents whose schemas overlap are common and mean no harm, so one
        will do. Where none fits, the problems are those of the message that fits best, at most twenty.
        """
        best: list[Mismatch] = []
        name = ""
        for message, validator in self._checked:
            if validator.is_valid(data):
                return []
            problems = find_mismatches(validator, data)
            if not best or len(problems) < len(best):
                best = problems
                name = message.name or message.title
        if len(self._checked) > 1:
            nearest = f', the nearest is "{name}"' if name else ""
            best = [Mismatch("", f"the data fits none of {len(self._checked)} messages{nearest}"), *best]
        return best


def compile_schema(schema: Any) -> jsonschema_rs.Draft7Validator:
    """Compile a JSON Schema (draft-07) that stands alone.

    Raises:
        ValueError: it is no schema, or refers to what is not in it.
    """
    return compile_by(jsonschema_rs.Draft7Validator, schema)
