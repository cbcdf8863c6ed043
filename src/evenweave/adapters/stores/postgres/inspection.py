"""Looking at a PostgreSQL store without touching it, whoever works on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evenweave.adapters.stores.postgres.connections import SETTINGS, connect, hide_password
from evenweave.adapters.stores.postgres.errors import FAILURES, PostgresTooNew, PostgresUnusable
from evenweave.adapters.stores.postgres.migrations import COMPONENT, check_version, scripts

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg

OLDEST_SERVER = 140_000


@dataclass(slots=True)
class Inspection:
    """What was found out about a database.

    Attributes:
        name: Its URL, without a password.
        size: The bytes of its tables and indexes.
        workers: Who works on it: process and host.
        problems: What is wrong with it, a sentence each.
        figures: What the queries yielded, by name.
    """

    name: str
    size: int = 0
    workers: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)


async def inspect(url: str, queries: Mapping[str, str]) -> Inspection:
    """Look at a database; what keeps from looking is a problem of it."""
    found = Inspection(hide_password(url))
    try:
        connection = await connect(url, SETTINGS)
    except PostgresUnusable as error:
        found.problems.append(error.message)
        return found
    except FAILURES as error:
        found.problems.append(f"it does not let us in: {error or type(error).__name__}")
        return found
    try:
        await _look(connection, found, queries)
    except FAILURES as error:
        found.problems.append(f"it cannot be read: {error}")
    finally:
        await connection.close()
    return found


async def _look(connection: asyncpg.Connection, found: Inspection, queries: Mapping[str, str]) -> None:
    for setting, wrong, why in (
        ("fsync", "off", "a crash of the server may lose or damage everything"),
        ("full_page_writes", "off", "a crash of the server may damage tables"),
        ("synchronous_commit", "off", "a crash of the server loses what was answered already"),
        ("transaction_read_only", "on", "nothing can be written: is this a replica?"),
    ):
        if await connection.fetchval(f"show {setting}") == wrong:
            found.problems.append(f"{setting} is {wrong}: {why}")
    if int(await connection.fetchval("show server_version_num")) < OLDEST_SERVER:
        found.problems.append("PostgreSQL is older than 14")
    if await connection.fetchval("select to_regclass('schema_versions')") is None:
        found.problems.append("it has no tables: the first start of an engine makes them")
        return
    newest = len(scripts())
    row = await connection.fetchrow("select version, oldest from schema_versions where component = $1", COMPONENT)
    version, oldest = (0, 0) if row is None else (row["version"], row["oldest"])
    try:
        check_version("the database", version, oldest, newest)
    except PostgresTooNew as error:
        found.problems.append(error.message)
    if version < newest:
        found.problems.append(f"its tables have the old version {version}: start an engine once")
        return
    found.size = await connection.fetchval(
        "select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c "
        "where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'"
    )
    workers = await connection.fetch("select host, process from sessions where expires > clock_timestamp()")
    found.workers = [f"process {row['process']} on {row['host']}" for row in workers]
    for name, query in queries.items():
        found.figures[name] = await connection.fetchval(query)
