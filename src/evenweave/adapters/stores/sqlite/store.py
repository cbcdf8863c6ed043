"""The SQLite store of the Workflow Engine (PROTOCOL section 2, SQLite): one worker, one writer, group commit."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from evenweave.adapters.sqlite import (
    DatabaseClosed,
    Dropped,
    KeyFilter,
    Lookups,
    Migrations,
    RowRefused,
    Unit,
    load_statements,
)
from evenweave.adapters.stores.hot import Hot
from evenweave.adapters.stores.overlay import Overlay
from evenweave.adapters.stores.sqlite.transaction import SqliteTransaction
from evenweave.engine import codec
from evenweave.ports.broker import Unavailable
from evenweave.ports.store import (
    EVERY,
    Census,
    DefinitionRow,
    Ended,
    HistoryEntry,
    InstanceSummary,
    Kept,
    Outgoing,
    Parked,
    PendingCall,
    Position,
    StoreRefused,
    StoreUnavailable,
    Which,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from evenweave.adapters.sqlite import Database
    from evenweave.engine import Instance
    from evenweave.ports.clock import Clock
    from evenweave.runtime.figures import Commits

PACKAGE = "evenweave.adapters.stores.sqlite"
MIGRATIONS = Migrations("engine", PACKAGE)
HOT_INSTANCES = 20_000

DEFINITION = ("id", "version", "digest", "file", "document", "operations", "created", "active", "sequence", "disabled")
_DECODE = msgspec.msgpack.Decoder().decode


class Log(Protocol):
    """A broker's log in the same database."""

    def prepare(self, channel: str, event: dict[str, Any]) -> Any:
        """Make an event ready. Raises `evenweave.ports.broker.Refused` where the log will never take it."""
        ...

    def append(self, unit: Unit, prepared: Iterable[Any]) -> None:
        """Put prepared events into a unit; it is submitted at once."""
        ...

    def acknowledge(self, unit: Unit, through: Mapping[str, int]) -> None:
        """Put into a unit how far channels were read."""
        ...


class SqliteStore:
    """See `evenweave.ports.store.Store`.

    Where the broker's log is in the same database, events go into it as part of a transaction: the log row is the
    outbox row, and the group's cursor is the position. Otherwise both have tables of their own.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        tenant: str = "default",
        log: Log | None = None,
        hot: int = HOT_INSTANCES,
    ) -> None:
        self.database = database
        self.reader = Lookups(database.reader, "the store", StoreUnavailable)
        self.clock = clock
        self.tenant = tenant
        self.session = uuid.uuid4().hex
        self.sql = load_statements(PACKAGE)
        self.overlay = Overlay()
        self.hot = Hot(hot)
        pages = [self.sql["ids"], self.sql["buried_ids"]]
        count = self.sql["about_how_many"]
        self.ids = KeyFilter(database.reader, pages, tenant, clock, self.hot.pinned, first=("",), count=count)
        self._on_outgoing: Callable[[Sequence[Outgoing]], None] | None = None
        self.log = log
        self._number = 0
        self._sequences: dict[str, int] = {}
        self.failures = 0
        self.kept_count = self._count_kept()

    @property
    def is_shared(self) -> bool:
        """Never: a second process on the same file is refused."""
        return False

    @property
    def batch(self) -> int:
        """Few: a commit costs little, and with half of what moves in each the writer and the loop work side by side."""
        return 32

    @property
    def failing(self) -> bool:
        """Never: its writer is a thread that reports what fails."""
        return False

    @property
    def holds_log(self) -> bool:
        """Whether the broker's log is in the same database."""
        return self.log is not None

    @property
    def commits(self) -> Commits:
        """What the database did since the start."""
        return self.database.commits

    def count_bytes(self) -> int:
        """The size of the database and of its WAL."""
        return self.database.count_bytes()

    def begin(self) -> SqliteTransaction:
        """A new transaction."""
        return SqliteTransaction(self)

    def when_outgoing(self, listener: Callable[[Sequence[Outgoing]], None]) -> None:
        """Tell the listener of outbox rows when they are durable."""
        self._on_outgoing = listener

    def queue(self, transaction: SqliteTransaction) -> asyncio.Future[None]:
        """Queue a transaction; lookups see it from now on, the future is done when it is durable."""
        if transaction.failures != self.failures:
            raise StoreRefused("an earlier transaction failed while this one was made", own=False)
        self._number += 1
        number = transaction.number = self._number
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        transaction.write_layer()
        try:
            transaction.write_outgoing()
        except Unavailable as error:
            raise StoreUnavailable(str(error)) from error
        self.overlay.add(transaction.layer, number)
        self.kept_count += transaction.kept_delta
        for id_, instance in transaction.instances.items():
            self.hot.pin(id_, number, instance)
        self.ids.add([id_ for id_, each in transaction.instances.items() if each is not None and each.revision == 1])

        def done(error: Exception | None) -> None:
            self._settle(transaction, error, future)

        try:
            self.database.submit(transaction.unit, done)
        except DatabaseClosed as error:
            done(error)
        return future

    def next_sequence(self, table: str) -> int:
        """The next value of a table's sequence; given here, so that rows can be named before they are written."""
        last = self._sequences.get(table)
        if last is None:
            last = self.reader.value(self.sql["last_sequence"], (table,)) or 0
        self._sequences[table] = last + 1
        return last + 1

    async def take_up(self) -> Mapping[tuple[str, int], int] | None:
        """Note that a process works on the store; what an earlier one left that died."""
        died = self.reader.row(self.sql["taken_up"], (self.tenant,)) is not None
        await self._write("take_up", self.tenant, self.clock.now() / 1000)
        if not died:
            return None
        rows = self.reader.rows(self.sql["suspects"], (self.tenant,))
        return {(log, position): count for log, position, count in rows}

    async def let_go(self) -> None:
        """Note that nobody works on the store any more."""
        await self._write("let_go", self.tenant)

    async def definitions(self) -> Sequence[DefinitionRow]:
        """All definitions, in the order of registration."""
        rows = self.reader.rows(self.sql["definitions"], (self.tenant,))
        return [msgspec.convert(dict(zip(DEFINITION, row, strict=True)), DefinitionRow, strict=False) for row in rows]

    def exclusively(self) -> AbstractAsyncContextManager[None]:
        """There is no other worker."""
        return nullcontext()

    async def version(self) -> int:
        """Always the same: nobody else changes the definitions."""
        return 0

    def when_defined(self, listener: Callable[[], None]) -> None:
        """Nobody else changes the definitions."""

    async def schedules(self) -> Mapping[tuple[str, str], float]:
        """Until when schedules were heeded."""
        rows = self.reader.rows(self.sql["schedules"], (self.tenant,))
        return {(definition, digest): through for definition, digest, through in rows}

    async def positions(self) -> Mapping[str, Position]:
        """How far each channel was read."""
        rows = self.reader.rows(self.sql["positions"], (self.tenant,))
        return {channel: Position(log, position) for channel, log, position in rows}

    async def instance(self, id: str) -> Instance | None:  # noqa: A002
        """An instance as it is durable."""
        data = self.reader.value(self.sql["instance"], (self.tenant, id))
        return None if data is None else codec.decode(data)

    async def instances(
        self, which: Which = EVERY, *, key: str = "", after: int = 0, limit: int = 100
    ) -> Sequence[InstanceSummary]:
        """A page of instances, oldest first."""
        w = which
        where = (self.tenant, after, w.status, w.definition, w.version, w.live, w.since, w.until, limit)
        if key:
            rows = self.reader.rows(self.sql["instances_by_key"], (*where, key))
        else:
            name = "instances_stopped" if w.status in {"faulted", "suspended"} else "instances"
            rows = self.reader.rows(self.sql[name], where)
        return [InstanceSummary(*row) for row in rows]

    async def history(self, instance: str) -> Sequence[HistoryEntry]:
        """The bursts of an instance, oldest first."""
        return [HistoryEntry(*row) for row in self.reader.rows(self.sql["history"], (self.tenant, instance))]

    async def noticed(self, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Notices that are durable, in order, each with whom it is for."""
        rows = self.reader.rows(self.sql["noticed"], (self.tenant, after, limit))
        return [(sequence, instance) for sequence, instance in rows]

    async def children(self, parent: str, limit: int = 100) -> Sequence[InstanceSummary]:
        """The instances that an instance started, oldest first."""
        rows = self.reader.rows(self.sql["children"], (self.tenant, parent, limit))
        return [InstanceSummary(*row) for row in rows]

    async def take_over_calls(self, limit: int) -> Sequence[PendingCall]:
        """Take the calls of every other session: no other process can use this database."""
        rows = self.reader.rows(self.sql["foreign_calls"], (self.tenant, self.session, limit))
        found = [PendingCall(*row) for row in rows]
        if found:
            unit = Unit()
            for each in found:
                unit.add(self.sql["take_call"], (self.session, self.tenant, each.instance, each.activation))
            await self._commit(unit)
        return found

    async def has_live(self, definition: str, digest: str) -> bool:
        """Whether an instance of the definition has not ended, as far as it is durable."""
        return self.reader.row(self.sql["has_live"], (self.tenant, definition, digest)) is not None

    async def due(self, now: float, limit: int) -> Sequence[str]:
        """Instances with a deadline that is over."""
        return [row[0] for row in self.reader.rows(self.sql["due"], (self.tenant, now, limit))]

    async def next_due(self, after: float) -> float | None:
        """The earliest deadline behind a time."""
        found: float | None = self.reader.value(self.sql["next_due"], (self.tenant, after))
        return found

    async def expired(self, now: float, limit: int) -> Sequence[tuple[str, Kept]]:
        """Kept events whose time is over."""
        rows = self.reader.rows(self.sql["expired"], (self.tenant, now, limit))
        return [(row[0], Kept(row[1], row[2], row[3], _DECODE(row[4]), row[5])) for row in rows]

    async def outbox(self, after: int, limit: int) -> Sequence[Outgoing]:
        """Events that wait to be published."""
        rows = self.reader.rows(self.sql["outbox"], (self.tenant, after, limit))
        return [Outgoing(row[0], row[1], row[2], _DECODE(row[3])) for row in rows]

    async def adopt(self, limit: int) -> Sequence[Outgoing]:
        """None: there is no other worker."""
        return ()

    async def parked(self, after: int = 0, limit: int = 100) -> Sequence[Parked]:
        """What was put aside, oldest first."""
        rows = self.reader.rows(self.sql["parked"], (self.tenant, after, limit))
        return [Parked(row[0], row[1], row[2], _DECODE(row[3]), row[4], row[5]) for row in rows]

    async def census(self) -> Census:
        """Count what is durable, beside the loop, from indexes that hold no ended instance."""
        query, sql = self.database.query, self.sql
        try:
            stopped = await query(sql["census_stopped"], (self.tenant,))
            live = await query(sql["census_live"], (self.tenant,))
            ((waits, kept, held, parked),) = await query(sql["census_rows"], (self.tenant,))
        except Exception as error:
            raise _explain(error) from error
        instances = {(definition, status): count for definition, status, count in stopped}
        for definition, count in live:
            # The queries are not of one moment: a difference is never shown as less than none.
            still = sum(instances.get((definition, status), 0) for status in ("faulted", "suspended"))
            instances[definition, "waiting"] = max(0, count - still)
        return Census(instances, waits, kept, held, parked)

    async def prune(self, before: float, limit: int) -> bool:
        """Remove old dedupe keys and tombstones, in one small step; whether some are left."""
        unit = Unit()
        unit.add(self.sql["prune_dedupe"], (before, limit))
        unit.add(self.sql["prune_tombstones"], (before, limit))
        await self._commit(unit)
        return self.reader.row(self.sql["prunable"], (before,)) is not None

    async def ended(self, before: float, after: Ended, limit: int) -> Sequence[Ended]:
        """Instances that ended before a time, in the order of that."""
        rows = self.reader.rows(self.sql["ended"], (self.tenant, before, *after, limit))
        return [Ended(*row) for row in rows]

    async def forget_histories(self, instances: Sequence[str]) -> None:
        """Remove the histories of ended instances."""
        unit = Unit()
        for instance in instances:
            unit.add(self.sql["remove_history"], (self.tenant, instance))
        try:
            await self.database.durable(unit)
        except Exception as error:
            raise _explain(error) from error

    async def close(self) -> None:
        """Let go of the database."""
        await self.database.close()

    async def _write(self, name: str, *row: Any) -> None:
        unit = Unit()
        unit.add(self.sql[name], row)
        await self._commit(unit)

    async def _commit(self, unit: Unit) -> None:
        try:
            await self.database.durable(unit)
        except Exception as error:
            raise _explain(error) from error

    def _settle(self, transaction: SqliteTransaction, error: Exception | None, future: asyncio.Future[None]) -> None:
        number = transaction.number
        if error is None:
            self.overlay.drop(transaction.layer, number)
            for id_ in transaction.instances:
                self.hot.settle(id_, number)
            if transaction.outgoing and self._on_outgoing is not None:
                self._on_outgoing(transaction.outgoing)
            if not future.done():
                future.set_result(None)
            return
        # Everything queued behind goes as well: what it looked up is not there.
        self.overlay.clear()
        self.hot.clear()
        self._sequences.clear()
        self.failures += 1
        self.kept_count = 0
        try:
            self.kept_count = self._count_kept()
        except StoreUnavailable:
            # Nothing can be kept now either; the next failure or start counts again.
            self.kept_count = 1
        if not future.done():
            future.set_exception(_explain(error))

    def _count_kept(self) -> int:
        return int(self.reader.value(self.sql["count_kept"], (self.tenant,)))


def _explain(error: Exception) -> Exception:
    if isinstance(error, RowRefused | Dropped):
        return StoreRefused(str(error), own=isinstance(error, RowRefused))
    return StoreUnavailable(str(error))
