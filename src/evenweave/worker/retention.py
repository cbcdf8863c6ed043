"""Lets go of what ended long ago, where a time is set: of histories, and of instances with all that is theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from evenweave.engine.codec import UnreadableState
from evenweave.ports.store import FIRST_ENDED, StoreRefused, StoreUnavailable
from evenweave.worker.delay import after_failures, pause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.ports.clock import Clock
    from evenweave.ports.store import Ended
    from evenweave.worker.batch import Batch
    from evenweave.worker.mover import Mover

EVERY_S = 30.0
AT_ONCE = 200
PAUSE_S = 0.02
"""Between two steps, so that orders come first, however much there is to let go of."""


class Retention:
    """See the module. Both times count from the end of an instance; one that goes on keeps its history whole."""

    def __init__(self, mover: Mover, clock: Clock) -> None:
        self._mover = mover
        self._clock = clock
        # How far it has come; a restart begins anew, and finds nothing left to remove there.
        self._forgotten = self._removed = FIRST_ENDED
        self._log = structlog.get_logger("evenweave.retention")

    @property
    def wanted(self) -> bool:
        """Whether a time is set."""
        settings = self._mover.settings
        return settings.history_s is not None or settings.ended_s is not None

    async def run(self) -> None:
        """Serve until cancelled."""
        failures = 0
        while True:
            try:
                await self._let_go()
                failures = 0
            except (StoreRefused, StoreUnavailable) as error:
                failures += 1
                self._log.warning("letting go of what ended waits for the store", error=str(error))
            await pause(self._clock, EVERY_S + (after_failures(failures) if failures else 0.0))

    async def _let_go(self) -> None:
        settings, store, now = self._mover.settings, self._mover.store, self._mover.now()
        if settings.ended_s is not None:
            while found := await store.ended(now - settings.ended_s, self._removed, AT_ONCE):
                await self._remove(found)
                self._removed = found[-1]
                await pause(self._clock, PAUSE_S)
        if settings.history_s is not None:
            while found := await store.ended(now - settings.history_s, self._forgotten, AT_ONCE):
                await store.forget_histories([each.id for each in found])
                self._forgotten = found[-1]
                await pause(self._clock, PAUSE_S)

    async def _remove(self, found: Sequence[Ended]) -> None:
        async def work(batch: Batch) -> None:
            for each in found:
                try:
                    instance = await batch.transaction.instance(each.id)
                except UnreadableState as error:
                    self._log.warning("an instance that ended cannot be read", instance=each.id, error=str(error))
                    continue
                if instance is not None and instance.ended:
                    batch.transaction.remove_instance(instance, batch.now)

        await (await self._mover.move(work)).durable
