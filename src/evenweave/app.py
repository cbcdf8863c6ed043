"""The composition root: from a configuration to running parts. The only module that names an adapter.

Each part serves until `stop`. Faces are put in front of them by who calls this: nothing here listens on a port.
"""

from __future__ import annotations

import importlib
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from evenweave.adapters.brokers.embedded import MIGRATIONS as BROKER_MIGRATIONS
from evenweave.adapters.brokers.embedded import EmbeddedBroker
from evenweave.adapters.brokers.embedded.joined import JoinedLog
from evenweave.adapters.brokers.remote import RemoteBroker
from evenweave.adapters.catalogs.local import MIGRATIONS as CATALOG_MIGRATIONS
from evenweave.adapters.catalogs.local import LocalCatalog
from evenweave.adapters.catalogs.remote import RemoteCatalog
from evenweave.adapters.clocks import SystemClock
from evenweave.adapters.functions import Router
from evenweave.adapters.functions.python import PythonFunctions, load_callable
from evenweave.adapters.secrets import ConfiguredSecrets
from evenweave.adapters.sqlite import Database, DatabaseUnusable
from evenweave.adapters.sqlite.backup import back_up as copy_database
from evenweave.adapters.sqlite.inspection import Inspection, inspect
from evenweave.adapters.stores.sqlite import MIGRATIONS as STORE_MIGRATIONS
from evenweave.adapters.stores.sqlite import SqliteStore
from evenweave.adapters.stores.sqlite.histories import FileHistories
from evenweave.adapters.stores.sqlite.transfer import read_tables, write_tables
from evenweave.adapters.stores.transfer import Lines, Rows, read_lines
from evenweave.errors import EvenweaveError
from evenweave.worker import Engine, Settings
from evenweave.worker.histories import Checked, check_histories
from evenweave.worker.leasing import LeaseReader
from evenweave.worker.reading import FeedReader, LogReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

    from evenweave.ports.broker import Broker, Subscription
    from evenweave.ports.catalog import Catalog
    from evenweave.ports.clock import Clock
    from evenweave.ports.functions import Functions, Secrets
    from evenweave.runtime.rules import Rules
    from evenweave.worker.spans import Spans

LOOPBACK = "127.0.0.1"
PORTS = {"dev": 7400, "catalog": 7401, "engine": 7402, "runtime": 7403}
TENANT = "default"
WORKERS = "evenweave.workers"
"""The group by which the workers on a shared store take events, by leases."""
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


@dataclass(frozen=True, kw_only=True)
class Outside:
    """How calls to functions reach the outside.

    Attributes:
        callables: Python callables by the names of functions.
        secrets: Secrets by name.
        secrets_file: A JSON object with more of them.
        resolve: The egress map: requests to a host go to a URL.
        hosts: The hosts that may be called; ``None`` is any.
        documents: The folder below which functions find their documents (OpenAPI, proto); ``None`` is none.
        write: Writes what ``sysout`` is told: the level, and the text.
    """

    callables: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict)
    secrets_file: Path | None = None
    resolve: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] | None = None
    documents: Path | None = None
    write: Callable[[str, str], None] | None = None

    def open_functions(self) -> Functions:
        """What makes the calls."""
        from evenweave.adapters.functions.http import Documents, HttpClient, HttpFunctions  # noqa: PLC0415 - aiohttp

        client = HttpClient(resolve=self.resolve, hosts=self.hosts)
        documents = Documents(self.documents, client)
        http = HttpFunctions(client, documents)
        types: dict[str, Functions] = dict.fromkeys(("rest", "graphql", "odata"), http)
        if find_spec("grpc_tools") is not None and find_spec("grpc") is not None:
            from evenweave.adapters.functions.grpc import GrpcFunctions  # noqa: PLC0415 - an extra

            types["rpc"] = GrpcFunctions(documents.place, client.route, http.authenticator.headers)
        return Router(PythonFunctions(self.callables), types, self.write or _log_line)

    def open_secrets(self) -> Secrets:
        """Where their secrets are: those given, then those in the file, then those in the environment."""
        return ConfiguredSecrets(self.secrets, file=self.secrets_file, environment=os.environ)


def _log_line(level: str, text: str) -> None:
    log = structlog.get_logger("evenweave.sysout")
    getattr(log, level if level in {"debug", "info", "warning", "error", "critical"} else "info")(text)


class CatalogPart:
    """The Catalog as a process of its own."""

    def __init__(self, database: Database, catalog: LocalCatalog) -> None:
        self._database = database
        self.catalog = catalog

    @classmethod
    async def start(cls, data: Path, *, clock: Clock | None = None) -> CatalogPart:
        """Serve from ``data/catalog.db``."""
        database = Database.open(data / "catalog.db", [CATALOG_MIGRATIONS])
        return cls(database, LocalCatalog(database, clock or SystemClock(), tenant=TENANT))

    async def stop(self) -> None:
        """Write what is queued and let go of the file."""
        await self._database.close()


class RuntimePart:
    """The Runtime as a process of its own."""

    def __init__(self, database: Database, broker: EmbeddedBroker) -> None:
        self._database = database
        self.broker = broker

    @classmethod
    async def start(cls, data: Path, *, rules: Rules | None = None, clock: Clock | None = None) -> RuntimePart:
        """Serve from ``data/runtime.db``, by the broker's default rules or those given."""
        database = Database.open(data / "runtime.db", [BROKER_MIGRATIONS])
        broker = await EmbeddedBroker.open(database, clock=clock or SystemClock(), tenant=TENANT, rules=rules)
        return cls(database, broker)

    async def stop(self) -> None:
        """End what waits, write what is queued and let go of the file."""
        await self.broker.close()
        await self._database.close()


class EnginePart:
    """The Workflow Engine as a process of its own, with a Catalog and a Runtime elsewhere."""

    def __init__(self, engine: Engine, resources: AsyncExitStack) -> None:
        self.engine = engine
        self._resources = resources

    @classmethod
    async def start(
        cls,
        data: Path,
        *,
        catalog: str,
        runtime: str,
        store: str = "",
        settings: Settings | None = None,
        clock: Clock | None = None,
        spans: Spans | None = None,
        outside: Outside | None = None,
    ) -> EnginePart:
        """Serve from ``data/engine.db``, or as one of the workers on a PostgreSQL database.

        Args:
            data: The folder of the file.
            catalog: Where the Catalog listens.
            runtime: Where the Runtime listens.
            store: The URL of the database; empty for the file.
            settings: Bounds and times.
            clock: The time.
            spans: Makes spans of bursts.
            outside: How calls to functions reach the outside.
        """
        clock, outside = clock or SystemClock(), outside or Outside()
        resources = AsyncExitStack()
        async with resources:
            broker = RemoteBroker(runtime)
            resources.push_async_callback(broker.close)
            operations = RemoteCatalog(catalog)
            resources.push_async_callback(operations.close)
            if store:
                part = await cls.share(
                    store, broker, operations, settings=settings, clock=clock, spans=spans, outside=outside
                )
                resources.push_async_callback(part.stop)
                return cls(part.engine, resources.pop_all())
            settings = _replacing(settings or Settings(), WORKERS)
            database = Database.open(data / "engine.db", [STORE_MIGRATIONS])
            resources.push_async_callback(database.close)
            rows = SqliteStore(database, clock, tenant=TENANT)
            reader = LogReader(rows, broker, clock, group=settings.group, wait_s=settings.poll_s)
            functions = outside.open_functions()
            resources.push_async_callback(functions.close)
            engine = Engine(
                rows,
                broker,
                operations,
                clock,
                reader=reader,
                subscribed=reader.subscribed,
                settings=settings,
                tenant=TENANT,
                spans=spans,
                functions=functions,
                secrets=outside.open_secrets(),
            )
            await engine.start()
            resources.push_async_callback(engine.stop)
            return cls(engine, resources.pop_all())

    @classmethod
    async def share(
        cls,
        store: str,
        broker: Broker,
        catalog: Catalog,
        *,
        settings: Settings | None = None,
        clock: Clock | None = None,
        spans: Spans | None = None,
        outside: Outside | None = None,
    ) -> EnginePart:
        """Be one of the workers on a PostgreSQL database; they take events by leases, as a group of their own.

        Raises:
            evenweave.errors.EvenweaveError: The database cannot be used, or its driver is not installed.
        """
        clock, settings, outside = clock or SystemClock(), settings or Settings(), outside or Outside()
        settings = _replacing(msgspec.structs.replace(settings, group=WORKERS), settings.group)
        resources = AsyncExitStack()
        async with resources:
            rows = await _postgres().PostgresStore.open(store, clock, tenant=TENANT)
            resources.push_async_callback(rows.close)
            reader = LeaseReader(rows, broker, clock, wait_s=settings.poll_s)
            functions = outside.open_functions()
            resources.push_async_callback(functions.close)
            engine = Engine(
                rows,
                broker,
                catalog,
                clock,
                reader=reader,
                subscribed=reader.subscribed,
                settings=settings,
                tenant=TENANT,
                spans=spans,
                functions=functions,
                secrets=outside.open_secrets(),
            )
            await engine.start()
            resources.push_async_callback(engine.stop)
            return cls(engine, resources.pop_all())

    async def stop(self) -> None:
        """Stop taking events, write what is queued and let go of the file."""
        await self._resources.aclose()


class Whole:
    """Catalog, Workflow Engine and Runtime in one process, on one database: the log row is the outbox row."""

    def __init__(
        self, catalog: LocalCatalog, broker: EmbeddedBroker, engine: Engine, resources: AsyncExitStack
    ) -> None:
        self.catalog = catalog
        self.broker = broker
        self.engine = engine
        self._resources = resources

    @classmethod
    async def start(
        cls,
        path: Path | None,
        *,
        settings: Settings | None = None,
        clock: Clock | None = None,
        spans: Spans | None = None,
        outside: Outside | None = None,
    ) -> Whole:
        """Serve from the database file, or from memory."""
        clock, settings, outside = clock or SystemClock(), settings or Settings(), outside or Outside()
        resources = AsyncExitStack()
        async with resources:
            database = Database.open(path, [CATALOG_MIGRATIONS, BROKER_MIGRATIONS, STORE_MIGRATIONS])
            resources.push_async_callback(database.close)
            broker = await EmbeddedBroker.open(database, clock=clock, tenant=TENANT)
            resources.push_async_callback(broker.close)
            catalog = LocalCatalog(database, clock, tenant=TENANT)
            log = JoinedLog(broker)
            # The group is there before anything is subscribed: its id is what the log is read by.
            subscription = await broker.subscribe(settings.group, [], mode="read")
            log.subscription = subscription.id
            store = SqliteStore(database, clock, tenant=TENANT, log=log)
            reader = FeedReader(broker.reader(subscription.id))
            functions = outside.open_functions()
            resources.push_async_callback(functions.close)
            engine = Engine(
                store,
                broker,
                catalog,
                clock,
                reader=reader,
                subscribed=_nothing,
                settings=settings,
                tenant=TENANT,
                spans=spans,
                functions=functions,
                secrets=outside.open_secrets(),
            )
            await engine.start()
            resources.push_async_callback(engine.stop)
            return cls(catalog, broker, engine, resources.pop_all())

    async def stop(self) -> None:
        """Stop taking events, write what is queued and let go of the file."""
        await self._resources.aclose()


def _replacing(settings: Settings, group: str) -> Settings:
    """An installation that came from another kind of store gives up the group by which it took events there."""
    return msgspec.structs.replace(settings, replaces=group)


def _postgres() -> ModuleType:
    """The adapter, which only those need that have its driver."""
    try:
        return importlib.import_module("evenweave.adapters.stores.postgres")
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise EvenweaveError(
            "the driver of PostgreSQL is not installed", 'install it with pip install "evenweave[postgres]"'
        ) from None


async def inspect_store(url: str) -> tuple[str, int, list[str], list[str], Mapping[str, Any]]:
    """Look at a PostgreSQL store: its name, its bytes, who works on it, what is wrong with it, and figures by name.

    Raises:
        evenweave.errors.EvenweaveError: Its driver is not installed.
    """
    _postgres()
    adapter = importlib.import_module("evenweave.adapters.stores.postgres.inspection")
    found = await adapter.inspect(url, _STORE_QUERIES)
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
    _postgres()
    adapter = importlib.import_module("evenweave.adapters.stores.postgres.histories")
    return await _check_histories(adapter.DatabaseHistories(url, tenant=TENANT), most, say)


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
    if store:
        _postgres()
        spool = importlib.import_module("evenweave.adapters.stores.postgres.transfer").read_tables(store)
    else:
        spool = _read_file(data)
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
            _postgres()
            adapter = importlib.import_module("evenweave.adapters.stores.postgres.transfer")
            counts: Mapping[str, int] = await adapter.write_tables(store, tables)
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


async def prepare_store(url: str) -> None:
    """Bring the tables of a PostgreSQL database up to date.

    Raises:
        evenweave.errors.EvenweaveError: The database cannot be used, or its driver is not installed.
    """
    await (await _postgres().PostgresStore.open(url, SystemClock(), tenant=TENANT)).close()


def remote_broker(url: str) -> Broker:
    """The broker of a Runtime that listens elsewhere."""
    return RemoteBroker(url)


def _nothing(_: Subscription) -> None:
    pass


def find_callable(name: str) -> Callable[..., Any]:
    """The callable of the name ``MODULE:CALLABLE``; its module may lie in the current folder.

    Raises:
        evenweave.errors.EvenweaveError: There is none.
    """
    return load_callable(name, folder=os.getcwd())


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
