"""The Retry module: outbox rows are published until the broker has them durably, then deleted (PROTOCOL section 2)."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import TYPE_CHECKING

import structlog

from evenweave.engine.causes import Command
from evenweave.ports.broker import Refused, Unavailable
from evenweave.ports.store import StoreRefused, StoreUnavailable
from evenweave.runtime.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.ports.broker import Broker
    from evenweave.ports.clock import Clock
    from evenweave.ports.store import Outgoing
    from evenweave.worker.batch import Batch
    from evenweave.worker.mover import Mover

AT_ONCE = 200
BACKOFF = Backoff(first_s=0.1, cap_s=5.0)


class Publishing:
    """Publishes in order, in batches, and again with a backoff while the broker is away."""

    def __init__(self, mover: Mover, broker: Broker, clock: Clock) -> None:
        self._mover = mover
        self._broker = broker
        self._clock = clock
        self._waiting: deque[Outgoing] = deque()
        self._wake = asyncio.Event()
        self._last = 0
        self._log = structlog.get_logger("evenweave.publishing")

    @property
    def backlog(self) -> int:
        """How many events wait."""
        return len(self._waiting)

    def add(self, outgoing: Sequence[Outgoing]) -> None:
        """Outbox rows became durable."""
        self._waiting.extend(item for item in outgoing if item.sequence > self._last)
        self._wake.set()

    async def run(self) -> None:
        """Serve until cancelled; begins with what an earlier run left."""
        await self._load()
        failures = 0
        while True:
            while self._waiting:
                batch = [self._waiting[index] for index in range(min(AT_ONCE, len(self._waiting)))]
                try:
                    await self._publish(batch)
                except (Unavailable, StoreUnavailable, StoreRefused) as error:
                    failures += 1
                    delay_s = BACKOFF.delay_s(failures, random.random())  # noqa: S311 - jitter
                    self._log.warning(
                        "publishing waits", error=str(error), waiting=self.backlog, delay_s=round(delay_s, 2)
                    )
                    await self._pause(delay_s)
                else:
                    failures = 0
                    for _ in batch:
                        self._waiting.popleft()
            self._wake.clear()
            await self._wake.wait()

    async def _load(self) -> None:
        while rows := await self._mover.store.outbox(self._last, 1000):
            self._waiting.extend(rows)
            self._last = rows[-1].sequence

    async def _publish(self, batch: Sequence[Outgoing]) -> None:
        refused: list[tuple[Outgoing, str]] = []
        try:
            await self._broker.publish([(item.channel, item.event) for item in batch])
        except Refused:
            # One of them will never be taken: find out which, the others go.
            for item in batch:
                try:
                    await self._broker.publish([(item.channel, item.event)])
                except Refused as error:
                    refused.append((item, str(error)))

        async def work(made: Batch) -> None:
            for item in batch:
                made.transaction.sent(item.sequence)
            for item, reason in refused:
                made.transaction.park(item.instance, item.channel, item.event, reason, made.now)
                working = await made.open(item.instance) if item.instance else None
                if working is not None and working.instance.status in {"waiting", "running"}:
                    made.apply(working, Command("fault", f"{item.channel}: {reason}", "publish"))

        moved = await self._mover.move(work)
        if refused:
            await moved.durable

    async def _pause(self, delay_s: float) -> None:
        over = asyncio.Event()
        self._clock.call_later(delay_s, over.set)
        await over.wait()
