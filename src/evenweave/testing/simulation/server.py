"""A PostgreSQL server in memory, as far as the store's named statements go.

It keeps what makes workers miss each other: every statement sees a snapshot taken at its beginning (READ COMMITTED);
rows are locked by whoever writes them until its transaction ends; a statement that waited for a row goes on with the
row's newest version, but with its old snapshot of everything else; and connections are lost at any moment, before a
commit, or behind it with the answer on its way.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
from collections import deque
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import asyncpg

from evenweave.adapters.statements import load_statements
from evenweave.adapters.stores.postgres.migrations import PACKAGE, scripts
from evenweave.testing.simulation.statements import STATEMENTS
from evenweave.testing.simulation.tables import TABLES, Row, Table
from evenweave.testing.simulation.time import PROCESS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from evenweave.testing.simulation.chance import Chance
    from evenweave.testing.simulation.time import SimulatedClock

_EXCLUSIVE, _SHARED = "exclusive", "shared"


class Lock:
    """A row's lock or an advisory one, with those who wait for it in their order."""

    __slots__ = ("holders", "waiting")

    def __init__(self) -> None:
        self.holders: dict[SimulatedConnection, str] = {}
        self.waiting: deque[tuple[SimulatedConnection, str, asyncio.Future[None]]] = deque()

    def admits(self, who: SimulatedConnection, mode: str) -> bool:
        """Whether it can be had at once."""
        others = [held for holder, held in self.holders.items() if holder is not who]
        return not others or (mode == _SHARED and _EXCLUSIVE not in others)

    def pass_on(self) -> None:
        """Give it to those who are next."""
        while self.waiting:
            who, mode, future = self.waiting[0]
            if not future.done():
                if not self.admits(who, mode):
                    return
                self.holders[who] = mode
                future.set_result(None)
            self.waiting.popleft()


class SimulatedServer:
    """The server: what is committed, and who holds which lock.

    Attributes:
        tables: What is committed: each table is replaced, never changed, so that a snapshot is a reference.
        commits: How many transactions were committed.
    """

    def __init__(self, chance: Chance, clock: SimulatedClock) -> None:
        self.chance = chance
        self.clock = clock
        self.tables: dict[str, Table] = {name: MappingProxyType({}) for name in TABLES}
        self.commits = 0
        self.poisoned: set[str] = set()
        """Instances whose rows are refused from now on."""
        self.sequences = itertools.count(1)
        self._names = {sql: name for name, sql in load_statements(PACKAGE).items()}
        self._locks: dict[Any, Lock] = {}
        self._listeners: list[tuple[SimulatedConnection, str, Callable[..., None]]] = []
        self._connections: dict[str, list[SimulatedConnection]] = {}

    async def dial(self, url: str, settings: Mapping[str, str]) -> asyncpg.Connection:
        """Open a connection: what `PostgresStore.open` takes as ``dial``."""
        del url, settings
        await self.chance.pause()
        if self.chance.happens():
            raise OSError("simulated: the server cannot be reached")
        connection = SimulatedConnection(self)
        self._connections.setdefault(PROCESS.get(), []).append(connection)
        return connection

    def drop(self, process: str) -> None:
        """A process is gone, and with it its connections."""
        for connection in self._connections.pop(process, ()):
            connection.terminate()

    def name(self, sql: str) -> str:
        """The name of a statement; empty where it has none."""
        return self._names.get(sql, "")

    def lock(self, key: Any) -> Lock:
        """The lock of a row or of a number."""
        return self._locks.setdefault(key, Lock())

    def listen(self, connection: SimulatedConnection, channel: str, callback: Callable[..., None]) -> None:
        """Call back on each notification."""
        self._listeners.append((connection, channel, callback))

    def notify(self, channel: str, payload: str) -> None:
        """Tell those who listen; some hear nothing of it."""
        self._listeners = [each for each in self._listeners if not each[0].is_closed()]
        for connection, name, callback in self._listeners:
            if name == channel and not self.chance.happens(10):
                callback(connection, 0, channel, payload)


class SimulatedConnection:
    """One connection, with at most one transaction; it answers as asyncpg's does."""

    def __init__(self, server: SimulatedServer) -> None:
        self.server = server
        self.writes: dict[str, dict[Any, Row | None]] = {}
        self._locks: dict[Any, None] = {}
        self._session_locks: dict[Any, None] = {}
        self._waiting_for: Lock | None = None
        self._explicit = False
        self._closed = False
        self._running: asyncio.Task[Any] | None = None

    # As asyncpg has them.

    def is_closed(self) -> bool:
        """Whether it is gone."""
        return self._closed

    def is_in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._explicit

    async def fetch(self, sql: str, *parameters: Any) -> list[Row]:
        """All rows of a statement."""
        await self._travel()
        name = self.server.name(sql)
        if name:
            statement = STATEMENTS[name]
            rows: list[Row] = await self._serve(self._within(lambda: statement(Statement(self), *parameters)))
        else:
            rows = await self._unnamed(sql, parameters)
        await self._travel(answer=True)
        return rows

    async def fetchrow(self, sql: str, *parameters: Any) -> Row | None:
        """The first row."""
        rows = await self.fetch(sql, *parameters)
        return rows[0] if rows else None

    async def fetchval(self, sql: str, *parameters: Any) -> Any:
        """The first column of the first row."""
        rows = await self.fetch(sql, *parameters)
        return rows[0][0] if rows else None

    async def execute(self, sql: str, *parameters: Any) -> None:
        """A statement without an answer."""
        if sql == "commit":
            await self._travel()
            await self._serve(self._commit())
            await self._travel(answer=True)
        elif sql == "rollback":
            await self._travel()
            self._end()
        elif sql == "begin":
            await self._travel()
            self._explicit = True
        else:
            await self.fetch(sql, *parameters)

    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None:
        """Hear notifications."""
        self.server.listen(self, channel, callback)

    async def close(self, timeout: float = 0.0) -> None:  # noqa: ASYNC109 - as asyncpg has it
        """Close it."""
        del timeout
        self.terminate()

    def terminate(self) -> None:
        """Close it; the server learns of it a little later."""
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().call_later(self.server.chance.delay_s(), self._forget)

    # What statements do.

    async def acquire(self, key: Any, mode: str = _EXCLUSIVE, *, session: bool = False) -> None:
        """Take a lock until the transaction (or the session) ends, waiting for those who hold it."""
        lock = self.server.lock(key)
        held = lock.holders.get(self)
        (self._session_locks if session else self._locks)[key] = None
        if held in {_EXCLUSIVE, mode}:
            return
        if not lock.waiting and lock.admits(self, mode):
            lock.holders[self] = mode
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lock.waiting.append((self, mode, future))
        self._waiting_for = lock
        try:
            if self._is_deadlocked():
                raise asyncpg.DeadlockDetectedError("simulated: deadlock detected")
            await future
        finally:
            self._waiting_for = None
            if not future.done() or future.cancelled():
                future.cancel()
                lock.pass_on()

    def current(self, table: str, key: Any) -> Row | None:
        """The newest version of a row, as far as this transaction may see it."""
        own = self.writes.get(table, {})
        return own[key] if key in own else self.server.tables[table].get(key)

    def write(self, table: str, key: Any, row: Row | None) -> None:
        """Write a row that is locked; ``None`` removes it."""
        self.writes.setdefault(table, {})[key] = row

    # How it goes on.

    async def _travel(self, *, answer: bool = False) -> None:
        """A message is on its way; with it the connection may go."""
        await self.server.chance.pause()
        if not self._closed and self.server.chance.happens(0.3):
            self.terminate()
        if self._closed:
            what = "the answer is lost" if answer else "the server closed the connection"
            raise asyncpg.ConnectionDoesNotExistError(f"simulated: {what}")

    async def _serve(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something in the server: it goes on where whoever asked for it is gone."""
        self._running = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        return await asyncio.shield(self._running)

    async def _within(self, work: Callable[[], Any]) -> list[Row]:
        if self._explicit:
            rows: list[Row] = await work()
            return rows
        try:
            rows = await work()
        except BaseException:
            self._end()
            raise
        await self._commit()
        return rows

    async def _commit(self) -> None:
        await self.server.chance.pause_shortly()
        tables = self.server.tables
        for name, rows in self.writes.items():
            merged = {**tables[name], **rows}
            tables[name] = MappingProxyType({key: row for key, row in merged.items() if row is not None})
        self.server.commits += bool(self.writes)
        self._end()

    def _end(self) -> None:
        self._explicit = False
        self.writes = {}
        self._release(self._locks)

    def _release(self, keys: dict[Any, None]) -> None:
        for key in keys:
            lock = self.server.lock(key)
            lock.holders.pop(self, None)
            lock.pass_on()
        keys.clear()

    def _forget(self) -> None:
        if self._running is not None and not self._running.done():
            self._running.add_done_callback(lambda _: self._forget())
            return
        self._end()
        self._release(self._session_locks)

    async def _unnamed(self, sql: str, parameters: tuple[Any, ...]) -> list[Row]:
        if sql.startswith("select current_schema()"):
            return [Row(("current_schema",), ("simulated",))]
        if sql.startswith("select version, oldest from schema_versions"):
            return [Row(("version", "oldest"), (len(scripts()), 1))]
        if sql.startswith("select pg_advisory_lock"):
            await self.acquire(("session", parameters[0]), session=True)
        elif sql.startswith("select pg_advisory_unlock"):
            self._release({("session", parameters[0]): None})
        elif sql.startswith("select pg_notify"):
            self.server.notify(*parameters)
        elif not sql.strip().startswith("create table if not exists schema_versions"):
            raise NotImplementedError(f"the simulated server does not know this statement: {sql}")
        return []

    def _is_deadlocked(self) -> bool:
        """Whether whom this one waits for waits, in the end, for this one."""
        seen: set[int] = set()
        left = [self]
        while left:
            lock = left.pop()._waiting_for
            for holder in () if lock is None else lock.holders:
                if holder is self and lock is not self._waiting_for:
                    return True
                if id(holder) not in seen:
                    seen.add(id(holder))
                    left.append(holder)
        return False


class Statement:
    """One statement: its snapshot, and what it does to rows.

    Attributes:
        server: The server.
    """

    def __init__(self, connection: SimulatedConnection) -> None:
        self.server = connection.server
        self._connection = connection
        self._snapshot = dict(connection.server.tables)
        self._own = {name: dict(rows) for name, rows in connection.writes.items()}

    def following(self) -> Statement:
        """The next statement of the same transaction."""
        return Statement(self._connection)

    def rows(self, table: str) -> list[Row]:
        """All rows of a table, in this statement's snapshot."""
        return list(self.table(table).values())

    def table(self, table: str) -> Mapping[Any, Row]:
        """A table in this statement's snapshot."""
        found, own = self._snapshot[table], self._own.get(table)
        if not own:
            return found
        return {key: row for key, row in {**found, **own}.items() if row is not None}

    async def lock(self, table: str, key: Any) -> Row | None:
        """Lock a row of the snapshot; its newest version, or nothing where it is gone meanwhile."""
        if key not in self.table(table):
            return None
        await self._connection.acquire((table, key))
        return self._connection.current(table, key)

    async def advise(self, number: int, *, shared: bool = False) -> None:
        """Take an advisory lock."""
        await self._connection.acquire(("advisory", number), _SHARED if shared else _EXCLUSIVE)

    async def insert(self, table: str, key: Any, row: Row) -> bool:
        """Insert a row, waiting for whoever inserts the same one; false where it is there."""
        await self._connection.acquire((table, key))
        if self._connection.current(table, key) is not None:
            return False
        self._connection.write(table, key, row)
        return True

    async def put(self, table: str, key: Any, row: Row) -> None:
        """Insert a row, or replace the one that is there."""
        await self._connection.acquire((table, key))
        self._connection.write(table, key, row)

    async def update(self, table: str, key: Any, **changes: Any) -> bool:
        """Change a row; false where there is none."""
        row = await self.lock(table, key)
        if row is not None:
            self._connection.write(table, key, row.changed(**changes))
        return row is not None

    async def delete(self, table: str, key: Any) -> bool:
        """Remove a row; false where there is none."""
        row = await self.lock(table, key)
        if row is not None:
            self._connection.write(table, key, None)
        return row is not None
