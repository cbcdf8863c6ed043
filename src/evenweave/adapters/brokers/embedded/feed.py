"""The engine's reader where it shares the database with the broker."""

import asyncio
from collections.abc import Callable

from evenweave.ports.broker import Delivery


class Feed:
    """Reads a group in mode `read` as events are appended, before they are committed (PROTOCOL section 2, SQLite).

    What is made of them must go into the same database, behind them: a unit that was submitted later commits later, or
    with them, or is dropped with them. After a failed commit the feed begins anew behind what was acknowledged in
    committed units, and `epoch` has grown: what was read before and is not submitted must be thrown away, as it will
    come again.
    """

    def __init__(self, collect: Callable[[dict[str, int], int], list[Delivery]]) -> None:
        """Use `EmbeddedBroker.reader` instead."""
        self.epoch = 0
        self._collect = collect
        self._positions: dict[str, int] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    async def read(self, max: int = 256) -> list[Delivery]:  # noqa: A002
        """Return the next events, at least one, at most `max`, in log order; none after `close`."""
        while True:
            found = self.take(max)
            if found or self._closed:
                return found
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def take(self, max: int = 256) -> list[Delivery]:  # noqa: A002
        """Return what `read` would, or nothing, without waiting."""
        if self._closed:
            return []
        found = self._collect(self._positions, max)
        for delivery in found:
            self._positions[delivery.channel] = delivery.position
        return found

    def close(self) -> None:
        """Let `read` return nothing from now on."""
        self._closed = True
        self.wake()

    def wake(self) -> None:
        """Have `read` look again. For the broker only."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def restart(self) -> None:
        """Begin anew behind what is acknowledged. For the broker only."""
        self.epoch += 1
        self._positions.clear()
        self.wake()
