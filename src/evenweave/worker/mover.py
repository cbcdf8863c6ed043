"""Runs batches one after the other: whatever moves instances in this process goes through here."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import structlog

from evenweave.worker.batch import Batch, Poisoned

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from evenweave.engine import Instance
    from evenweave.ports.clock import Clock
    from evenweave.ports.store import Store
    from evenweave.worker.definitions import Definitions
    from evenweave.worker.settings import Settings


class Moved(NamedTuple):
    """What became of work: ``durable`` is done when its transaction is, or has its error; which instances it moved."""

    durable: asyncio.Future[None]
    instances: list[str]


class Mover:
    """Makes transactions out of work, and keeps one bad instance from stopping the others (PROTOCOL section 2).

    Attributes:
        definitions: What runs; replaced whole by registration.
        on_due: Told of the earliest deadline that a batch set.
        on_ended: Told of the instances that a batch ended, once that is durable.
    """

    def __init__(
        self, store: Store, clock: Clock, settings: Settings, *, tenant: str, definitions: Definitions
    ) -> None:
        self.store = store
        self.settings = settings
        self.tenant = tenant
        self.definitions = definitions
        self.on_due: Callable[[float], None] = _nothing
        self.on_ended: Callable[[list[Instance]], None] = _nothing
        self._clock = clock
        self._turn = asyncio.Lock()
        self._log = structlog.get_logger("evenweave.worker")

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock.now() / 1000

    async def move(self, work: Callable[[Batch], Awaitable[None]]) -> Moved:
        """Do the work in one transaction and queue it.

        The work may be called again, with the causes put aside that made it fail; it must only use its batch.
        """
        poison: dict[tuple[str, str], str] = {}
        while True:
            async with self._turn:
                batch = Batch(
                    self.store, self.definitions, self.settings, tenant=self.tenant, now=self.now(), poison=poison
                )
                try:
                    await work(batch)
                    await batch.finish()
                except Poisoned as error:
                    key = (error.instance, repr(error.cause))
                    if key in poison:
                        raise
                    poison[key] = error.reason
                    self._log.error("cause put aside", instance=error.instance, reason=error.reason)
                    continue
                queued = asyncio.ensure_future(batch.transaction.queue())
            break
        if batch.due is not None:
            self.on_due(batch.due)
        if batch.ended:
            ended = batch.ended
            queued.add_done_callback(lambda done: done.cancelled() or done.exception() or self.on_ended(ended))
        return Moved(queued, batch.moved)


def _nothing(_: object) -> None:
    pass
