"""What is done to stored data beside the parts: inspection, backup, export and import."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from evenweave.adapters.brokers.embedded import MIGRATIONS as BROKER_MIGRATIONS
from evenweave.adapters.catalogs.local import MIGRATIONS as CATALOG_MIGRATIONS
from evenweave.adapters.sqlite import Database, DatabaseUnusable
from evenweave.adapters.sqlite.backup import back_up as copy_database
from evenweave.adapters.sqlite.inspection import Inspection, inspect
from evenweave.adapters.stores.sqlite import MIGRATIONS as STORE_MIGRATIONS
from evenweave.adapters.stores.sqlite.histories import FileHistories
from evenweave.adapters.stores.sqlite.transfer import read_tables, write_tables
from evenweave.adapters.stores.transfer import Lines, Rows, read_lines
from evenweave.app.parts import TENANT
from evenweave.app.postgres import load_postgres
from evenweave.worker.histories import Checked, check_histories

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

_STORE_QUERIES = {
    "instances are faulted": "select count(*) from instances where status = 'faulted'",
    "instances are suspended": "select count(*) from instances where status = 'suspended'",
    "events wait to be published": "select count(*) from outbox",
    "events are parked, because they cannot be handled": "select count(*) from parked",
    "instances at most wait for the same event without a key, more than 1000 are many": (
        "select max(number) from (select count(*) as number from waits where key = '' group by definition, channel) "
        "as crowds where number > 1000"
    ),
}
_BROKER_QUERIES = {
    "dead letters": "select count(*) from broker_events where channel >= 'dead-letter/' and channel < 'dead-letter0'",
}
FILES = {
    "engine": ([STORE_MIGRATIONS], _STORE_QUERIES),
    "runtime": ([BROKER_MIGRATIONS], _BROKER_QUERIES),
    "catalog": ([CATALOG_MIGRATIONS], {}),
    "evenweave": ([STORE_MIGRATIONS, BROKER_MIGRATIONS, CATALOG_MIGRATIONS], {**_STORE_QUERIES, **_BROKER_QUERIES}),
}
"""The data files by name, in the order in which they are backed up: what is in them, and what a doctor asks of them."""


async def inspect_store(url: str) -> tuple[str, int, list[str], list[str], Mapping[str, Any]]:
    """Look at a PostgreSQL store: its name, its bytes, who works on it, what is wrong with it, and figures by name.

    Raises:
        evenweave.errors.EvenweaveError: Its driver is not installed.
    """
    found = await load_postgres("inspection").inspect(url, _STORE_QUERIES)
    return found.name, found.size, found.workers, found.problems, found.figures


async def check_histories_of_file(path: Path, *, most: int, say: Callable[[Checked], None] | None = None) -> Checked:
    """Run the histories in a data file again, whoever works on it: see `evenweave.worker.histories.check_histories`.

    Raises:
        evenweave.errors.EvenweaveError: The file cannot be read.
    """
    return await _check_histories(FileHistories.open(path, tenant=TENANT), most, say)


async def check_histories_of_store(url: str, *, most: int, say: Callable[[Checked], None] | None = None) -> Checked:
    """Run the histories in a PostgreSQL store again, whoever works on it.

    Raises:
        evenweave.errors.EvenweaveError: Its driver is not installed, or the database cannot be read.
    """
    return await _check_histories(load_postgres("histories").DatabaseHistories(url, tenant=TENANT), most, say)


async def _check_histories(
    histories: FileHistories, most: int, say: Callable[[Checked], None] | None = None
) -> Checked:
    try:
        return await check_histories(histories, most=most, say=say)
    finally:
        await histories.close()


async def export_store(data: Path, store: str, file: Path) -> Mapping[str, int]:
    """Write what the engine has stored, in a folder or a PostgreSQL database, to a file; how many rows of each table.

    Raises:
        evenweave.errors.EvenweaveError: Somebody works on it, or it cannot be read.
    """
    spool: AsyncIterator[tuple[str, Rows]]
    spool = load_postgres("transfer").read_tables(store) if store else _read_file(data)
    partial = file.with_name(f"{file.name}.partial")
    made = Lines()
    with partial.open("wb") as out:
        out.write(made.head())
        async for table, rows in spool:
            out.writelines(made.rows(table, rows))
        out.write(made.end())
        out.flush()
        os.fsync(out.fileno())
    partial.rename(file)
    return made.counts


async def import_store(data: Path, store: str, file: Path) -> Mapping[str, int]:
    """Read a file of `export_store` into an empty store; how many rows of each table.

    Raises:
        evenweave.errors.EvenweaveError: The file is damaged, or the store not empty or not usable.
    """
    with file.open("rb") as lines:
        tables = read_lines(lines, str(file))
        if store:
            counts: Mapping[str, int] = await load_postgres("transfer").write_tables(store, tables)
            return counts
        database = Database.open(data / "engine.db", [STORE_MIGRATIONS])
        try:
            return await write_tables(database, tables)
        finally:
            await database.close()


async def _read_file(data: Path) -> AsyncIterator[tuple[str, Rows]]:
    path = data / "engine.db"
    if not path.is_file():
        raise DatabaseUnusable(
            f"{path}: there is no such file", "name the folder with --data, or a database by --store"
        )
    database = Database.open(path, [STORE_MIGRATIONS])
    try:
        for table, rows in read_tables(database):
            yield table, rows
    finally:
        await database.close()


def back_up(data: Path, target: Path) -> Iterator[tuple[Path, int]]:
    """Copy the data files of a folder into a new one, the engine's first (PROTOCOL section 4); each with its bytes.

    Raises:
        evenweave.errors.EvenweaveError: There is nothing to copy, or a copy fails; what was copied before stays.
    """
    files = [data / f"{name}.db" for name in FILES if (data / f"{name}.db").is_file()]
    if not files:
        raise DatabaseUnusable(f"{data}: there is no data file here", "name the folder with --data")
    target.mkdir(parents=True)
    for file in files:
        yield target / file.name, copy_database(file, target / file.name)


def inspect_data(data: Path, *, deep: bool = False) -> list[Inspection]:
    """Look into every data file of a folder, whoever works on it; one that is not there has no size."""
    return [
        inspect(data / f"{name}.db", migrations, queries, deep=deep) for name, (migrations, queries) in FILES.items()
    ]
