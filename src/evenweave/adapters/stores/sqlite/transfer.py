"""Moving what is in a SQLite store out and in, while nobody works on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.adapters.sqlite import Unit, load_statements
from evenweave.adapters.stores.transfer import ROWS_A_LINE, TABLES, NotMovable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evenweave.adapters.sqlite import Database
    from evenweave.adapters.stores.transfer import Rows

_READ = {
    "history": "select i.tenant, i.id, h.revision, h.at, h.causes "
    "from history h join instances i on i.sequence = h.instance"
}
_SQL = load_statements("evenweave.adapters.stores.sqlite")


def read_tables(database: Database) -> Iterator[tuple[str, Rows]]:
    """All rows, some at a time."""
    for table, names in TABLES.items():
        after = -1
        # WITHOUT ROWID tables are small or have no order worth keeping: they are read in one.
        if "sequence" not in names:
            sql = _READ.get(table) or f"select {', '.join(names)} from {table}"  # noqa: S608 - our own names
            yield table, database.reader.rows(sql)
            continue
        sql = f"select {', '.join(names)} from {table} where sequence > ? order by sequence limit ?"  # noqa: S608
        while rows := database.reader.rows(sql, (after, ROWS_A_LINE)):
            after = rows[-1][0]
            yield table, rows


async def write_tables(database: Database, tables: Iterable[tuple[str, Rows]]) -> dict[str, int]:
    """Write rows into an empty store, all or none; how many of each table.

    Raises:
        NotMovable: The store is not empty.
        evenweave.adapters.sqlite.DatabaseError: The rows cannot be written.
    """
    if database.reader.value("select exists (select 1 from definitions) or exists (select 1 from instances)"):
        raise NotMovable(f"{database.name}: is not empty", "import into a new folder")
    unit = Unit()
    counts = dict.fromkeys(TABLES, 0)
    for table, rows in tables:
        names = (*TABLES[table], "session") if table == "calls" else TABLES[table]
        sql = f"insert into {table} ({', '.join(names)}) values ({', '.join('?' * len(names))})"  # noqa: S608
        if table == "history":
            sql = _SQL["save_history"]
        for row in rows:
            unit.add(sql, (*row, "") if table == "calls" else row)
        counts[table] += len(rows)
    await database.durable(unit)
    return counts
