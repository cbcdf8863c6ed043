"""Point lookups, with the error of whoever asks."""

from collections.abc import Callable
from typing import Any

import apsw

from evenweave.adapters.sqlite.connections import Reader
from evenweave.adapters.sqlite.unit import Row


class Lookups:
    """Answers as `Reader` does; where the file cannot be read it raises what its owner's port says of that.

    Args:
        reader: What is asked.
        what: What cannot be read then, in words.
        unavailable: Makes the error: it is nobody's fault, and may be over the next time.
    """

    __slots__ = ("_rows", "_unavailable", "_what")

    def __init__(self, reader: Reader, what: str, unavailable: Callable[[str], Exception]) -> None:
        self._rows = reader.rows
        self._what = what
        self._unavailable = unavailable

    def rows(self, sql: str, parameters: Row = ()) -> list[Row]:
        """All rows."""
        try:
            return self._rows(sql, parameters)
        except (apsw.Error, OSError) as error:
            raise self._unavailable(f"{self._what} cannot be read: {error}") from error

    def row(self, sql: str, parameters: Row = ()) -> Row | None:
        """The first row."""
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    def value(self, sql: str, parameters: Row = ()) -> Any:
        """The first column of the first row, or nothing."""
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None
