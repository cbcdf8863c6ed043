"""Takes events by the Runtime's leases, beside other workers of the same store (PROTOCOL section 4)."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

import structlog

from evenweave.ports.broker import BrokerError, Refused, UnknownSubscription
from evenweave.worker.delay import Failures, pause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.ports.broker import Broker, Delivery, Mode, Subscription
    from evenweave.ports.clock import Clock
    from evenweave.ports.store import Store

LEASE_S = 15.0
HELD_S = 10.0
"""How long after it was leased an event may still be begun: the rest of the lease is for its transaction."""


class LeaseReader:
    """See `evenweave.worker.reading.Reader`.

    What was leased stays in hand until its transaction is durable. When reading begins anew it comes again from memory,
    without another lease; what is in hand for too long comes again by the Runtime, to this worker or another. Dedupe
    keys tell who was first, so no position is stored. An attempt is spent only by a worker that dies or hangs: while
    the store is away, nothing is leased.
    """

    mode: ClassVar[Mode] = "share"

    def __init__(self, store: Store, broker: Broker, clock: Clock, *, wait_s: float) -> None:
        self.epoch = 0
        self._store = store
        self._broker = broker
        self._clock = clock
        self._wait_s = wait_s
        self._subscription = ""
        self._subscribed = asyncio.Event()
        self._in_hand: dict[str, tuple[Delivery, float]] = {}
        self._again: deque[str] = deque()
        self._done: list[str] = []
        self._settle = asyncio.Event()
        self._anew = asyncio.Event()
        self._poll: asyncio.Future[list[Delivery]] | None = None
        self._doubtful = False
        self._log = structlog.get_logger("evenweave.leasing")
        self._failures = Failures(clock, self._log)

    def subscribed(self, subscription: Subscription) -> None:
        """The group was given channels: take their events from now on."""
        self._subscription = subscription.id
        self._subscribed.set()

    async def read(self, limit: int) -> Sequence[Delivery]:
        """See `Reader`."""
        self._anew.clear()
        if found := self._take_again(limit):
            return found
        if not self._subscription:
            self._subscribed.clear()
            await self._subscribed.wait()
        if self._doubtful:
            await self._store.version()
        epoch = self.epoch
        poll = self._poll
        if poll is None:
            # It goes on over several reads: what it leases must not be thrown away half way.
            asking = self._broker.deliveries(self._subscription, max=limit, wait_s=self._wait_s, lease_s=LEASE_S)
            poll = self._poll = asyncio.ensure_future(asking)
        anew = asyncio.ensure_future(self._anew.wait())
        try:
            either: set[asyncio.Future[Any]] = {poll, anew}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            poll.cancel()
            raise
        finally:
            anew.cancel()
        if not poll.done():
            return ()  # what is in hand comes first
        self._poll = None
        try:
            deliveries = poll.result()
        except UnknownSubscription:
            self._subscription = ""
            raise
        except BrokerError as error:
            await self._failures.wait("taking events waits for the broker", error)
            return ()
        self._failures.end()
        until = self._clock.monotonic() + HELD_S
        for delivery in deliveries:
            self._in_hand[delivery.lease] = (delivery, until)
        if epoch != self.epoch:
            self._again.extend(delivery.lease for delivery in deliveries)
            return ()
        return deliveries

    def reset(self) -> None:
        """See `Reader`."""
        self.epoch += 1
        self._doubtful = True
        self._again = deque(self._in_hand)
        self._anew.set()

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """See `Reader`."""
        self._doubtful = False
        for delivery in deliveries:
            self._in_hand.pop(delivery.lease, None)
            self._done.append(delivery.lease)
        self._settle.set()

    async def run(self) -> None:
        """Settle what became durable, in one call for all that gathered."""
        while True:
            await self._settle.wait()
            self._settle.clear()
            done, self._done = self._done, []
            if not done or not self._subscription:
                continue
            try:
                await self._broker.settle(self._subscription, ack=done)
            except Refused as error:
                # The group is gone, or is another one now: what comes again is known by its dedupe key.
                self._log.warning("an acknowledgement is refused", error=str(error))
            except BrokerError as error:
                self._done = done + self._done
                self._settle.set()
                self._log.warning("acknowledging waits for the broker", error=str(error))
                await pause(self._clock, 1.0)

    def _take_again(self, limit: int) -> list[Delivery]:
        found: list[Delivery] = []
        now = self._clock.monotonic()
        while self._again and len(found) < limit:
            lease = self._again.popleft()
            held = self._in_hand.get(lease)
            if held is None:
                continue
            if held[1] < now:
                del self._in_hand[lease]  # by the time of its transaction it would be another worker's
                continue
            found.append(held[0])
        return found
