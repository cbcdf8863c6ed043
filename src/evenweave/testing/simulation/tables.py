"""The tables of the simulated server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

TABLES = (
    "definitions",
    "definitions_versions",
    "instances",
    "history",
    "correlations",
    "waits",
    "kept",
    "inbox",
    "outbox",
    "dedupe",
    "tombstones",
    "positions",
    "calls",
    "batches",
    "schedules",
    "parked",
    "sessions",
)


class Row:
    """A row with named columns, as asyncpg's records are: by name, by number, unpacked, or as keywords."""

    __slots__ = ("_names", "_values")

    def __init__(self, names: tuple[str, ...], values: tuple[Any, ...]) -> None:
        self._names = names
        self._values = values

    def __getitem__(self, key: int | str) -> Any:
        return self._values[key if isinstance(key, int) else self._names.index(key)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def keys(self) -> tuple[str, ...]:
        """The names of its columns."""
        return self._names

    def changed(self, **changes: Any) -> Row:
        """The same row with other values."""
        return Row(
            self._names, tuple(changes.get(name, value) for name, value in zip(self._names, self._values, strict=True))
        )

    def only(self, *names: str) -> Row:
        """Some of its columns."""
        return Row(names, tuple(self[name] for name in names))


Table = Mapping[Any, Row]


def row(**values: Any) -> Row:
    """Make a row."""
    return Row(tuple(values), tuple(values.values()))
