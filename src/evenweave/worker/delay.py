"""Waiting by the clock of the port, so that tests can jump."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from evenweave.runtime.backoff import Backoff

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from evenweave.ports.clock import Clock

BACKOFF = Backoff(first_s=0.1, cap_s=5.0)


async def pause(clock: Clock, delay_s: float) -> None:
    """Return after so many seconds."""
    over = asyncio.Event()
    timer = clock.call_later(delay_s, over.set)
    try:
        await over.wait()
    finally:
        timer.cancel()


def after_failures(failures: int) -> float:
    """How many seconds to wait after so many failures in a row, at least one."""
    return BACKOFF.delay_s(failures, random.random())  # noqa: S311 - jitter


class Failures:
    """Failures in a row, each of which is waited after for longer.

    Args:
        clock: The time.
        log: What is told of each failure.
    """

    def __init__(self, clock: Clock, log: FilteringBoundLogger) -> None:
        self._clock = clock
        self._log = log
        self._count = 0

    async def wait(self, what: str, error: Exception, **more: object) -> None:
        """One more failure: say what waits, and return after a while."""
        self._count += 1
        delay_s = after_failures(self._count)
        self._log.warning(what, error=str(error), delay_s=round(delay_s, 2), **more)
        await pause(self._clock, delay_s)

    def end(self) -> None:
        """It went well: the next failure is the first one."""
        self._count = 0
