"""Connections and their settings."""

from typing import Any

import apsw

from evenweave.adapters.sqlite.unit import Row

MEMORY = ":memory:"
BUSY_TIMEOUT_MS = 10_000


def connect(path: str) -> apsw.Connection:
    """Open a connection that writes durably: WAL, synced at each commit, never checkpointing by itself."""
    connection = apsw.Connection(path, statementcachesize=400)
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    for pragma in (
        "journal_mode = wal",
        "synchronous = full",
        "fullfsync = on",
        "checkpoint_fullfsync = on",
        "wal_autocheckpoint = 0",
        "temp_store = memory",
        "cache_size = -65536",
    ):
        connection.execute(f"pragma {pragma}")
    return connection


class Reader:
    """Point lookups, synchronous, for the loop's thread.

    It sees what is committed. Each call is a transaction of its own and returns everything at once, so that no reader
    holds up the recycling of the WAL; ask for few rows.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, parameters: Row = ()) -> list[Row]:
        """Return all rows of `sql`."""
        return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Row = ()) -> Row | None:
        """Return the first row of `sql`, if there is one."""
        rows = self._connection.execute(sql, parameters).fetchall()
        return rows[0] if rows else None

    def value(self, sql: str, parameters: Row = ()) -> Any:
        """Return the first column of the first row of `sql`, or None."""
        rows = self._connection.execute(sql, parameters).fetchall()
        return rows[0][0] if rows else None


def connect_reader(path: str) -> apsw.Connection:
    """Open a connection that only reads."""
    connection = apsw.Connection(path, statementcachesize=400)
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    for pragma in ("query_only = on", "temp_store = memory", "cache_size = -32768"):
        connection.execute(f"pragma {pragma}")
    return connection
