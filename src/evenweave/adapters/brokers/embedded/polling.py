"""Who waits for events of a group, and is woken when there may be some."""

import asyncio
from collections.abc import Callable, Iterator

from evenweave.adapters.brokers.embedded.registry import Registry
from evenweave.ports.broker import Delivery
from evenweave.ports.clock import Clock
from evenweave.runtime.rules import Rules


class Pollers:
    """Those who wait, by group; iteration yields the ids of the groups."""

    def __init__(self, registry: Registry, clock: Clock, rules: Rules) -> None:
        self._registry = registry
        self._clock = clock
        self._rules = rules
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._closed = False

    def __iter__(self) -> Iterator[str]:
        return iter(self._waiting)

    def count(self) -> int:
        """How many wait."""
        return sum(len(waiting) for waiting in self._waiting.values())

    def wake(self, id: str) -> None:  # noqa: A002
        """Something may have come for the group."""
        for future in self._waiting.get(id, ()):
            if not future.done():
                future.set_result(None)

    def close(self) -> None:
        """Let everybody go, with nothing."""
        self._closed = True
        for id_ in self._waiting:
            self.wake(id_)

    async def poll(self, id: str, collect: Callable[[], list[Delivery]], wait_s: float) -> list[Delivery]:  # noqa: A002
        """What is collected, as soon as that is anything; nothing once the time is over.

        Raises:
            evenweave.ports.broker.UnknownSubscription: The group is gone, and `collect` did not say so itself.
        """
        deadline_s = self._clock.monotonic() + min(wait_s, self._rules.wait_max_s)
        while not self._closed:
            found = collect()
            if found:
                return found
            now_s = self._clock.monotonic()
            if now_s >= deadline_s:
                return []
            due_s = self._registry.find(id).next_due_s()
            await self._sleep(id, (deadline_s if due_s is None else min(deadline_s, due_s)) - now_s)
        return []

    async def _sleep(self, id: str, seconds: float) -> None:  # noqa: A002
        """Return after a while, or when something has come for the group."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(id, [])
        waiting.append(future)
        timer = self._clock.call_later(seconds, lambda: None if future.done() else future.set_result(None))
        try:
            await future
        finally:
            timer.cancel()
            waiting.remove(future)
            if not waiting and self._waiting.get(id) is waiting:
                del self._waiting[id]
