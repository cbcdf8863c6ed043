"""Takes events from the log, batch after batch: each batch is one transaction, and is acknowledged after it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import structlog

from evenweave.engine.causes import Command
from evenweave.engine.life import allows
from evenweave.errors import EvenweaveError
from evenweave.ports.broker import UnknownSubscription
from evenweave.ports.store import StoreRefused, StoreUnavailable
from evenweave.worker import identity
from evenweave.worker.reading import last_positions
from evenweave.worker.routing import route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from evenweave.ports.broker import Delivery
    from evenweave.worker.batch import Batch
    from evenweave.worker.mover import Mover
    from evenweave.worker.publishing import Publishing
    from evenweave.worker.reading import Reader

BACKLOG = 10_000
"""How many events may wait to be published before no more are taken: they are safe in the log."""


class _Stale(EvenweaveError):
    """Reading began anew while this batch was made."""


class Intake:
    """The path of an event into the engine; see the module."""

    def __init__(
        self,
        mover: Mover,
        reader: Reader,
        publishing: Publishing | None,
        *,
        gate: asyncio.Lock,
        resubscribe: Callable[[], Awaitable[None]],
    ) -> None:
        self._mover = mover
        self._reader = reader
        self._publishing = publishing
        self._gate = gate
        self._resubscribe = resubscribe
        self._size = mover.settings.batch
        self._queued: deque[asyncio.Future[None]] = deque()
        self._aside: dict[tuple[str, int], _Aside] = {}
        self._log = structlog.get_logger("evenweave.intake")

    async def run(self) -> None:
        """Serve until cancelled."""
        settings = self._mover.settings
        while True:
            while len(self._queued) >= settings.in_flight or (
                self._queued and self._publishing is not None and self._publishing.backlog > BACKLOG
            ):
                await asyncio.wait({self._queued[0]})
            try:
                epoch = self._reader.epoch
                deliveries = await self._reader.read(self._size)
                if deliveries:
                    await self.take(deliveries, epoch)
            except UnknownSubscription:
                await self._resubscribe()
            except _Stale:
                continue
            except (StoreRefused, StoreUnavailable) as error:
                await self._recover(error)

    async def take(self, deliveries: Sequence[Delivery], epoch: int) -> None:
        """Handle a batch of events in one transaction, and queue it.

        The gate is closed while a definition is registered: from the moment that the broker hands out events of its
        channels until the definition can take them.
        """
        holds_log = self._mover.store.holds_log

        async def work(batch: Batch) -> None:
            if self._reader.epoch != epoch:
                raise _Stale("reading began anew")
            for delivery in deliveries:
                event = delivery.event
                if not holds_log:
                    key = identity.dedupe_key(event["source"], event["id"], delivery.digest)
                    if not await batch.transaction.unseen(key):
                        continue
                aside = self._aside.get((delivery.log, delivery.position))
                if aside is None:
                    await route(batch, delivery.channel, event, delivery.digest)
                else:
                    await aside.apply(batch, delivery)
            for channel, position in last_positions(deliveries).items():
                batch.transaction.advance(channel, position)

        async with self._gate:
            moved = await self._mover.move(work)
        self._queued.append(moved.durable)
        moved.durable.add_done_callback(lambda done: self._done(done, deliveries, moved.instances))

    def _done(self, done: asyncio.Future[None], deliveries: Sequence[Delivery], instances: list[str]) -> None:
        self._queued.remove(done)
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            self._size = self._mover.settings.batch
            self._aside.clear()
            self._reader.acknowledge(deliveries)
            return
        self._log.error("a transaction failed, its events are taken again", error=str(error), events=len(deliveries))
        self._reader.reset()
        if isinstance(error, StoreRefused) and error.own:
            # Halve until the guilty event stands alone; then it goes aside, and whoever it would have moved stops.
            if len(deliveries) == 1:
                place = deliveries[0].log, deliveries[0].position
                again = place in self._aside
                self._aside[place] = _Aside(str(error), [] if again else instances)
            self._size = max(1, len(deliveries) // 2)

    async def _recover(self, error: Exception) -> None:
        self._log.error("taking events waits for the store", error=str(error))
        self._reader.reset()
        await asyncio.sleep(1.0)


class _Aside:
    """An event whose rows the store refuses."""

    def __init__(self, reason: str, instances: list[str]) -> None:
        self._reason = reason
        self._instances = instances

    async def apply(self, batch: Batch, delivery: Delivery) -> None:
        """Park it and suspend the instances that it would have moved, if their rows can be written at all."""
        for id_ in self._instances:
            working = await batch.open(id_)
            if working is not None and allows(working.instance.status, "suspend"):
                batch.apply(working, Command("suspend", self._reason, "internal"))
        batch.transaction.park(
            self._instances[0] if self._instances else "", delivery.channel, delivery.event, self._reason, batch.now
        )
