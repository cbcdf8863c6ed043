"""A worker's session: a lease by the clock of the database, its numbers, and news of other workers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import uuid
from typing import TYPE_CHECKING, Any

import structlog

from evenweave.ports.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import asyncpg

    from evenweave.adapters.stores.postgres.connections import Link
    from evenweave.ports.clock import Clock

LEASE_S = 15.0
TICK_S = 1.0
NOTIFY_S = 0.02
"""A worker sends no more than one NOTIFY in this time."""

_WORKER_BITS = 10
_WITHIN_MS_BITS = 9


class Session:
    """See the module.

    Attributes:
        id: Names the session in the rows that it holds.
    """

    def __init__(self, link: Link, sql: Mapping[str, str], tenant: str, channel: str, clock: Clock) -> None:
        self.id = uuid.uuid4().hex
        self._link = link
        self._sql = sql
        self._tenant = tenant
        self._channel = channel
        self._clock = clock
        self._number = 0
        self._began_ms = 0
        self._began = 0.0
        self._last = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._told = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []
        self._on_tick: Callable[[], Awaitable[None]] | None = None
        self._log = structlog.get_logger("evenweave.postgres")

    async def open(self, on_tick: Callable[[], Awaitable[None]]) -> None:
        """Take a lease, and renew it from now on; ``on_tick`` is called every second in between."""
        await self._enter()
        self._on_tick = on_tick
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._keep()), loop.create_task(self._tell())]

    async def close(self) -> None:
        """End the session: what it holds is others' from now on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(StoreUnavailable):
            await self._link.rows(self._sql["close_session"], self._tenant, self.id)
            await self._link.rows(self._sql["close_batches"], self._tenant, self.id)

    def next_number(self) -> int:
        """A number that no other worker gives, larger than those given earlier by any, as far as the clocks know."""
        elapsed_ms = int((self._clock.monotonic() - self._began) * 1000)
        self._last = max(self._last + 1, (self._began_ms + elapsed_ms) << _WITHIN_MS_BITS)
        return self._last << _WORKER_BITS | self._number

    def when_told(self, listener: Callable[[], None]) -> None:
        """Call the listener whenever another worker says that it changed the definitions."""
        self._listeners.append(listener)

    async def listen(self, connection: asyncpg.Connection) -> None:
        """Hear of others on a new connection."""
        await connection.add_listener(self._channel, self._hear)

    def tell(self) -> None:
        """Say that the definitions changed; the transaction that changed them is committed."""
        self._told.set()

    async def renew(self) -> None:
        """Begin another session: nobody knows what became of the last batch of this one."""
        self.id = uuid.uuid4().hex
        with contextlib.suppress(StoreUnavailable):  # else it is entered with the next renewal
            await self._enter()

    async def _enter(self) -> None:
        place = (socket.gethostname(), os.getpid(), LEASE_S)
        row = await self._link.row(self._sql["open_session"], self._tenant, self.id, *place)
        assert row is not None
        # Behind it: rows of sessions that are not there are swept.
        await self._link.rows(self._sql["open_batches"], self._tenant, self.id)
        self._number, self._began_ms, self._began = row["number"], row["now_ms"], self._clock.monotonic()

    async def _keep(self) -> None:
        renewed = self._clock.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            try:
                if self._clock.monotonic() - renewed >= LEASE_S / 4:
                    if await self._link.row(self._sql["renew_session"], self._tenant, self.id, LEASE_S) is None:
                        self._log.warning("the session was over: others have what it held", session=self.id)
                        await self._enter()
                    await self._link.rows(self._sql["sweep_sessions"], self._tenant)
                    await self._link.rows(self._sql["sweep_batches"], self._tenant)
                    renewed = self._clock.monotonic()
                if self._on_tick is not None:
                    await self._on_tick()
            except StoreUnavailable as error:
                self._log.warning("PostgreSQL is away", error=str(error))

    async def _tell(self) -> None:
        while True:
            await self._told.wait()
            self._told.clear()
            with contextlib.suppress(StoreUnavailable):  # the others ask every second anyway
                await self._link.rows("select pg_notify($1, $2)", self._channel, self.id)
            await asyncio.sleep(NOTIFY_S)

    def _hear(self, _connection: Any, _process: int, _channel: str, payload: Any) -> None:
        if payload != self.id:
            for listener in self._listeners:
                listener()
