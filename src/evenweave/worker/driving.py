"""Drives one instance in memory until it ends, or nothing moves it any more: its time and its calls to functions."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evenweave.engine import Called
    from evenweave.worker.alone import Alone, Came
    from evenweave.worker.family import Family
    from evenweave.worker.performing import Performer


T = TypeVar("T", "Alone", "Family")


class Watch:
    """The time of one run: as it passes, or jumping ahead whenever everything waits."""

    def __init__(self, *, jumps: bool) -> None:
        self.jumps = jumps
        self._ahead_s = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self._ahead_s

    async def sleep(self, until: float, longest_s: float) -> None:
        """Return when a time has come, or after so many seconds."""
        left_s = until - self.now()
        if self.jumps:
            self._ahead_s += max(0.0, left_s)
            await asyncio.sleep(0)
        else:
            await asyncio.sleep(min(max(0.0, left_s), longest_s))


async def drive(
    start: Callable[[float], T],
    came: Sequence[Came],
    performer: Performer,
    watch: Watch,
    *,
    timeout_s: float,
) -> T:
    """Run an instance for at most so many seconds.

    Args:
        start: Makes the instance, at a time.
        came: What is delivered to it, in order.
        performer: Makes its calls.
        watch: Its time.
        timeout_s: How long to wait for its end, in seconds that really pass.
    """
    until = time.monotonic() + timeout_s
    alone = start(watch.now())
    running: dict[int, asyncio.Task[Called]] = {}
    try:
        for each in came:
            alone.deliver(each, watch.now())
        while time.monotonic() < until:
            _begin_and_end(alone, performer, running)
            if alone.over and not any(not alone.calls[each].waits for each in running):
                break  # nobody waits for the result of another call; one that nobody waits for anyway is still made
            left_s = max(0.0, until - time.monotonic())
            due = None if alone.over else alone.due
            if running:
                if due is not None:
                    left_s = min(left_s, max(0.0, due - watch.now()))
                done, _ = await asyncio.wait(running.values(), timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    outcome = task.result()
                    del running[outcome.activation]
                    alone.answer(outcome, watch.now())
            elif due is None:
                break  # nothing from outside can come any more
            else:
                await watch.sleep(due, left_s)
            alone.advance(watch.now())
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)
    return alone


def _begin_and_end(alone: Alone | Family, performer: Performer, running: dict[int, asyncio.Task[Called]]) -> None:
    """Begin the calls that were asked for, and end those whose results nobody waits for any more."""
    for activation, invocation in alone.calls.items():
        if activation not in running:
            call = performer.perform(activation, invocation)
            running[activation] = asyncio.get_running_loop().create_task(call)
    for activation in [each for each in running if each not in alone.calls]:
        running.pop(activation).cancel()
