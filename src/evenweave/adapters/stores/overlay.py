"""What is written but not yet durable, in layers over the database: lookups see it, a failed commit forgets it."""

from __future__ import annotations

from typing import Any

Group = tuple[Any, ...]
Rows = dict[Any, Any]


class Layer:
    """Rows by table and group; a row that is ``None`` is one that was removed."""

    __slots__ = ("tables",)

    def __init__(self) -> None:
        self.tables: dict[str, dict[Group, Rows]] = {}

    def put(self, table: str, group: Group, key: Any, row: Any) -> None:
        """Set a row; ``None`` removes it."""
        self.tables.setdefault(table, {}).setdefault(group, {})[key] = row

    def over(self, table: str, group: Group, rows: Rows) -> Rows:
        """Lay this layer's rows over others, in place."""
        groups = self.tables.get(table)
        if groups is not None:
            found = groups.get(group)
            if found:
                rows.update(found)
        return rows


class Overlay:
    """The layers of all transactions that are queued and not durable, as one."""

    __slots__ = ("_tables",)

    def __init__(self) -> None:
        self._tables: dict[str, dict[Group, dict[Any, tuple[int, Any]]]] = {}

    def add(self, layer: Layer, number: int) -> None:
        """Lay a transaction's layer on top; ``number`` tells it from the others."""
        for table, groups in layer.tables.items():
            into = self._tables.setdefault(table, {})
            for group, rows in groups.items():
                target = into.setdefault(group, {})
                for key, row in rows.items():
                    target[key] = (number, row)

    def drop(self, layer: Layer, number: int) -> None:
        """Take away what a transaction laid there and no later one covered: it is durable."""
        for table, groups in layer.tables.items():
            into = self._tables[table]
            for group, rows in groups.items():
                target = into[group]
                for key in rows:
                    if target[key][0] == number:
                        del target[key]
                if not target:
                    del into[group]

    def over(self, table: str, group: Group, rows: Rows) -> Rows:
        """Lay the rows that are not yet durable over durable ones, in place."""
        groups = self._tables.get(table)
        if groups:
            found = groups.get(group)
            if found:
                for key, (_, row) in found.items():
                    rows[key] = row
        return rows

    def has(self, table: str) -> bool:
        """Whether there may be rows of a table."""
        return bool(self._tables.get(table))

    def groups(self, table: str) -> dict[Group, Rows]:
        """All rows of a table that are not yet durable, by group."""
        return {
            group: {key: row for key, (_, row) in rows.items()} for group, rows in self._tables.get(table, {}).items()
        }

    def clear(self) -> None:
        """Forget everything that is not durable."""
        self._tables.clear()
