"""Group commit without a timer: what gathered while the last transaction ran is the next one."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import TYPE_CHECKING

import asyncpg
import structlog

from evenweave.adapters.stores.postgres.commit import SUPERSEDED
from evenweave.adapters.stores.postgres.errors import AGAIN, FAILURES, explain, is_lost, is_own
from evenweave.adapters.stores.postgres.group import Group
from evenweave.ports.store import StoreConflict, StoreRefused, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evenweave.adapters.stores.postgres.connections import Link
    from evenweave.adapters.stores.postgres.store import PostgresStore
    from evenweave.adapters.stores.postgres.transaction import PostgresTransaction

TRIES = 10
"""How often a deadlock or a serialization failure is answered by trying once more."""

ROWS_AT_ONCE = 5_000
PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
"""How long it rests after a failure that nobody foresaw, longer each time."""

ASK_S = 5.0
"""How long the server is asked what became of a commit whose answer was lost."""


class Writer:
    """Commits queued transactions in order, merged; see `evenweave.adapters.stores.postgres.group`."""

    def __init__(
        self,
        store: PostgresStore,
        link: Link,
        settle: Callable[[Sequence[PostgresTransaction], Exception | None], object],
    ) -> None:
        self._store = store
        self._link = link
        self._settle = settle
        self._queue: list[PostgresTransaction] = []
        self._number = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._in_hand: list[PostgresTransaction] = []
        self.failing = False
        """Whether it failed in a way that nobody foresaw, and begins anew."""
        self._log = structlog.get_logger("evenweave.postgres")

    def put(self, transaction: PostgresTransaction) -> None:
        """Commit it behind those put earlier."""
        self._queue.append(transaction)
        self._idle.clear()
        self._wake.set()

    async def close(self) -> None:
        """Write what was put, then stop."""
        await self._idle.wait()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._serve()
            except Exception as error:  # noqa: BLE001 - it is logged, and shows in `failing`
                failures += 1
                self.failing = True
                self._log.critical("the writer failed and begins anew", exc_info=True)
                await self._begin_anew(error)
                await asyncio.sleep(min(PAUSE_S * failures, LONGEST_PAUSE_S))
                self.failing = False

    async def _begin_anew(self, error: Exception) -> None:
        """Fail what is in hand and queued: as a new session, for nobody knows which of it is there."""
        doomed, self._in_hand, self._queue = [*self._in_hand, *self._queue], [], []
        later = StoreUnavailable(f"the writer failed: {type(error).__name__}: {error}")
        for step in (self._store.recover(later), self._store.session.renew()):
            try:
                await step
            except Exception as again:  # noqa: BLE001 - whoever waits is told in any case
                self._log.critical("the writer cannot begin anew yet", error=f"{type(again).__name__}: {again}")
        self._number = 0
        self._settle([each for each in doomed if self._store.is_waiting(each)], later)

    async def _serve(self) -> None:
        while True:
            if not self._queue:
                self._idle.set()
                self._wake.clear()
                await self._wake.wait()
            # Everything that is queued in this iteration of the loop goes together.
            await asyncio.sleep(0)
            taken = self._take()
            self._in_hand = list(taken)
            error = await self._commit(taken)
            if error is None:
                self._settle(taken, None)
            else:
                await self._fail(taken, error)
            self._in_hand = []

    def _take(self) -> list[PostgresTransaction]:
        """Those that are committed next; one that changes definitions goes alone."""
        rows = count = 0
        for each in self._queue:
            if (each.changes and count) or rows >= ROWS_AT_ONCE:
                break
            count += 1
            rows += len(each.saved) + len(each.outgoing) + len(each.lookups.sightings)
            if each.changes:
                break
        taken, self._queue = self._queue[:count], self._queue[count:]
        return taken

    async def _fail(self, taken: list[PostgresTransaction], error: Exception) -> None:
        """Find whose fault it was; everything behind goes with it, for it may build on what is not there."""
        if isinstance(error, StoreRefused) and error.own and len(taken) > 1:
            while taken:
                first = taken.pop(0)
                failed = await self._commit([first])
                if failed is not None:
                    error = failed
                    taken.insert(0, first)
                    break
                self._settle([first], None)
            else:
                return
        if isinstance(error, StoreConflict):
            self._log.debug("another worker was faster", what=str(error), transactions=len(taken) + len(self._queue))
        # Those that are queued now: what is made while the store recovers knows of the failure already.
        doomed, self._queue = [*taken[1:], *self._queue], []
        self._in_hand += doomed[len(taken) - 1 :]
        await self._store.recover(error)
        later = error
        if isinstance(error, StoreRefused) and error.own:
            later = StoreRefused(f"an earlier transaction failed: {error}", own=False)
        self._settle(taken[:1], error)
        if doomed:
            self._settle(doomed, later)

    async def _commit(self, transactions: Sequence[PostgresTransaction]) -> Exception | None:
        """Write them as one; again where it was nobody's fault."""
        store = self._store
        try:
            group = Group(transactions)
        except Exception as error:  # noqa: BLE001 - what cannot be encoded is the rows' own fault
            return StoreRefused(f"the rows cannot be written: {type(error).__name__}: {error}", own=True)
        for tries in range(1, TRIES + 1):
            began = time.monotonic()
            sent = False
            try:
                async with self._link.use() as connection:
                    sent = True
                    await store.commit_on(connection, self._number + 1).run(group)
            except StoreConflict as error:
                store.commits.failures += 1
                return error
            except Exception as error:  # noqa: BLE001 - each has its answer
                store.commits.failures += 1
                if sent and is_lost(error) and await self._is_there():
                    self._log.warning("a commit's answer was lost, and it is there")
                    return None
                if getattr(error, "sqlstate", None) == SUPERSEDED and tries < TRIES:
                    # The session was over for so long that it was swept.
                    await store.session.renew()
                    self._number = 0
                    continue
                if isinstance(error, AGAIN) and tries < TRIES:
                    await asyncio.sleep(random.uniform(0, 0.005 * tries))  # noqa: S311 - jitter
                    continue
                if not is_own(error) and not isinstance(error, StoreUnavailable | OSError | asyncpg.PostgresError):
                    self._log.error("a transaction failed", error=f"{type(error).__name__}: {error}")
                explained = explain(error)
                return explained if isinstance(explained, StoreRefused) else StoreUnavailable(str(explained))
            self._number += 1
            store.commits.seconds.observe(time.monotonic() - began)
            store.commits.rows.observe(group.count_rows())
            return None
        raise AssertionError("the last try returns")

    async def _is_there(self) -> bool:
        """Whether a batch was committed whose answer was lost; one that was not can never be from now on.

        Where the server stays away nobody knows: it is taken for not written. Its events come again and are known by
        their keys if it was, and what it has to publish is adopted once this session is over.
        """
        until = self._store.clock.monotonic() + ASK_S
        while self._store.clock.monotonic() < until:
            try:
                async with self._link.use() as connection:
                    given_up = await self._store.give_up(connection, self._number + 1)
            except (*FAILURES, StoreUnavailable):
                await asyncio.sleep(0.1)
                continue
            self._number += 2 if given_up else 1
            return not given_up
        await self._store.session.renew()
        self._number = 0
        return False
