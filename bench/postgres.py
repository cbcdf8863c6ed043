"""PostgreSQL: the floor, and Evenweave with one worker or several, each in a schema of its own."""

from __future__ import annotations

import asyncio
import os
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from floor import Orders, Transition
from subject import Subject

from evenweave.app import CatalogPart, EnginePart, RuntimePart

if TYPE_CHECKING:
    from pathlib import Path

URL = os.environ.get("EVENWEAVE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
_BATCH = 500
_SCHEMA = """
create table instances (id bigint primary key, status text, state text, data bytea);
create table events (sequence bigserial primary key, instance bigint, type text, data bytea);
create table outbox (sequence bigserial primary key, channel text, data bytea);
"""
_WRITE = """
with moved as (
    insert into instances select * from unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[])
    on conflict (id) do update set status = excluded.status, state = excluded.state, data = excluded.data
), logged as (
    insert into events (instance, type, data) select * from unnest($5::bigint[], $6::text[], $7::bytea[])
)
insert into outbox (channel, data) select * from unnest($8::text[], $9::bytea[])
"""


class Schema:
    """A schema of a measurement's own, and the URL that leads there."""

    def __init__(self) -> None:
        self.name = f"bench_{uuid.uuid4().hex}"
        self.url = f"{URL}{'&' if '?' in URL else '?'}search_path={self.name}"

    async def create(self) -> None:
        """Create it."""
        await self._run(f"create schema {self.name}")

    async def drop(self) -> None:
        """Drop it with everything in it."""
        await self._run(f"drop schema {self.name} cascade")

    async def _run(self, sql: str) -> None:
        connection = await asyncpg.connect(URL)
        await connection.execute(sql)
        await connection.close()


class PostgresFloor(Orders):
    """The floor on PostgreSQL: one connection, one statement for everything that gathered."""

    def __init__(self, schema: Schema, connection: asyncpg.Connection) -> None:
        super().__init__()
        self._schema = schema
        self._connection = connection
        self._queue: list[tuple[Transition, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._write())

    @classmethod
    async def start(cls) -> PostgresFloor:
        """Open it."""
        schema = Schema()
        await schema.create()
        connection = await asyncpg.connect(schema.url)
        await connection.execute(_SCHEMA)
        return cls(schema, connection)

    async def close(self) -> None:
        """Stop, and drop its tables."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._connection.close()
        await self._schema.drop()

    def _put(self, transition: Transition) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((transition, future))
        self._wake.set()
        return future

    async def _write(self) -> None:
        statement = await self._connection.prepare(_WRITE)
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                batch, self._queue = self._queue[:_BATCH], self._queue[_BATCH:]
                rows = [each for each, _ in batch]
                columns: list[list[Any]] = []
                for part in range(3):
                    columns += [list(column) for column in zip(*(row[part] for row in rows), strict=True)]
                await statement.fetch(*columns)
                for _, future in batch:
                    if not future.done():
                        future.set_result(None)


class Beside:
    """Workers on PostgreSQL in one process with the Catalog and the Runtime, which have files of their own."""

    def __init__(self, schema: Schema, catalog: CatalogPart, runtime: RuntimePart, workers: list[EnginePart]) -> None:
        self.catalog = catalog.catalog
        self.broker = runtime.broker
        self.engine = workers[0].engine
        self._schema = schema
        self._stopping = [*workers, runtime, catalog]

    @classmethod
    async def start(cls, folder: Path, workers: int = 1) -> Beside:
        """Start them."""
        schema = Schema()
        await schema.create()
        catalog, runtime = await CatalogPart.start(folder), await RuntimePart.start(folder)
        engines = [await EnginePart.share(schema.url, runtime.broker, catalog.catalog) for _ in range(workers)]
        return cls(schema, catalog, runtime, engines)

    async def stop(self) -> None:
        """Stop them, and drop the tables."""
        for part in self._stopping:
            await part.stop()
        await self._schema.drop()


def name_database(name: str) -> str:
    """The URL of another database on the same server."""
    return urlunsplit(urlsplit(URL)._replace(path=f"/{name}"))


async def missing() -> str:
    """Why PostgreSQL cannot be measured here; nothing where it can."""
    try:
        connection = await asyncpg.connect(URL, timeout=5)
        await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        return f"no PostgreSQL answers at {URL} ({error}): start one, or set EVENWEAVE_TEST_POSTGRES"
    return ""


async def open_subject(folder: Path) -> Subject:
    """Evenweave with one worker."""
    return await Subject.serve(await Beside.start(folder))
