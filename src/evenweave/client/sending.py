"""Sending what gathers: one request at a time, with everything that came while the last one ran."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from evenweave.client.connection import Connection
from evenweave.client.errors import ClientError, PublishRefused, RuntimeAway
from evenweave.cloudevents import CloudEventError, Event

_LOG = logging.getLogger("evenweave.client")
_FIRST_S = 0.1
_CAP_S = 5.0

T = TypeVar("T")


class Patience:
    """A pause that doubles with each failure, up to 5 s."""

    def __init__(self) -> None:
        self._failures = 0

    def succeeded(self) -> None:
        """Begin with a short pause next time."""
        self._failures = 0

    async def failed(self, error: Exception) -> None:
        """Pause. Says so once, not at every failure."""
        if self._failures == 0:
            _LOG.warning("%s; trying again until it does", error)
        delay_s = min(_CAP_S, _FIRST_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        await asyncio.sleep(delay_s * random.uniform(0.75, 1.0))  # noqa: S311


class Gathering(Generic[T]):
    """Hands items on to `send` in batches of at most `limit`, in order. `send` must not raise."""

    def __init__(self, send: Callable[[list[T]], Awaitable[None]], limit: int = 500) -> None:
        self._send = send
        self._limit = limit
        self._items: list[T] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, item: T) -> None:
        """Send `item` with the next batch."""
        self._items.append(item)
        self._idle.clear()
        self._wake.set()

    async def drained(self) -> None:
        """Return once everything is sent."""
        await self._idle.wait()

    async def run(self) -> None:
        """Send for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            # Whoever is ready to run in this iteration of the loop has something for the same batch, maybe.
            await asyncio.sleep(0)
            while self._items:
                batch, self._items = self._items[: self._limit], self._items[self._limit :]
                await self._send(batch)
            self._idle.set()


Posting = tuple[list[tuple[str, Event]], "asyncio.Future[None]"]


class Outbox:
    """Publishes events until the Runtime has them durably."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._gathering: Gathering[Posting] = Gathering(self._send)
        self._patience = Patience()
        self.run = self._gathering.run
        self.drained = self._gathering.drained

    async def publish(self, events: list[tuple[str, Event]]) -> None:
        """Return once `events` are durable. Raises `PublishRefused` where the Runtime never takes them."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gathering.put((events, future))
        await future

    async def _send(self, postings: list[Posting]) -> None:
        error = await self._try([pair for events, _ in postings for pair in events])
        if error is None or len(postings) == 1:
            for _, future in postings:
                _finish(future, error)
            return
        # One of them is refused. Alone, it shows which; what is published twice is deduped.
        for events, future in postings:
            _finish(future, await self._try(events))

    async def _try(self, events: list[tuple[str, Event]]) -> ClientError | None:
        while True:
            try:
                await self._connection.publish(events)
            except RuntimeAway as error:
                await self._patience.failed(error)
            except ClientError as error:
                return error
            except CloudEventError as error:
                return PublishRefused(f"this is no event: {error}")
            else:
                self._patience.succeeded()
                return None


def _finish(future: "asyncio.Future[None]", error: ClientError | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
