"""Deadlines, and what has a time of keeping."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from evenweave.engine import Continue, Deadline
from evenweave.ports.store import StoreRefused, StoreUnavailable
from evenweave.runtime.backoff import Backoff
from evenweave.worker.batch import expiry_reason

if TYPE_CHECKING:
    from evenweave.ports.clock import Clock, Timer
    from evenweave.worker.batch import Batch
    from evenweave.worker.mover import Mover

AT_ONCE = 256
HOUSEKEEPING_S = 30.0


class Timers:
    """Moves instances whose deadline is over; the deadlines are in the store, and memory holds only the next one."""

    def __init__(self, mover: Mover, clock: Clock) -> None:
        self._mover = mover
        self._clock = clock
        self._wake = asyncio.Event()
        self._alarm: Timer | None = None
        self._next: float | None = None
        self._kept_at = 0.0
        self._log = structlog.get_logger("evenweave.timers")

    def set(self, due: float) -> None:
        """An instance has a deadline then."""
        if self._next is None or due < self._next:
            self._arm(due)

    async def run(self) -> None:
        """Serve until cancelled."""
        failures = 0
        while True:
            self._wake.clear()
            try:
                busy = await self._fire()
                await self._expire()
                failures = 0
            except (StoreRefused, StoreUnavailable) as error:
                failures += 1
                self._log.warning("deadlines wait for the store", error=str(error))
                self._arm(self._mover.now() + Backoff().delay_s(failures, 0.5))
                await self._wake.wait()
                continue
            if busy:
                continue
            following = await self._mover.store.next_due()
            at = self._kept_at + HOUSEKEEPING_S
            self._arm(at if following is None else min(at, following))
            await self._wake.wait()

    async def _fire(self) -> bool:
        due = await self._mover.store.due(self._mover.now(), AT_ONCE)
        if not due:
            return False

        async def work(batch: Batch) -> None:
            for id_ in due:
                working = await batch.open(id_)
                if working is None:
                    continue
                if working.instance.status == "running":
                    batch.apply(working, Continue())
                elif (working.instance.due or batch.now + 1) <= batch.now:
                    batch.apply(working, Deadline())

        await (await self._mover.move(work)).durable
        return True

    async def _expire(self) -> None:
        now = self._mover.now()
        if now < self._kept_at + HOUSEKEEPING_S:
            return
        self._kept_at = now
        store = self._mover.store
        while expired := await store.expired(now, AT_ONCE):

            async def work(batch: Batch, expired: object = expired) -> None:
                for definition, kept in expired:  # type: ignore[attr-defined]
                    batch.transaction.unkeep(definition, kept)
                    batch.dead_letter(kept.channel, kept.event, expiry_reason(kept))

            await (await self._mover.move(work)).durable
        await store.prune(now - self._mover.settings.dedupe_s, 10_000)

    def _arm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._next = at
        self._alarm = self._clock.call_later(max(0.0, at - self._mover.now()), self._ring)

    def _ring(self) -> None:
        self._next = None
        self._wake.set()
