"""A service: what it is subscribed to, and how it publishes."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal, TypeVar

from evenweave.client.connection import Connection
from evenweave.client.consumer import Consumer, Handler, Subscriber
from evenweave.client.message import make_event
from evenweave.client.sending import Outbox

_RUNTIME = "http://127.0.0.1:7403"

H = TypeVar("H", bound=Handler)


class Service:
    """A service that publishes and takes events through the Runtime.

    `name` is the name of its group, and in the `source` of what it publishes. `runtime` is where the Runtime listens:
    by default what EVENWEAVE_RUNTIME says, else http://127.0.0.1:7403. `grace_s` is how long handlers may go on when
    the service is stopped.
    """

    def __init__(self, name: str, runtime: str | None = None, *, grace_s: float = 10.0) -> None:
        self.name = name
        self.runtime = runtime or os.environ.get("EVENWEAVE_RUNTIME") or _RUNTIME
        self.source = f"/services/{name}"
        self._grace_s = grace_s
        self._subscribers: list[Subscriber] = []
        self._outbox: Outbox | None = None

    def subscriber(
        self,
        channel: str,
        *,
        group: str | None = None,
        reply: str | None = None,
        mode: Literal["share", "broadcast"] = "share",
        start: Literal["earliest", "end"] = "earliest",
        in_hand: int = 10,
        lease_s: float = 30.0,
    ) -> Callable[[H], H]:
        """Have the decorated function handle the messages of `channel`.

        It takes a `Message` and returns None, the data of a reply for the channel `reply`, a `Reply`, or a list of
        them. It may be a coroutine function; a plain one runs on a thread. All processes that subscribe with one
        `group` (by default the service's name) share the messages; a second group gets all of them too; in mode
        `broadcast` each process gets all. A new group begins at the earliest event that is retained, or with `start`
        "end" at the next one. At most `in_hand` messages are handled side by side; one that takes longer than
        `lease_s` seconds is given to another worker as well.
        """

        def subscribe(handler: H) -> H:
            self._subscribers.append(
                Subscriber(handler, channel, group or self.name, reply, mode, start, in_hand, lease_s)
            )
            return handler

        return subscribe

    async def publish(
        self,
        channel: str,
        data: Any = None,
        *,
        type: str | None = None,  # noqa: A002
        id: str | None = None,  # noqa: A002
        subject: str | None = None,
        **extensions: str | int | bool | None,
    ) -> str:
        """Publish an event and return its id once it is durable in the Runtime, however long that takes.

        `data` is anything that JSON can say; `type` is by default the channel's name; `extensions` are further
        attributes, such as `orderid="o1"`. Publishing again with the same `id` and data changes nothing. Works within
        `running` and in handlers. Raises `PublishRefused` where the Runtime will never take the event.
        """
        if self._outbox is None:
            raise RuntimeError("publish works while the service runs: in a handler, or within `async with running()`")
        id_ = id or uuid.uuid4().hex
        event = make_event(channel, data, id=id_, source=self.source, type=type, subject=subject, extensions=extensions)
        await self._outbox.publish([(channel, event)])
        return id_

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM; handlers that run then may finish."""
        with suppress(KeyboardInterrupt):
            asyncio.run(self._run())

    async def _run(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            # Windows has no handlers of the loop: there, Ctrl-C ends `run` by KeyboardInterrupt.
            with suppress(NotImplementedError):
                loop.add_signal_handler(number, stop.set)
        serving = asyncio.create_task(self._serve(stop))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not serving.done() and self._outbox is None:
            # It still waits for the Runtime, and holds nothing.
            serving.cancel()
        stopped.cancel()
        with suppress(asyncio.CancelledError):
            await serving

    async def _serve(self, stop: asyncio.Event) -> None:
        async with self.running():
            await stop.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve within the block; inside it, all subscriptions are durable.

        Waits for a Runtime that is away. On leaving, handlers may finish, and what they did is settled.
        """
        connection = Connection(self.runtime)
        outbox = Outbox(connection)
        consumers = [Consumer(one, self.source, connection, outbox) for one in self._subscribers]
        tasks: list[asyncio.Task[None]] = []
        takers: list[asyncio.Task[None]] = []
        try:
            await asyncio.gather(*(consumer.subscribe() for consumer in consumers))
            self._outbox = outbox
            tasks = [asyncio.create_task(run()) for run in (outbox.run, *(one.settle for one in consumers))]
            takers = [asyncio.create_task(consumer.run()) for consumer in consumers]
            try:
                yield
            finally:
                await _cancel(takers)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._grace_s + 1.0):
                        await asyncio.gather(*(consumer.finish(self._grace_s) for consumer in consumers))
                        await outbox.drained()
                        await asyncio.gather(*(consumer.leave() for consumer in consumers))
        finally:
            self._outbox = None
            await _cancel(tasks)
            await connection.close()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
