"""Point lookups, with the errors of the port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import apsw

from evenweave.ports.store import StoreUnavailable

if TYPE_CHECKING:
    from evenweave.adapters.sqlite.connections import Reader


class Lookups:
    """Answers from what is durable; a file that cannot be read is `StoreUnavailable`, and nobody's fault."""

    __slots__ = ("_rows",)

    def __init__(self, reader: Reader) -> None:
        self._rows = reader.rows

    def rows(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows."""
        try:
            return self._rows(sql, parameters)
        except (apsw.Error, OSError) as error:
            raise StoreUnavailable(f"the store cannot be read: {error}") from error

    def row(self, sql: str, parameters: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """The first row."""
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    def value(self, sql: str, parameters: tuple[Any, ...] = ()) -> Any:
        """The first column of the first row, or nothing."""
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None
