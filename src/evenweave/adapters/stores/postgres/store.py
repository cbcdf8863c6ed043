"""The PostgreSQL store of the Workflow Engine (PROTOCOL section 2, PostgreSQL): several workers on one database."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

import msgspec

from evenweave.adapters.statements import load_statements
from evenweave.adapters.stores.hot import Hot
from evenweave.adapters.stores.overlay import Overlay
from evenweave.adapters.stores.postgres.answers import Answers
from evenweave.adapters.stores.postgres.commit import Buried, Commit
from evenweave.adapters.stores.postgres.connections import SETTINGS, Dial, Link, connect, hide_password
from evenweave.adapters.stores.postgres.errors import FAILURES, PostgresUnusable
from evenweave.adapters.stores.postgres.keys import LockKeys
from evenweave.adapters.stores.postgres.migrations import PACKAGE, migrate
from evenweave.adapters.stores.postgres.session import Session
from evenweave.adapters.stores.postgres.transaction import PostgresTransaction
from evenweave.adapters.stores.postgres.writer import Writer
from evenweave.ports.store import Outgoing, PendingCall, StoreConflict, StoreUnavailable
from evenweave.runtime.figures import Commits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    import asyncpg

    from evenweave.ports.clock import Clock

HOT_INSTANCES = 20_000
CAUTION_S = 2.0
"""How long a worker that met a conflict guesses nothing."""

BYTES_EVERY_S = 30.0

_DECODE = msgspec.msgpack.Decoder().decode


class PostgresStore(Answers):
    """See `evenweave.ports.store.Store`, and docs/design/postgres.md.

    Attributes:
        failures: Grows with each failed commit: what was looked up before it is stale.
        kept_count: How many events are kept, as far as this worker knows.
        conflicts: How often another worker was faster.
    """

    is_shared = True
    holds_log = False
    batch = 64

    def __init__(self, url: str, clock: Clock, schema: str, *, tenant: str, hot: int, dial: Dial = connect) -> None:
        """Use `open` instead."""
        self.clock = clock
        self.tenant = tenant
        self.sql = load_statements(PACKAGE)
        self.keys = LockKeys(schema, tenant)
        self.overlay = Overlay()
        self.hot = Hot(hot)
        self.commits = Commits()
        self.failures = 0
        self.kept_count = 0
        self.conflicts = 0
        self._url = url
        self._dial = dial
        self._number = 0
        self._cautious_until = self._wary_until = 0.0
        self._bytes = 0
        self._bytes_at = 0.0
        self._version: int | None = None
        self._on_outgoing: Callable[[Sequence[Outgoing]], None] | None = None
        self._on_defined: list[Callable[[], None]] = []
        self._futures: dict[int, asyncio.Future[None]] = {}
        channel = f"evenweave_{self.keys.definitions & 0xFFFFFFFFFFFFFFFF:016x}"
        self.reader = Link(url, "look-ups", dial=dial)
        self._faces = Link(url, "faces", {}, dial=dial)
        self._house = Link(url, "house", {}, self._greet, dial=dial)
        self.session = Session(self._house, self.sql, tenant, channel, clock)
        self.session.when_told(self._hear)
        self._link = Link(url, "writer", dial=dial)
        self._writer = Writer(self, self._link, self._settle)

    @classmethod
    async def open(
        cls,
        url: str,
        clock: Clock,
        *,
        tenant: str = "default",
        hot: int = HOT_INSTANCES,
        dial: Dial = connect,
    ) -> Self:
        """Connect, bring the tables up to date, and take a session.

        Raises:
            PostgresUnusable: There is no such server or database, or not the rights.
            PostgresTooNew: The tables are ahead of this version.
        """
        name = hide_password(url)
        try:
            connection = await dial(url, SETTINGS)
            try:
                schema = await connection.fetchval("select current_schema()")
                if schema is None:
                    raise PostgresUnusable(f"{name}: the schema in its search_path does not exist", "create it first")
                await migrate(connection, name)
            finally:
                await connection.close()
        except FAILURES as error:
            raise PostgresUnusable(
                f"{name}: {str(error) or type(error).__name__}", "is the server there, and does it let us in?"
            ) from error
        self = cls(url, clock, schema, tenant=tenant, hot=hot, dial=dial)
        try:
            await self.session.open(self._tick)
            self.kept_count = await self._count_kept()
            await self._measure()
        except BaseException:
            await self.close()
            raise
        return self

    # What transactions stand on.

    @property
    def bold(self) -> bool:
        """Whether to guess: there were no conflicts lately."""
        return self.clock.monotonic() >= self._cautious_until

    @property
    def hasty(self) -> bool:
        """Whether to take for new what starts, without looking."""
        return self.clock.monotonic() >= self._wary_until

    @property
    def failing(self) -> bool:
        """See the port."""
        return self._writer.failing

    def is_waiting(self, transaction: PostgresTransaction) -> bool:
        """Whether nobody has been told yet what became of a queued transaction."""
        return transaction.number in self._futures

    def next_sequence(self) -> int:
        """The next number of a kept, held or outgoing event."""
        return self.session.next_number()

    def begin(self) -> PostgresTransaction:
        """A new transaction."""
        return PostgresTransaction(self)

    def queue(self, transaction: PostgresTransaction) -> asyncio.Future[None]:
        """Queue a transaction; lookups see it from now on, the future is done when it is durable."""
        if transaction.failures != self.failures:
            raise StoreConflict("an earlier transaction failed while this one was made")
        self._number += 1
        number = transaction.number = self._number
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._futures[number] = future
        self.overlay.add(transaction.layer, number)
        self.kept_count = max(0, self.kept_count + transaction.kept_delta)
        for id_, instance in transaction.instances.items():
            self.hot.pin(id_, number, instance)
        self._writer.put(transaction)
        return future

    def commit_on(self, connection: asyncpg.Connection, number: int) -> Commit:
        """What writes a group on a connection, as the batch of this number."""
        return Commit(
            connection,
            self.sql,
            tenant=self.tenant,
            session=self.session.id,
            number=number,
            keys=self.keys,
            now=self.clock.now() / 1000,
        )

    async def give_up(self, connection: asyncpg.Connection, number: int) -> bool:
        """Let the batch of this number never be committed any more; false where it is already."""
        # It is left out, not taken: asked once more because that answer was lost as well, the server says the same.
        await connection.fetch(self.sql["give_up"], self.tenant, self.session.id, number)
        reached = await connection.fetchval(self.sql["reached"], self.tenant, self.session.id)
        return bool(reached != number)

    async def recover(self, error: Exception) -> None:
        """A commit failed: forget everything that is not durable, and find out what may have been misjudged."""
        self.failures += 1
        self.overlay.clear()
        if isinstance(error, StoreConflict):
            self.conflicts += 1
            self.hot.unpin()
            self._cautious_until = self.clock.monotonic() + CAUTION_S
            if isinstance(error, Buried):
                self._wary_until = self._cautious_until
            self._hear()
        else:
            self.hot.clear()
        try:
            self.kept_count = await self._count_kept()
        except StoreUnavailable:
            # Nothing can be kept now either; the next tick counts again.
            self.kept_count = 1

    def _settle(self, transactions: Sequence[PostgresTransaction], error: Exception | None) -> None:
        for transaction in transactions:
            number = transaction.number
            future = self._futures.pop(number)
            if error is None:
                self.overlay.drop(transaction.layer, number)
                for id_ in transaction.instances:
                    self.hot.settle(id_, number)
                if not future.done():
                    future.set_result(None)
                if transaction.outgoing and self._on_outgoing is not None:
                    self._on_outgoing(transaction.outgoing)
                if transaction.changes:
                    self.session.tell()
            elif not future.done():
                future.set_exception(error)

    # The rest of the port.

    def when_outgoing(self, listener: Callable[[Sequence[Outgoing]], None]) -> None:
        """Tell the listener of outbox rows when they are durable."""
        self._on_outgoing = listener

    def when_defined(self, listener: Callable[[], None]) -> None:
        """Tell the listener when another worker may have changed the definitions."""
        self._on_defined.append(listener)

    def count_bytes(self) -> int:
        """The size of the tables and their indexes, as of some seconds ago."""
        return self._bytes

    @asynccontextmanager
    async def exclusively(self) -> AsyncIterator[None]:
        """Hold a lock of the session on a connection of its own; it goes with the connection."""
        link = Link(self._url, "definitions", {"lock_timeout": "60s"}, dial=self._dial)
        try:
            await link.rows("select pg_advisory_lock($1)", self.keys.registrar)
            yield
        finally:
            await link.close()

    async def take_up(self) -> Mapping[tuple[str, int], int] | None:
        """Several processes may work on the store: the broker counts the attempts of each event."""
        return None

    async def let_go(self) -> None:
        """The session ends with `close`."""

    async def version(self) -> int:
        """The version of the definitions."""
        rows = await self._rows("version")
        self._version = rows[0][0] if rows else 0
        return self._version

    async def outbox(self, after: int, limit: int) -> Sequence[Outgoing]:
        """Events that this worker has to publish; those of workers that are gone are its own from now on."""
        if after == 0:
            while await self.adopt(1000):
                pass
        rows = await self._rows("outbox", self.session.id, after, limit)
        return [Outgoing(row[0], row[1], row[2], _DECODE(row[3])) for row in rows]

    async def adopt(self, limit: int) -> Sequence[Outgoing]:
        """Take over events that wait to be published by a worker that is gone."""
        rows = await self._rows("adopt", self.session.id, limit)
        return [Outgoing(row[0], row[1], row[2], _DECODE(row[3])) for row in rows]

    async def take_over_calls(self, limit: int) -> Sequence[PendingCall]:
        """Take over calls of workers that are gone."""
        return [PendingCall(*row) for row in await self._rows("take_over_calls", self.session.id, limit)]

    async def prune(self, before: float, limit: int) -> bool:
        """Remove old dedupe keys and tombstones, in one small step; whether some are left."""
        for name in ("prune_dedupe", "prune_tombstones"):
            await self._faces.rows(self.sql[name], before, limit)
        found: bool = await self._faces.value(self.sql["prunable"], before)
        return found

    async def forget_histories(self, instances: Sequence[str]) -> None:
        """Remove the histories of ended instances."""
        await self._rows("remove_history", list(instances))

    async def close(self) -> None:
        """Write what is queued, end the session, and let go of the connections."""
        await self._writer.close()
        await self.session.close()
        for link in (self.reader, self._faces, self._house, self._link):
            await link.close()

    async def _count_kept(self) -> int:
        return int(await self._faces.value(self.sql["count_kept"], self.tenant))

    async def _greet(self, connection: asyncpg.Connection) -> None:
        await self.session.listen(connection)
        self._hear()  # something may have been said while nobody listened

    def _hear(self) -> None:
        for listener in self._on_defined:
            listener()

    async def _tick(self) -> None:
        """Every second: what others did, for NOTIFY may be lost."""
        before = self._version
        if before is not None and await self.version() != before:
            self._hear()
        if self.kept_count:
            self.kept_count = await self._count_kept()
        await self._measure()

    async def _measure(self) -> None:
        if self.clock.monotonic() - self._bytes_at >= BYTES_EVERY_S:
            self._bytes_at = self.clock.monotonic()
            self._bytes = await self._house.value(self.sql["count_bytes"])
