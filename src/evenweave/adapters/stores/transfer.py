"""An installation's engine as a file: how it moves from one store to another.

One JSON value a line. The first names the format and the columns; each of the others has rows of one table; the last
one counts them, so that a file that ends too early is known. Bytes are in base64.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec

from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

FORMAT = 1
ROWS_A_LINE = 200

TABLES: Mapping[str, Sequence[str]] = {
    "definitions": (
        *("sequence", "tenant", "id", "version", "digest", "file", "document", "operations", "created", "active"),
        "disabled",
    ),
    "instances": (
        *("sequence", "tenant", "id", "definition", "version", "digest", "status", "revision", "started", "updated"),
        *("due", "parent", "state"),
    ),
    "history": ("tenant", "instance", "revision", "at", "causes"),
    "correlations": ("tenant", "definition", "key", "instance"),
    "waits": ("sequence", "tenant", "definition", "channel", "key", "instance", "activation", "accept"),
    "kept": ("sequence", "tenant", "definition", "channel", "key", "expires", "event"),
    "inbox": ("sequence", "tenant", "instance", "kind", "channel", "cause"),
    "outbox": ("sequence", "tenant", "instance", "channel", "event"),
    "dedupe": ("tenant", "key", "digest", "at"),
    "tombstones": ("tenant", "instance", "at"),
    "positions": ("tenant", "channel", "log", "position"),
    "calls": ("tenant", "instance", "activation", "call"),
    "parked": ("sequence", "tenant", "instance", "channel", "event", "reason", "at"),
    "schedules": ("tenant", "definition", "digest", "through"),
}
"""What moves, in the order in which it does."""

LEFT = frozenset({"schema_versions", "sessions", "batches", "definitions_versions", "taken_up", "suspects"})
"""Tables that are of a store itself."""

BYTES = {
    *(("definitions", "operations"), ("instances", "state"), ("history", "causes"), ("kept", "event")),
    *(("inbox", "cause"), ("outbox", "event"), ("dedupe", "key"), ("dedupe", "digest"), ("calls", "call")),
    ("parked", "event"),
}
FLAGS = {("definitions", "active"), ("definitions", "disabled")}

Rows = list[tuple[Any, ...]]


class NotMovable(EvenweaveError):
    """The store, or the file, cannot be moved as it is."""


class Lines:
    """Makes the lines of a file, from rows in the order of `TABLES`.

    Attributes:
        counts: How many rows of each table there were so far.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = dict.fromkeys(TABLES, 0)

    def head(self) -> bytes:
        """The first line."""
        columns = {name: list(names) for name, names in TABLES.items()}
        return msgspec.json.encode({"evenweave": FORMAT, "columns": columns}) + b"\n"

    def rows(self, table: str, rows: Rows) -> Iterator[bytes]:
        """Lines with rows of a table."""
        flags = [index for index, name in enumerate(TABLES[table]) if (table, name) in FLAGS]
        for start in range(0, len(rows), ROWS_A_LINE):
            some = [list(row) for row in rows[start : start + ROWS_A_LINE]]
            for row in some:
                for index in flags:
                    row[index] = bool(row[index])
            self.counts[table] += len(some)
            yield msgspec.json.encode({"table": table, "rows": some}) + b"\n"

    def end(self) -> bytes:
        """The last line."""
        return msgspec.json.encode({"end": self.counts}) + b"\n"


def read_lines(lines: Iterable[bytes], name: str) -> Iterator[tuple[str, Rows]]:
    """The rows in a file, table by table.

    Raises:
        NotMovable: It is none, of another version, damaged, or ends too early.
    """
    counts: dict[str, int] = dict.fromkeys(TABLES, 0)
    head, ended = False, False
    for number, line in enumerate(lines, 1):
        try:
            value = msgspec.json.decode(line)
            if not head:
                _check_head(value, name)
                head = True
            elif "end" in value:
                ended = value["end"] == counts
            else:
                table = value["table"]
                counts[table] += len(value["rows"])
                yield table, [_row(table, row) for row in value["rows"]]
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            raise NotMovable(f"{name}, line {number}: is damaged ({type(error).__name__}: {error})") from error
    if not ended:
        raise NotMovable(f"{name}: ends too early" if head else f"{name}: is empty", "export it again")


def _check_head(value: Any, name: str) -> None:
    if not isinstance(value, dict) or "evenweave" not in value:
        raise NotMovable(f"{name}: is no export of Evenweave")
    columns = {table: list(names) for table, names in TABLES.items()}
    if value["evenweave"] != FORMAT or value.get("columns") != columns:
        raise NotMovable(
            f"{name}: was exported by another version of Evenweave", "import it with the version that exported it"
        )


def _row(table: str, row: Sequence[Any]) -> tuple[Any, ...]:
    names = TABLES[table]
    if len(row) != len(names):
        raise ValueError(f"a row of {table} has {len(row)} columns, not {len(names)}")
    return tuple(
        base64.b64decode(value, validate=True) if (table, name) in BYTES else value
        for name, value in zip(names, row, strict=True)
    )
