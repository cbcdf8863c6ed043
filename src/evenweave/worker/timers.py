"""Deadlines, and what has a time of keeping."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from evenweave.engine import Continue, Deadline
from evenweave.engine.codec import UnreadableState
from evenweave.ports.store import Expected, StoreRefused, StoreUnavailable
from evenweave.worker.batch import expiry_reason
from evenweave.worker.delay import after_failures
from evenweave.worker.halving import halve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.ports.clock import Clock, Timer
    from evenweave.ports.store import Kept
    from evenweave.worker.batch import Batch
    from evenweave.worker.blocking import Block
    from evenweave.worker.mover import Mover

AT_ONCE = 256
HOUSEKEEPING_S = 30.0
OTHERS_S = 1.0
PRUNED = 2_000


class Timers:
    """Moves instances whose deadline is over; the deadlines are in the store, and memory holds only the next one."""

    def __init__(self, mover: Mover, clock: Clock) -> None:
        self._mover = mover
        self._clock = clock
        self._wake = asyncio.Event()
        self._alarm: Timer | None = None
        self._next: float | None = None
        self._kept_at = 0.0
        # Overdue, and cannot be moved: without its plan, unreadable, or refused by the store. Tried again now and then.
        self._stuck: set[str] = set()
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
                # One moment for both: what falls due between them is behind it, and found by the second.
                now = self._mover.now()
                busy = await self._fire(now)
                await self._keep_house()
                following = None if busy else await self._mover.store.next_due(now)
                failures = 0
            except (StoreRefused, StoreUnavailable) as error:
                failures += 1
                self._log.warning("deadlines wait for the store", error=str(error))
                self._arm(self._mover.now() + after_failures(failures))
                await self._wake.wait()
                continue
            if busy:
                continue
            at = self._kept_at + HOUSEKEEPING_S
            if self._mover.store.is_shared:
                # A worker that set an earlier one may be gone before it is over.
                at = min(at, self._mover.now() + OTHERS_S)
            self._arm(at if following is None else min(at, following))
            await self._wake.wait()

    async def _fire(self, now: float) -> bool:
        """Move what is due; whether there may be more."""
        found = await self._mover.store.due(now, AT_ONCE + len(self._stuck))
        due = [id_ for id_ in found if id_ not in self._stuck][:AT_ONCE]
        if due:
            await self._move(due)
        return bool(due)

    async def _move(self, due: Sequence[str]) -> None:
        await halve(due, self._move_in_one, accuse=self._accuse, give_up=self._stuck.add)

    def _accuse(self, instance: str, error: StoreRefused) -> None:
        self._log.error("a deadline cannot be written", instance=instance, error=str(error))
        self._stuck.add(instance)

    async def _move_in_one(self, due: Sequence[str], block: Block | None) -> None:
        async def work(batch: Batch) -> None:
            await batch.transaction.expect(Expected(instances=due))
            for id_ in due:
                try:
                    working = await batch.open(id_)
                except UnreadableState as error:
                    self._log.error("an instance cannot be read", instance=id_, error=str(error))
                    self._stuck.add(id_)
                    continue
                if working is None or working.stranded:
                    self._stuck.add(id_)
                    continue
                at = working.instance.due
                if working.instance.status == "running":
                    await batch.give(working, Continue())
                elif at is not None and at <= batch.now:
                    if await batch.give(working, Deadline()):
                        batch.tally.lates_s.append(batch.now - at)
                    else:
                        self._stuck.add(id_)

        moved = await self._mover.move(work, blocked={} if block is None else {due[0]: block})
        await moved.durable

    async def _keep_house(self) -> None:
        now = self._mover.now()
        if 0 <= now - self._kept_at < HOUSEKEEPING_S:
            return
        self._kept_at = now
        self._stuck.clear()
        store = self._mover.store
        while expired := await store.expired(now, AT_ONCE):
            await self._give_up(expired)
        while await store.prune(now - self._mover.settings.dedupe_s, PRUNED):
            pass

    async def _give_up(self, expired: Sequence[tuple[str, Kept]]) -> None:
        async def work(batch: Batch) -> None:
            for definition, kept in expired:
                # A batch that is on its way may have given it to somebody.
                if await batch.transaction.is_kept(definition, kept):
                    batch.transaction.unkeep(definition, kept)
                    batch.dead_letter(kept.channel, kept.event, expiry_reason(kept))

        await (await self._mover.move(work)).durable

    def _arm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._next = at
        self._alarm = self._clock.call_later(max(0.0, at - self._mover.now()), self._ring)

    def _ring(self) -> None:
        self._next = None
        self._wake.set()
