"""Numbered migrations of the tables; several workers may start at the same time, and old ones go on meanwhile."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

from evenweave.adapters.stores.postgres.errors import PostgresTooNew

if TYPE_CHECKING:
    import asyncpg

PACKAGE = "evenweave.adapters.stores.postgres"
COMPONENT = "engine"

_NUMBERED = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_OLDEST = re.compile(r"^-- oldest: (\d{4})$", re.MULTILINE)
_LOCK = 0x65766E7765617665  # "evenweave", shortened: the same for all, whatever the version
_VERSIONS = """
create table if not exists schema_versions (
    component text primary key, version integer not null, oldest integer not null
)
"""


def scripts() -> list[tuple[int, int, str]]:
    """The migrations in order: number, the oldest version that can go on with it, SQL.

    A migration only adds, so that a worker of an older version goes on: then its ``oldest`` is that of the one before.
    One that takes something away says ``-- oldest: NNNN``, and comes a release after nobody needs that any more.
    """
    found = []
    for file in resources.files(PACKAGE).joinpath("migrations").iterdir():
        if not file.name.endswith(".sql"):
            continue
        match = _NUMBERED.fullmatch(file.name)
        if match is None:
            raise ValueError(f"{PACKAGE}: a migration is named 0001_what.sql, not {file.name}")
        found.append((int(match[1]), file.read_text("utf-8")))
    found.sort()
    if [number for number, _ in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"{PACKAGE}: migrations are numbered from 0001 on, without gaps")
    oldest, ordered = 1, []
    for number, sql in found:
        said = _OLDEST.search(sql)
        oldest = int(said[1]) if said is not None else oldest
        ordered.append((number, oldest, sql))
    return ordered


async def migrate(connection: asyncpg.Connection, name: str) -> None:
    """Bring the tables to the newest version, one transaction a script, one worker at a time.

    Raises:
        PostgresTooNew: The database is ahead, in a way that this version cannot go on with.
    """
    known = scripts()
    await connection.execute("select pg_advisory_lock($1)", _LOCK)
    try:
        await connection.execute(_VERSIONS)
        row = await connection.fetchrow("select version, oldest from schema_versions where component = $1", COMPONENT)
        version, oldest = (0, 0) if row is None else (row["version"], row["oldest"])
        check_version(name, version, oldest, len(known))
        for number, readable, sql in known[version:]:
            async with connection.transaction():
                await connection.execute(sql)
                await connection.execute(
                    "insert into schema_versions values ($1, $2, $3) on conflict (component) do update "
                    "set version = excluded.version, oldest = excluded.oldest",
                    COMPONENT,
                    number,
                    readable,
                )
    finally:
        if not connection.is_closed():
            await connection.execute("select pg_advisory_unlock($1)", _LOCK)


def check_version(name: str, version: int, oldest: int, newest: int) -> None:
    """Raises `PostgresTooNew` where this version, which knows the tables up to ``newest``, cannot go on with them."""
    if version > newest and oldest > newest:
        raise PostgresTooNew(
            f"{name}: its tables have version {version}, and need an Evenweave that knows version {oldest}; "
            f"this one knows them up to {newest}",
            "install the version that changed them",
        )
