"""Clocks: the system's, and one that is moved by hand."""

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count

from evenweave.ports.clock import Timer


class SystemClock:
    """The clock of the system, with the timers of the running loop."""

    def now(self) -> int:
        """Return milliseconds since 1970-01-01T00:00Z."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` after `delay_s` seconds."""
        return asyncio.get_running_loop().call_later(max(0.0, delay_s), callback)


class _JumpTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class JumpingClock:
    """A clock that stands still until `jump`: for tests, and for playing through a definition with long waits."""

    def __init__(self, now_ms: int = 1_767_225_600_000) -> None:
        self._now_ms = now_ms
        self._passed_s = 0.0
        self._order = count()
        self._timers: list[tuple[float, int, _JumpTimer]] = []
        self._asked = asyncio.Event()

    def now(self) -> int:
        """Return milliseconds since 1970-01-01T00:00Z."""
        return self._now_ms + round(self._passed_s * 1000)

    def monotonic(self) -> float:
        """Return the seconds jumped so far."""
        return self._passed_s

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` in the jump that reaches its time."""
        timer = _JumpTimer(callback)
        heapq.heappush(self._timers, (self._passed_s + max(0.0, delay_s), next(self._order), timer))
        self._asked.set()
        return timer

    async def asked(self) -> None:
        """Return once `call_later` is called: somebody has begun to wait."""
        self._asked.clear()
        await self._asked.wait()

    def jump(self, seconds: float) -> None:
        """Move on, making the calls that fall due on the way, each at its time."""
        end_s = self._passed_s + seconds
        while self._timers and self._timers[0][0] <= end_s:
            due_s, _, timer = heapq.heappop(self._timers)
            self._passed_s = max(self._passed_s, due_s)
            if timer.callback is not None:
                timer.callback()
        self._passed_s = end_s

    def set(self, now_ms: int) -> None:
        """Put the time that people read to `now_ms`, as a correction of the system's clock does. No timer moves."""
        self._now_ms = now_ms - round(self._passed_s * 1000)
