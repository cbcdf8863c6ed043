"""The parts that serve: Catalog, Runtime and Workflow Engine, each alone or all in one process."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import msgspec

from evenweave.adapters.brokers.embedded import MIGRATIONS as BROKER_MIGRATIONS
from evenweave.adapters.brokers.embedded import EmbeddedBroker
from evenweave.adapters.brokers.embedded.joined import JoinedLog
from evenweave.adapters.brokers.remote import RemoteBroker
from evenweave.adapters.catalogs.local import MIGRATIONS as CATALOG_MIGRATIONS
from evenweave.adapters.catalogs.local import LocalCatalog
from evenweave.adapters.catalogs.remote import RemoteCatalog
from evenweave.adapters.clocks import SystemClock
from evenweave.adapters.sqlite import Database
from evenweave.adapters.stores.sqlite import MIGRATIONS as STORE_MIGRATIONS
from evenweave.adapters.stores.sqlite import SqliteStore
from evenweave.app.outside import Outside
from evenweave.app.postgres import load_postgres
from evenweave.worker import Engine, Settings
from evenweave.worker.leasing import LeaseReader
from evenweave.worker.reading import FeedReader, LogReader

if TYPE_CHECKING:
    from pathlib import Path

    from evenweave.ports.broker import Broker
    from evenweave.ports.catalog import Catalog
    from evenweave.ports.clock import Clock
    from evenweave.runtime.rules import Rules
    from evenweave.worker.figures import MeasuredStore
    from evenweave.worker.reading import Reader
    from evenweave.worker.spans import Spans

TENANT = "default"
WORKERS = "evenweave.workers"
"""The group by which the workers on a shared store take events, by leases."""


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
            engine = await _start_engine(
                resources, rows, broker, operations, clock, reader, settings=settings, spans=spans, outside=outside
            )
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
            rows = await load_postgres("store").PostgresStore.open(store, clock, tenant=TENANT)
            resources.push_async_callback(rows.close)
            reader = LeaseReader(rows, broker, clock, wait_s=settings.poll_s)
            engine = await _start_engine(
                resources, rows, broker, catalog, clock, reader, settings=settings, spans=spans, outside=outside
            )
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
            engine = await _start_engine(
                resources, store, broker, catalog, clock, reader, settings=settings, spans=spans, outside=outside
            )
            return cls(catalog, broker, engine, resources.pop_all())

    async def stop(self) -> None:
        """Stop taking events, write what is queued and let go of the file."""
        await self._resources.aclose()


async def _start_engine(
    resources: AsyncExitStack,
    store: MeasuredStore,
    broker: Broker,
    catalog: Catalog,
    clock: Clock,
    reader: Reader,
    *,
    settings: Settings,
    spans: Spans | None,
    outside: Outside,
) -> Engine:
    """An engine over these, which serves until the resources are closed."""
    functions = outside.open_functions()
    resources.push_async_callback(functions.close)
    engine = Engine(
        store,
        broker,
        catalog,
        clock,
        reader=reader,
        settings=settings,
        tenant=TENANT,
        spans=spans,
        functions=functions,
        secrets=outside.open_secrets(),
    )
    await engine.start()
    resources.push_async_callback(engine.stop)
    return engine


def _replacing(settings: Settings, group: str) -> Settings:
    """An installation that came from another kind of store gives up the group by which it took events there."""
    return msgspec.structs.replace(settings, replaces=group)


async def prepare_store(url: str) -> None:
    """Bring the tables of a PostgreSQL database up to date.

    Raises:
        evenweave.errors.EvenweaveError: The database cannot be used, or its driver is not installed.
    """
    await (await load_postgres("store").PostgresStore.open(url, SystemClock(), tenant=TENANT)).close()


def remote_broker(url: str) -> Broker:
    """The broker of a Runtime that listens elsewhere."""
    return RemoteBroker(url)
