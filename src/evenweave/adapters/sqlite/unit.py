"""A unit of work: rows that are committed together or not at all."""

from typing import Any

Row = tuple[Any, ...]


class Unit:
    """Statements with their rows, committed atomically.

    Statements run in the order of their first use, each once over all its rows: rows of one statement must not depend
    on rows that another statement writes in between. A unit may still be added to between `Database.submit` and the
    end of that iteration of the loop.
    """

    __slots__ = ("statements",)

    def __init__(self) -> None:
        self.statements: dict[str, list[Row]] = {}

    def add(self, sql: str, row: Row) -> None:
        """Run `sql` with `row` as its parameters."""
        rows = self.statements.get(sql)
        if rows is None:
            self.statements[sql] = [row]
        else:
            rows.append(row)

    def __bool__(self) -> bool:
        return bool(self.statements)
