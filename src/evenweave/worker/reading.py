"""Where the engine's events come from: the broker's log, over the network or in the same database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar, Protocol

import structlog

from evenweave.ports.broker import BrokerError, Refused, UnknownSubscription
from evenweave.ports.store import Position
from evenweave.worker.delay import Failures, pause

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from evenweave.ports.broker import Broker, Delivery, Mode, Subscription
    from evenweave.ports.clock import Clock
    from evenweave.ports.store import Store


class Reader(Protocol):
    """Hands out events in log order, each again until it is acknowledged in a durable transaction.

    Attributes:
        epoch: Grows when reading begins anew; what was read before and is not queued must be thrown away.
        mode: How its group takes events: positions are stored for one that reads, none for one that shares leases.
    """

    @property
    def mode(self) -> Mode:
        """See the class."""

    @property
    def epoch(self) -> int:
        """See the class."""

    def subscribed(self, subscription: Subscription) -> None:
        """The engine's own group was given channels, or is another one: read it from now on."""

    async def read(self, limit: int) -> Sequence[Delivery]:
        """The next events; may be none. They are of the epoch at the moment of return."""

    def reset(self) -> None:
        """Begin anew: a transaction failed, or definitions changed. What comes again was not queued, or is deduped."""

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """The transaction that took these is durable."""

    async def run(self) -> None:
        """Serve until cancelled."""


class Feed(Protocol):
    """What an embedded broker offers an engine on its own database."""

    @property
    def epoch(self) -> int:
        """Grows when the feed begins anew."""

    async def read(self, max: int = 256) -> list[Delivery]:  # noqa: A002
        """The next events."""

    def restart(self) -> None:
        """Begin anew behind what is acknowledged."""


class FeedReader:
    """Reads the log in the engine's own database: positions are acknowledged in the engine's transactions."""

    mode: ClassVar[Mode] = "read"

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    @property
    def epoch(self) -> int:
        """See `Reader`."""
        return self._feed.epoch

    def subscribed(self, subscription: Subscription) -> None:
        """Nothing is to do: the feed is of a group, whatever its channels."""

    async def read(self, limit: int) -> Sequence[Delivery]:
        """See `Reader`."""
        return await self._feed.read(limit)

    def reset(self) -> None:
        """See `Reader`; queued acknowledgements count."""
        self._feed.restart()

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Nothing is left to do."""

    async def run(self) -> None:
        """Nothing is left to do."""


class LogReader:
    """Reads the log of another process: a reader, not a lessee (PROTOCOL section 4).

    It begins after the positions in the engine's own store. What the engine committed is acknowledged so that the log
    can be trimmed; nothing is lost when an acknowledgement is.
    """

    mode: ClassVar[Mode] = "read"

    def __init__(self, store: Store, broker: Broker, clock: Clock, *, group: str, wait_s: float) -> None:
        self.epoch = 0
        self._store = store
        self._broker = broker
        self._clock = clock
        self._group = group
        self._wait_s = wait_s
        self._subscription = ""
        self._after: dict[str, tuple[str, int]] | None = None
        self._durable: dict[str, tuple[str, int]] = {}
        self._acknowledge = asyncio.Event()
        self._changed = asyncio.Event()
        self._log = structlog.get_logger("evenweave.reading")
        self._failures = Failures(clock, self._log)

    def subscribed(self, subscription: Subscription) -> None:
        """The group was given channels: read them from now on."""
        self._subscription = subscription.id
        self._changed.set()

    async def read(self, limit: int) -> Sequence[Delivery]:
        """See `Reader`."""
        self._changed.clear()
        while not self._subscription:
            await self._changed.wait()
            self._changed.clear()
        epoch = self.epoch
        if self._after is None:
            stored = await self._store.positions()
            if epoch != self.epoch:
                return ()
            self._after = {channel: (each.log, each.position) for channel, each in stored.items()}
        reading = asyncio.ensure_future(
            self._broker.read(self._subscription, dict(self._after), max=limit, wait_s=self._wait_s)
        )
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            # A new channel must not wait for the end of a long poll that does not know it.
            await asyncio.wait({reading, changed}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                return ()
            deliveries = reading.result()
        except UnknownSubscription:
            self._subscription = ""
            raise
        except BrokerError as error:
            await self._failures.wait("reading waits for the broker", error)
            return ()
        finally:
            changed.cancel()
            if not reading.done():
                reading.cancel()
        self._failures.end()
        if epoch != self.epoch or self._after is None:
            return ()
        for delivery in deliveries:
            self._after[delivery.channel] = (delivery.log, delivery.position)
        return deliveries

    def reset(self) -> None:
        """See `Reader`."""
        self.epoch += 1
        self._after = None
        self._changed.set()  # what comes again must not wait for the end of a long poll that looks behind it

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """See `Reader`."""
        for delivery in deliveries:
            self._durable[delivery.channel] = (delivery.log, delivery.position)
        self._acknowledge.set()

    async def run(self) -> None:
        """Acknowledge what became durable, in one call for all that gathered."""
        while True:
            await self._acknowledge.wait()
            self._acknowledge.clear()
            through, self._durable = self._durable, {}
            if not self._subscription:
                continue
            try:
                await self._broker.acknowledge(self._subscription, through)
            except Refused as error:
                # The group is gone, or is another one now: what was read of the old one is nothing to the new one.
                self._log.warning("an acknowledgement is refused", error=str(error))
            except BrokerError as error:
                self._durable = {**through, **self._durable}
                self._acknowledge.set()
                self._log.warning("acknowledging waits for the broker", error=str(error))
                await pause(self._clock, 1.0)


def last_positions(deliveries: Iterable[Delivery]) -> Mapping[str, Position]:
    """How far each channel is read once these are taken."""
    return {delivery.channel: Position(delivery.log, delivery.position) for delivery in deliveries}
