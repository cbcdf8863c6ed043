"""Waiting by the clock of the port, so that tests can jump."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from evenweave.runtime.backoff import Backoff

if TYPE_CHECKING:
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
