"""Taking deliveries, handling them, settling them."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from evenweave.client.connection import Connection, Delivery, Settlement
from evenweave.client.errors import ClientError, PublishRefused, Reject, RuntimeAway, UnknownGroup
from evenweave.client.message import Message, make_replies
from evenweave.client.sending import Gathering, Outbox, Patience

_LOG = logging.getLogger("evenweave.client")
_WAIT_S = 20.0

Handler = Callable[[Message], Any]
Verdict = tuple[Literal["ack", "retry", "reject"], str, str]
"""What becomes of a delivery, its lease, and the reason."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What a handler is subscribed to, and how."""

    handler: Handler
    channel: str
    group: str
    reply: str | None
    mode: Literal["share", "broadcast"]
    start: Literal["earliest", "end"]
    in_hand: int
    lease_s: float


class Consumer:
    """Serves one subscriber: holds at most `in_hand` deliveries, handles them side by side."""

    def __init__(self, subscriber: Subscriber, source: str, connection: Connection, outbox: Outbox) -> None:
        self._subscriber = subscriber
        self._source = source
        self._connection = connection
        self._outbox = outbox
        self._id: str | None = None
        self._held = 0
        self._freed = asyncio.Event()
        self._handling: set[asyncio.Task[None]] = set()
        self._settling: Gathering[Verdict] = Gathering(self._settle)
        self._call = _make_async(subscriber.handler)

    async def subscribe(self) -> None:
        """Return once the group is durable. Raises `PublishRefused`; waits for a Runtime that is away."""
        patience = Patience()
        one = self._subscriber
        while self._id is None:
            try:
                self._id = await self._connection.subscribe(one.group, one.channel, one.mode, one.start)
            except RuntimeAway as error:
                await patience.failed(error)

    async def run(self) -> None:
        """Take deliveries until cancelled."""
        patience = Patience()
        while True:
            self._freed.clear()
            free = self._subscriber.in_hand - self._held
            if free <= 0:
                await self._freed.wait()
                continue
            try:
                await self.subscribe()
                assert self._id is not None
                taken = await self._connection.take(self._id, free, _WAIT_S, self._subscriber.lease_s)
            except UnknownGroup:
                self._id = None
            except ClientError as error:
                await patience.failed(error)
            else:
                patience.succeeded()
                for delivery in taken:
                    self._held += 1
                    task = asyncio.create_task(self._handle(delivery))
                    self._handling.add(task)
                    task.add_done_callback(self._handling.discard)

    async def settle(self) -> None:
        """Send verdicts until cancelled."""
        await self._settling.run()

    async def finish(self, grace_s: float) -> None:
        """Let the handlers finish, at most `grace_s`; what is not done by then comes again. Then settle them all."""
        if self._handling:
            _, late = await asyncio.wait(self._handling, timeout=grace_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self._settling.drained()

    async def leave(self) -> None:
        """Take a group away that was made for this consumer alone."""
        if self._subscriber.mode == "broadcast" and self._id is not None:
            try:
                await self._connection.unsubscribe(self._id)
            except ClientError as error:
                _LOG.warning("the subscription of %s stays until it expires: %s", self._subscriber.channel, error)

    async def _handle(self, delivery: Delivery) -> None:
        one = self._subscriber
        message = Message(delivery.channel, delivery.event, delivery.attempt)
        verdict: Verdict = ("ack", delivery.lease, "")
        try:
            result = await self._call(message)
            replies = list(make_replies(message, result, reply=one.reply, source=self._source))
            if replies:
                await self._outbox.publish(replies)
        except Reject as rejection:
            verdict = ("reject", delivery.lease, str(rejection))
        except PublishRefused as refusal:
            _LOG.error("the reply to %s on %s is refused for good: %s", message.id, one.channel, refusal)
            verdict = ("reject", delivery.lease, f"its reply is refused: {refusal}")
        except asyncio.CancelledError:
            verdict = ("retry", delivery.lease, "the service was stopped")
        except Exception as error:  # noqa: BLE001 (whatever a handler raises, the message comes again)
            _LOG.exception("the handler of %s failed on %s, attempt %d", one.channel, message.id, message.attempt)
            verdict = ("retry", delivery.lease, f"{type(error).__name__}: {error}")
        self._settling.put(verdict)

    async def _settle(self, verdicts: list[Verdict]) -> None:
        settlement = Settlement(
            [lease for kind, lease, _ in verdicts if kind == "ack"],
            [{"lease": lease, "reason": reason} for kind, lease, reason in verdicts if kind == "retry"],
            [{"lease": lease, "reason": reason} for kind, lease, reason in verdicts if kind == "reject"],
        )
        patience = Patience()
        while True:
            try:
                if self._id is not None:
                    await self._connection.settle(self._id, settlement)
                break
            except UnknownGroup:
                # The Runtime has begun a new log: nothing there is ours to settle.
                break
            except RuntimeAway as error:
                await patience.failed(error)
            except ClientError as error:
                _LOG.warning("deliveries of %s are not settled, they come again: %s", self._subscriber.channel, error)
                break
        self._held -= len(verdicts)
        self._freed.set()


def _make_async(handler: Handler) -> Callable[[Message], Awaitable[Any]]:
    """Return the handler as a coroutine function; one that is none runs on a thread, so that it may block."""
    if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None)):  # noqa: B004
        return handler

    async def call(message: Message) -> Any:
        return await asyncio.to_thread(handler, message)

    return call
