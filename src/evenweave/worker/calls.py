"""Calls to functions: performed once their burst is durable, consumed as causes (PROTOCOL section 2).

A pending call is a row that names the session of the worker that performs it. The commit that consumes the result
deletes the row; where there is no row, the result is dropped. A session is the store's, and so is its lease; rows of a
session that is over are taken over and performed again, under the same idempotency key.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from evenweave.engine import calling
from evenweave.engine.codec import UnreadableState
from evenweave.ports.store import PendingCall, StoreRefused, StoreUnavailable
from evenweave.worker.delay import Failures
from evenweave.worker.halving import halve
from evenweave.worker.performing import unknown_outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evenweave.engine import Called
    from evenweave.engine.calling import Invocation
    from evenweave.ports.clock import Clock, Timer
    from evenweave.worker.batch import Batch
    from evenweave.worker.blocking import Block
    from evenweave.worker.mover import Mover
    from evenweave.worker.performing import Performer

    Key = tuple[str, int]

AT_ONCE = 256
LOOK_S = 5.0
"""How often a worker looks for the calls of workers that are gone, where several share a store."""


class Calls:
    """Performs calls, a bounded number at a time, and gives what comes of them to the instances.

    Args:
        mover: What makes the transactions.
        clock: The time.
        performer: What calls.
    """

    def __init__(self, mover: Mover, clock: Clock, performer: Performer) -> None:
        self._mover = mover
        self._clock = clock
        self._performer = performer
        self._waiting: dict[Key, Invocation] = {}
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._outcomes: dict[Key, tuple[Called, bool]] = {}
        self._wake = asyncio.Event()
        self._look_due = True
        self._alarm: Timer | None = None
        self._log = structlog.get_logger("evenweave.calls")

    def add(self, asked: Iterable[tuple[Key, Invocation]]) -> None:
        """Perform calls whose rows are durable."""
        self._waiting.update(asked)
        self._fill()

    def withdraw(self, keys: Iterable[Key]) -> None:
        """Nobody waits for these any more, and their rows are gone."""
        for key in keys:
            self._waiting.pop(key, None)
            self._outcomes.pop(key, None)
            task = self._running.get(key)
            if task is not None:
                task.cancel()

    async def run(self) -> None:
        """Serve until cancelled."""
        failures = Failures(self._clock, self._log)
        while True:
            self._wake.clear()
            try:
                if self._look_due:
                    await self._look()
                while self._outcomes:
                    await self._consume(list(self._outcomes)[:AT_ONCE])
                failures.end()
            except (StoreRefused, StoreUnavailable) as error:
                await failures.wait("calls wait for the store", error)
                continue
            await self._wake.wait()

    async def stop(self) -> None:
        """End the calls that run; whoever serves the store next makes them again."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._waiting.clear()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What others left.

    async def _look(self) -> None:
        """Take the calls of workers that are gone; look again in a while where others share the store."""
        while found := await self._mover.store.take_over_calls(AT_ONCE):
            self._take_over(found)
        self._look_due = False
        if self._mover.store.is_shared:
            self._alarm = self._clock.call_later(LOOK_S, self._ring)

    def _ring(self) -> None:
        self._look_due = True
        self._wake.set()

    def _take_over(self, found: Sequence[PendingCall]) -> None:
        for each in found:
            key = each.instance, each.activation
            invocation = calling.decode(each.call)
            if key in self._waiting or key in self._running or key in self._outcomes:
                continue
            if invocation.repeat:
                self._waiting[key] = invocation
            else:
                self._outcomes[key] = unknown_outcome(each.activation, invocation), invocation.waits
        self._log.info("calls are made again: nobody knows whether they were made", count=len(found))
        self._fill()

    # Performing.

    def _fill(self) -> None:
        bound = self._mover.settings.calls
        while self._waiting and len(self._running) < bound:
            key = next(iter(self._waiting))
            invocation = self._waiting.pop(key)
            self._running[key] = asyncio.get_running_loop().create_task(self._perform(key, invocation))

    async def _perform(self, key: Key, invocation: Invocation) -> None:
        try:
            outcome = await self._performer.perform(key[1], invocation)
            if outcome.error and not invocation.waits:
                named = {"instance": key[0], "function": invocation.function}
                self._log.warning("a call failed that nobody waits for", error=outcome.title, **named)
            self._outcomes[key] = outcome, invocation.waits
            self._wake.set()
        finally:
            del self._running[key]
            self._fill()

    # Results.

    async def _consume(self, keys: Sequence[Key]) -> None:
        # The row of one that cannot be written stays, and the call is made again at the next start.
        await halve(keys, self._consume_in_one, accuse=self._accuse, give_up=self._drop)

    def _accuse(self, key: Key, error: StoreRefused) -> None:
        self._log.error("the result of a call cannot be written", instance=key[0], error=str(error))

    def _drop(self, key: Key) -> None:
        self._outcomes.pop(key, None)

    async def _consume_in_one(self, keys: Sequence[Key], block: Block | None) -> None:
        async def work(batch: Batch) -> None:
            for key in keys:
                if key in self._outcomes:
                    await self._give(batch, key, *self._outcomes[key])

        moved = await self._mover.move(work, blocked={} if block is None else {keys[0][0]: block})
        await moved.durable
        for key in keys:
            self._outcomes.pop(key, None)

    async def _give(self, batch: Batch, key: Key, outcome: Called, waits: bool) -> None:
        instance, activation = key
        if not await batch.transaction.is_pending(instance, activation):
            batch.tally.results_dropped += 1
            return
        if waits:
            try:
                working = await batch.open(instance)
            except UnreadableState as error:
                self._log.error("an instance cannot be read", instance=instance, error=str(error))
                return
            if working is not None and working.stranded:
                return  # its row stays for a version that can run it
            if working is None or not await batch.give(working, outcome):
                batch.tally.results_dropped += 1
        batch.transaction.end_call(instance, activation)
        batch.tally.calls += 1
