"""The Retry module: outbox rows are published until the broker has them durably, then deleted (PROTOCOL section 2)."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from evenweave.engine.causes import Command
from evenweave.engine.life import allows
from evenweave.ports.broker import Refused, Unavailable
from evenweave.ports.store import StoreRefused, StoreUnavailable
from evenweave.worker.delay import Failures, after_failures, pause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.ports.broker import Broker
    from evenweave.ports.clock import Clock
    from evenweave.ports.store import Outgoing
    from evenweave.worker.batch import Batch
    from evenweave.worker.mover import Mover

AT_ONCE = 200
ADOPT_S = 2.0


class Publishing:
    """Publishes in order, in batches, and again with a backoff while the broker is away."""

    def __init__(self, mover: Mover, broker: Broker, clock: Clock) -> None:
        self._mover = mover
        self._broker = broker
        self._clock = clock
        self._waiting: deque[Outgoing] = deque()
        self._meanwhile: list[Outgoing] = []
        self._sent: list[int] = []
        self._given_up: set[int] = set()
        self._wake = asyncio.Event()
        self._shrunk = asyncio.Event()
        self._loaded = False
        self._log = structlog.get_logger("evenweave.publishing")

    @property
    def backlog(self) -> int:
        """How many events wait."""
        return len(self._waiting)

    async def below(self, limit: int) -> None:
        """Return once no more than so many events wait."""
        while len(self._waiting) > limit:
            self._shrunk.clear()
            await self._shrunk.wait()

    def add(self, outgoing: Sequence[Outgoing]) -> None:
        """Outbox rows became durable."""
        if self._loaded:
            self._waiting.extend(outgoing)
            self._wake.set()
        else:  # behind what is in the store from before; what is read there may have been read before they were
            self._meanwhile.extend(outgoing)

    async def adopt(self) -> None:
        """Publish what workers left that are gone, until cancelled."""
        failures = 0
        while True:
            await pause(self._clock, ADOPT_S if not failures else after_failures(failures))
            try:
                if failures:
                    # They may be this worker's already, and only the answer was lost.
                    await self._find()
                while rows := await self._mover.store.adopt(AT_ONCE):
                    self._log.warning("events of a worker that is gone are published", events=len(rows))
                    self._waiting.extend(rows)
                    self._wake.set()
                failures = 0
            except StoreUnavailable as error:
                failures += 1
                self._log.warning("adopting waits for the store", error=str(error))

    async def run(self) -> None:
        """Serve until cancelled; begins with what an earlier run left."""
        self._loaded = False
        failures = Failures(self._clock, self._log)
        while True:
            self._wake.clear()
            while self._waiting or self._sent or not self._loaded:
                try:
                    if not self._loaded:
                        await self._load()
                    await self._publish(list(islice(self._waiting, AT_ONCE)))
                except (Unavailable, StoreUnavailable, StoreRefused) as error:
                    self._mover.figures.retries += 1
                    await failures.wait("publishing waits", error, waiting=self.backlog)
                else:
                    failures.end()
            await self._wake.wait()

    async def _load(self) -> None:
        self._waiting.clear()
        await self._find()
        found = {item.sequence for item in self._waiting}
        self._waiting.extend(item for item in self._meanwhile if item.sequence not in found)
        self._meanwhile.clear()
        self._loaded = True

    async def _find(self) -> None:
        """Take up what is in the store, and not known here."""
        last = 0
        while rows := await self._mover.store.outbox(last, 1000):
            known = {item.sequence for item in self._waiting}
            self._waiting.extend(row for row in rows if row.sequence not in known)
            last = rows[-1].sequence
        self._wake.set()

    async def _publish(self, batch: Sequence[Outgoing]) -> None:
        going = [item for item in batch if item.sequence not in self._given_up]
        try:
            if going:
                await self._broker.publish([(item.channel, item.event) for item in going])
        except Refused:
            # One of them will never be taken: find out which, the others go.
            for item in going:
                try:
                    await self._broker.publish([(item.channel, item.event)])
                except Refused as error:
                    await self._park(item, str(error))
        for _ in batch:
            self._waiting.popleft()
        self._shrunk.set()
        sent, self._sent = [*self._sent, *(item.sequence for item in going if item.sequence not in self._given_up)], []
        self._given_up.clear()
        await self._delete(sent, wait=not batch)

    async def _delete(self, sent: Sequence[int], *, wait: bool) -> None:
        """Delete rows; where that fails they are deleted with the next ones, for the broker has them."""
        if not sent:
            return

        async def work(made: Batch) -> None:
            for sequence in sent:
                made.transaction.sent(sequence)

        def settle(done: asyncio.Future[None]) -> None:
            if done.cancelled() or done.exception() is None:
                return
            self._sent.extend(sent)
            self._wake.set()

        try:
            moved = await self._mover.move(work)
        except (StoreRefused, StoreUnavailable):
            self._sent.extend(sent)
            raise
        moved.durable.add_done_callback(settle)
        if wait:
            await moved.durable

    async def _park(self, item: Outgoing, reason: str) -> None:
        """Put an event aside that the broker will never take, and fault its instance with the reason."""
        self._log.error(
            "an event is refused",
            instance=item.instance,
            channel=item.channel,
            event_id=item.event.get("id"),
            reason=reason,
        )
        try:
            await self._park_one(item, reason, fault=True)
        except StoreRefused as error:
            if not error.own:
                raise
            await self._park_one(item, reason, fault=False)
        self._given_up.add(item.sequence)

    async def _park_one(self, item: Outgoing, reason: str, *, fault: bool) -> None:
        async def work(made: Batch) -> None:
            made.transaction.sent(item.sequence)
            made.park(item.instance, item.channel, item.event, reason)
            made.tally.refused += 1
            working = await made.open(item.instance) if fault and item.instance else None
            if working is not None and not working.stranded and allows(working.instance.status, "fault"):
                await made.give(working, Command("fault", f"{item.channel}: {reason}", "publish"))

        await (await self._mover.move(work)).durable
