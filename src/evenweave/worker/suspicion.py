"""Finds the event that kills every process that handles it (PROTOCOL section 2, "One bad instance").

Nothing is counted on the good path. After an unclean stop the events that may have been in hand are counted, each in a
commit before it is stepped: one that was in hand at more than three deaths runs alone, so that no other is suspected
with it any longer, and at more than five it is parked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import structlog

from evenweave.ports.store import StoreRefused, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from evenweave.ports.broker import Delivery
    from evenweave.worker.batch import Batch
    from evenweave.worker.mover import Mover

ALONE_ABOVE = 3
PARKED_ABOVE = 5

Place = tuple[str, int]


class Share(NamedTuple):
    """Events to handle together, or one ``alone``, while nothing else is in hand; ``reason``: why it must be parked."""

    events: Sequence[Delivery]
    alone: bool = False
    reason: str = ""


class Suspicion:
    """Counts, after an unclean stop, until what may have been in hand then is handled.

    Attributes:
        active: Whether the events that are read now have to be taken by their `shares`.
    """

    def __init__(self, mover: Mover) -> None:
        self.active = False
        self._mover = mover
        self._counts: dict[Place, int] = {}
        self._counted: set[Place] = set()
        self._log = structlog.get_logger("evenweave.intake")

    def begin(self, left: Mapping[Place, int] | None) -> None:
        """Begin with what the last process left; None where it did not die."""
        self.active = left is not None
        self._counts = dict(left or {})
        if self.active:
            self._log.warning("the last process on this store died", suspected=len(self._counts))

    async def shares(self, deliveries: Sequence[Delivery]) -> AsyncIterator[Share]:
        """The events in their order, in shares: each is counted durably before it is yielded.

        Raises:
            evenweave.ports.store.StoreRefused: It cannot be counted; nothing of the share was yielded.
            evenweave.ports.store.StoreUnavailable: The same.
        """
        together: list[Delivery] = []
        for delivery in deliveries:
            if self._next(delivery) <= ALONE_ABOVE:
                together.append(delivery)
                continue
            if together:
                await self._count(together)
                yield Share(together)
                together = []
            await self._count([delivery])
            times = self._counts[delivery.log, delivery.position]
            reason = ""
            if times > PARKED_ABOVE:
                reason = f"the process that handled it died, {times - 1} times"
            yield Share([delivery], alone=True, reason=reason)
        if together:
            await self._count(together)
            yield Share(together)

    async def end(self) -> None:
        """Everything that may have been in hand has been handled: count no more."""
        self.active = False
        if not self._counts:
            return

        async def forget(batch: Batch) -> None:
            batch.transaction.acquit()

        try:
            await (await self._mover.move(forget)).durable
        except (StoreRefused, StoreUnavailable) as error:
            # Counts of events that were handled suspect nobody: no position comes again.
            self._log.warning("counts of suspected events stay", error=str(error))
        self._counts.clear()
        self._counted.clear()

    def _next(self, delivery: Delivery) -> int:
        """How often the event was in hand at a death, if this process dies of it."""
        place = delivery.log, delivery.position
        return self._counts.get(place, 0) + (place not in self._counted)

    async def _count(self, deliveries: Sequence[Delivery]) -> None:
        places = {(each.log, each.position) for each in deliveries} - self._counted

        async def count(batch: Batch) -> None:
            for log, position in sorted(places):
                batch.transaction.suspect(log, position)

        if places:
            await (await self._mover.move(count)).durable
        self._counted |= places
        for place in places:
            self._counts[place] = self._counts.get(place, 0) + 1
