"""The errors of the expression language.

Their tree::

    jq.Error
    ├── JqSyntaxError      the expression does not compile
    └── JqError            an evaluation ended in an error
        └── JqLimitError   an evaluation used up its fuel or passed a cap; ``try`` does not catch it

"""

from __future__ import annotations

from typing import Any


class Error(Exception):
    """The root of every error that ``evenweave.jq`` raises on purpose."""


class JqSyntaxError(Error):
    """An expression does not compile.

    Attributes:
        message: What is wrong, without the position.
        line: The line inside the expression, from 1.
        column: The column (code points) inside that line, from 1.
        offset: The offset (code points) inside the expression, from 0.
    """

    def __init__(self, message: str, source: str, offset: int) -> None:
        offset = min(offset, len(source))
        self.message = message
        self.offset = offset
        self.line = source.count("\n", 0, offset) + 1
        self.column = offset - (source.rfind("\n", 0, offset) + 1) + 1
        super().__init__(f"{message} at line {self.line}, column {self.column}")


class JqError(Error):
    """An evaluation ended in an error, as ``error`` raises it and ``try`` catches it.

    Attributes:
        value: The error as a value of the language: what ``catch`` binds to ``.``. Mostly a string, jq's own message.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        super().__init__(value)

    def __str__(self) -> str:
        """The message as jq prints it: a string as it stands, another value as JSON."""
        if isinstance(self.value, str):
            return self.value
        from evenweave.jq.text import describe  # noqa: PLC0415 - the errors are below everything else

        return f"{describe(self.value)} (not a string)"


class JqLimitError(JqError):
    """An evaluation used up its fuel or passed a cap of its :class:`~evenweave.jq.Limits`."""
