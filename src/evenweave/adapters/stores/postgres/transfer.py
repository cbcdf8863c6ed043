"""Moving what is in a PostgreSQL store out and in, while nobody works on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.adapters.stores.postgres.connections import SETTINGS, connect, hide_password
from evenweave.adapters.stores.postgres.errors import FAILURES, explain
from evenweave.adapters.stores.postgres.migrations import migrate
from evenweave.adapters.stores.transfer import TABLES, NotMovable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    import asyncpg

    from evenweave.adapters.stores.transfer import Rows

_NUMBERED = ("definitions", "instances", "waits", "parked")
_ROWS = 2_000


async def read_tables(url: str) -> AsyncIterator[tuple[str, Rows]]:
    """All rows, as of one moment, some at a time.

    Raises:
        NotMovable: Workers work on it.
        StoreUnavailable: The server does not answer.
    """
    connection = await _open(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await _check_quiet(connection, url)
            for table, names in TABLES.items():
                order = " order by sequence" if "sequence" in names else ""
                sql = f"select {', '.join(names)} from {table}{order}"  # noqa: S608 - our own names
                cursor = await connection.cursor(sql)
                while rows := await cursor.fetch(_ROWS):
                    yield table, [tuple(row) for row in rows]
    except FAILURES as error:
        raise explain(error) from error
    finally:
        await connection.close()


async def write_tables(url: str, tables: Iterable[tuple[str, Rows]]) -> dict[str, int]:
    """Write rows into an empty store, all or none; how many of each table.

    Raises:
        NotMovable: The store is not empty, or workers work on it.
        StoreUnavailable: The server does not answer.
        StoreRefused: The rows cannot be written.
    """
    connection = await _open(url)
    counts = dict.fromkeys(TABLES, 0)
    try:
        async with connection.transaction():
            await _check_quiet(connection, url)
            if await connection.fetchval(
                "select exists (select 1 from definitions) or exists (select 1 from instances)"
            ):
                raise NotMovable(f"{hide_password(url)}: is not empty", "import into a new database or schema")
            for table, rows in tables:
                names: tuple[str, ...] = tuple(TABLES[table])
                records = rows
                if table in {"calls", "outbox"}:
                    # Of nobody's session: the first worker takes them over.
                    names, records = (*names, "session"), [(*row, "") for row in rows]
                if table in {"definitions", "instances", "waits", "parked"}:
                    await _insert(connection, table, names, records)
                else:
                    await connection.copy_records_to_table(table, records=records, columns=names)
                counts[table] += len(rows)
            for table in _NUMBERED:
                await connection.execute(
                    f"select setval(pg_get_serial_sequence('{table}', 'sequence'), "  # noqa: S608 - our own names
                    f"greatest(1, (select coalesce(max(sequence), 1) from {table})))"
                )
            await connection.execute(
                "insert into definitions_versions (tenant, version) select distinct tenant, 1 from definitions"
            )
    except FAILURES as error:
        raise explain(error) from error
    finally:
        await connection.close()
    return counts


async def _insert(connection: asyncpg.Connection, table: str, names: tuple[str, ...], rows: Rows) -> None:
    """COPY with numbers that the database gives otherwise."""
    marks = ", ".join(f"${number}" for number in range(1, len(names) + 1))
    await connection.executemany(
        f"insert into {table} ({', '.join(names)}) overriding system value values ({marks})",  # noqa: S608
        rows,
    )


async def _open(url: str) -> asyncpg.Connection:
    try:
        connection = await connect(url, SETTINGS)
    except FAILURES as error:
        raise explain(error) from error
    try:
        await migrate(connection, hide_password(url))
    except BaseException:
        await connection.close()
        raise
    return connection


async def _check_quiet(connection: asyncpg.Connection, url: str) -> None:
    workers = await connection.fetch("select host, process from sessions where expires > clock_timestamp()")
    if workers:
        who = ", ".join(f"process {row['process']} on {row['host']}" for row in workers)
        raise NotMovable(f"{hide_password(url)}: {who} works on it", "stop all workers first; a dead one is 15 s old")
