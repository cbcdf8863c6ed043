"""Takes events from the log, batch after batch: each batch is one transaction, and is acknowledged after it."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import TYPE_CHECKING

import structlog

from evenweave.errors import EvenweaveError
from evenweave.ports.broker import Unavailable, UnknownSubscription
from evenweave.ports.store import StoreConflict, StoreRefused, StoreUnavailable
from evenweave.runtime.deadletters import replay_name
from evenweave.worker import identity
from evenweave.worker.blocking import Block, Poisoned
from evenweave.worker.delay import after_failures, pause
from evenweave.worker.reading import last_positions
from evenweave.worker.routing import foresee, route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from evenweave.ports.broker import Delivery
    from evenweave.ports.clock import Clock
    from evenweave.worker.batch import Batch
    from evenweave.worker.mover import Mover
    from evenweave.worker.publishing import Publishing
    from evenweave.worker.reading import Reader
    from evenweave.worker.suspicion import Suspicion

BACKLOG = 10_000
"""How many events may wait to be published before no more are taken: they are safe in the log."""

SUSPECTS = 16
"""How many instances are tried one by one where the store refuses what an event does; with more, none gets it."""

Place = tuple[str, int]


class _Stale(EvenweaveError):
    """Reading began anew while this batch was made."""


class _Unroutable(EvenweaveError):
    """An event made routing fail."""

    def __init__(self, delivery: Delivery, reason: str) -> None:
        super().__init__(reason)
        self.delivery = delivery
        self.place = delivery.log, delivery.position


class Intake:
    """The path of an event into the engine; see the module."""

    def __init__(
        self,
        mover: Mover,
        reader: Reader,
        publishing: Publishing | None,
        suspicion: Suspicion,
        *,
        clock: Clock,
        resubscribe: Callable[[], Awaitable[None]],
    ) -> None:
        self._mover = mover
        self._reader = reader
        self._publishing = publishing
        self._suspicion = suspicion
        self._clock = clock
        self._resubscribe = resubscribe
        self._batch = min(mover.settings.batch, mover.store.batch)
        self._size = self._batch
        self._failures = 0
        self._conflicts = 0
        self._queued: deque[asyncio.Future[None]] = deque()
        self._unroutable: dict[Place, str] = {}
        self._refusals: dict[Place, _Refusal] = {}
        self._log = structlog.get_logger("evenweave.intake")

    async def run(self) -> None:
        """Serve until cancelled."""
        self._reader.reset()
        while True:
            await self._wait_for_room()
            try:
                size = self._size
                deliveries = await self._reader.read(size)
                # The epoch that they were read in: reading may have begun anew while it waited.
                epoch = self._reader.epoch
                if self._suspicion.active:
                    await self._take_suspects(deliveries, epoch, more=len(deliveries) >= size)
                elif deliveries:
                    await self.take(deliveries, epoch)
                    # The writer gets what is queued, and commits it while the next ones are taken.
                    await asyncio.sleep(0)
            except UnknownSubscription:
                await self._resubscribe()
            except _Stale:
                continue
            except StoreConflict:
                self._conflicts += 1
                self._reader.reset()
            except (StoreRefused, StoreUnavailable, Unavailable) as error:
                self._failures += 1
                self._reader.reset()
                self._log.error("taking events waits for the store", error=str(error))

    async def take(self, deliveries: Sequence[Delivery], epoch: int) -> None:
        """Handle a batch of events in one transaction, and queue it.

        Events of a channel that no definition here needs are left in the log, and not acknowledged: whoever registers
        the definition will find them (after the engine lost its folder, or while the broker is told to stop).
        """
        taken: list[Delivery] = []
        began = self._clock.monotonic()

        async def work(batch: Batch) -> None:
            if self._reader.epoch != epoch:
                raise _Stale("reading began anew")
            taken[:] = [delivery for delivery in deliveries if batch.definitions.on(delivery.channel)]
            if self._mover.store.is_shared:
                await batch.transaction.expect(foresee(batch, taken))
            for delivery in taken:
                await self._handle(batch, delivery)
            for channel, position in last_positions(taken).items() if self._reader.mode == "read" else ():
                batch.transaction.advance(channel, position)

        while True:
            try:
                moved = await self._mover.move(work, blocked=self._blocked(deliveries), again=False)
            except _Unroutable as error:
                self._unroutable[error.place] = error.message
                self._mover.figures.poisoned += 1
                self._log.error(
                    "an event is parked",
                    channel=error.delivery.channel,
                    event_id=error.delivery.event["id"],
                    position=error.delivery.position,
                    reason=error.message,
                )
            else:
                break
        self._queued.append(moved.durable)
        moved.durable.add_done_callback(lambda done: self._done(done, taken, moved.instances, began))

    async def _take_suspects(self, deliveries: Sequence[Delivery], epoch: int, *, more: bool) -> None:
        """Handle what may have been in hand when the last process died, so that what kills again is found."""
        async for share in self._suspicion.shares(deliveries):
            if share.reason:
                (event,) = share.events
                self._unroutable[event.log, event.position] = share.reason
            if share.alone:
                await self._rest()
            await self.take(share.events, epoch)
            if share.alone:
                await self._rest()
        if deliveries and not more:  # nothing at all may as well be a broker that is away
            await self._rest()
            await self._suspicion.end()

    async def _rest(self) -> None:
        """Return once everything that is queued is durable, or has failed."""
        while self._queued:
            await asyncio.wait({self._queued[0]})

    async def _handle(self, batch: Batch, delivery: Delivery) -> None:
        event = delivery.event
        if not self._mover.store.holds_log:
            # A replay is meant to come again (PROTOCOL section 3): each is an event of its own here.
            key = identity.dedupe_key(event["source"], replay_name(event))
            seen = await batch.transaction.see(key, delivery.digest)
            if seen == "again":
                batch.tally.take(delivery.channel, "duplicate")
                return
            if seen == "changed":
                self._log.warning(
                    "an id was used again for another event",
                    channel=delivery.channel,
                    source=event["source"],
                    event_id=event["id"],
                    taken=True,
                )
        place = delivery.log, delivery.position
        reason = self._unroutable.get(place) if self._unroutable else None
        refusal = self._refusals.get(place) if self._refusals else None
        if refusal is not None and refusal.hopeless:
            reason = refusal.reason
        if reason is not None:
            batch.park("", delivery.channel, event, reason)
            batch.tally.take(delivery.channel, "parked")
            return
        try:
            outcome = await route(batch, delivery.channel, event, delivery.digest)
        except (Poisoned, StoreUnavailable, StoreRefused):
            raise  # neither is the event's fault; what was looked up may have changed between two looks
        except Exception as error:
            raise _Unroutable(delivery, f"{type(error).__name__}: {error}") from error
        batch.tally.take(delivery.channel, outcome)

    async def _let_others(self) -> None:
        """Another worker was faster: wait a moment, longer each time, before the events are taken again."""
        await asyncio.sleep(random.uniform(0.2, 1.0) * min(0.001 * 2**self._conflicts, 0.2))  # noqa: S311 - jitter

    async def _wait_for_room(self) -> None:
        if self._conflicts:
            await self._let_others()
        if self._failures:
            await pause(self._clock, after_failures(self._failures))
        while len(self._queued) >= self._mover.settings.in_flight:
            await asyncio.wait({self._queued[0]})
        if self._publishing is not None:
            await self._publishing.below(BACKLOG)

    def _blocked(self, deliveries: Sequence[Delivery]) -> Mapping[str, Block]:
        if not self._refusals:
            return {}
        found = (self._refusals.get((each.log, each.position)) for each in deliveries)
        return {name: block for refusal in found if refusal is not None for name, block in refusal.blocked().items()}

    def _done(
        self, done: asyncio.Future[None], deliveries: Sequence[Delivery], instances: list[str], began: float
    ) -> None:
        self._queued.remove(done)
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            self._failures = self._conflicts = 0
            self._size = self._batch
            if self._unroutable or self._refusals:
                for each in deliveries:
                    self._unroutable.pop((each.log, each.position), None)
                    self._refusals.pop((each.log, each.position), None)
            self._reader.acknowledge(deliveries)
            self._mover.figures.settle(deliveries, self._clock.monotonic() - began, self._mover.now())
            return
        self._reader.reset()
        if isinstance(error, StoreConflict):
            self._conflicts += 1
            self._mover.figures.conflicts += 1
            return
        if not isinstance(error, StoreRefused):
            self._failures += 1
        elif error.own and deliveries:
            self._isolate(deliveries, str(error), instances)
        # Last, for it may fail as well: the log may lie on the disk that is full.
        self._log.error("a transaction failed, its events are taken again", error=str(error), events=len(deliveries))

    def _isolate(self, deliveries: Sequence[Delivery], reason: str, instances: list[str]) -> None:
        """Halve until the guilty event stands alone; then find whose row it is that cannot be written."""
        self._size = max(1, len(deliveries) // 2)
        if len(deliveries) > 1:
            return
        place = deliveries[0].log, deliveries[0].position
        refusal = self._refusals.get(place)
        if refusal is None:
            self._refusals[place] = _Refusal(reason, instances)
        elif refusal.hopeless:
            self._failures += 1
        else:
            refusal.try_next()


class _Refusal:
    """An event whose rows the store refuses, alone as it is, and what is tried to find out because of whom.

    Each instance that it moved is kept from moving in turn: suspended with the reason if that much can be written, else
    left as it is. The others get the event. Where that does not help, the event is parked for all.
    """

    def __init__(self, reason: str, instances: list[str]) -> None:
        self.reason = reason
        self._tries = [{name: Block(reason, suspend)} for name in instances for suspend in (True, False)]
        if len(instances) > SUSPECTS:
            self._tries.clear()
        self._next = 0

    @property
    def hopeless(self) -> bool:
        """Nothing is left to try."""
        return self._next >= len(self._tries)

    def try_next(self) -> None:
        """The last try failed."""
        self._next += 1

    def blocked(self) -> dict[str, Block]:
        """Who must not move."""
        return {} if self.hopeless else self._tries[self._next]
