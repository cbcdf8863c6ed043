"""A unit of work: rows that are committed together or not at all."""

from collections.abc import Callable
from typing import Any

Row = tuple[Any, ...]

Done = Callable[[Exception | None], None]
"""Called on the loop's thread when a unit is durable (None), or will never be (why)."""


class Unit:
    """Statements with their rows, committed atomically.

    Statements run in the order of their first use, each once over all its rows: rows of one statement must not depend
    on rows that another statement writes in between. A unit may be added to while it is `open`: until the database
    takes it, at the end of the iteration of the loop in which it was submitted. Several components may put rows into
    one unit; each learns of its end by `when_done`.

    Args:
        alone: It is a transaction by itself, as long statements are that come rarely.
    """

    __slots__ = ("alone", "before_commit", "listeners", "open", "statements", "values")

    def __init__(self, *, alone: bool = False) -> None:
        self.alone = alone
        self.statements: dict[str, list[Row]] = {}
        self.listeners: list[Done] = []
        self.open = True
        self.values: list[object] | None = None
        self.before_commit: Callable[[], None] | None = None
        """Called once when the database takes the unit; may still add rows. For rows of which only the last counts."""

    def add(self, sql: str, row: Row) -> None:
        """Run `sql` with `row` as its parameters."""
        rows = self.statements.get(sql)
        if rows is None:
            self.statements[sql] = [row]
        else:
            rows.append(row)

    def extend(self, sql: str, rows: list[Row]) -> None:
        """Run `sql` with each of the rows; the list is the unit's from now on."""
        known = self.statements.setdefault(sql, rows)
        if known is not rows:
            known += rows

    def when_done(self, done: Done) -> None:
        """Have `done` called as by `Database.submit`; in the order of these calls."""
        self.listeners.append(done)

    def seal(self) -> None:
        """Take no more rows. For the database only."""
        if self.before_commit is not None:
            self.before_commit()
        self.open = False

    def close(self) -> list[Done]:
        """Let go of whom it concerns, and return who is to be told. For the database only.

        Those hold the unit: otherwise its rows would stay until somebody looks for cycles.
        """
        listeners, self.listeners, self.before_commit = self.listeners, [], None
        return listeners

    def __bool__(self) -> bool:
        return bool(self.statements)
