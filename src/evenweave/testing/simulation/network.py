"""The way to the broker, as it is: requests are late, lost before they arrive or after, and come twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from evenweave.ports.broker import Delivery, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from evenweave.cloudevents import Event
    from evenweave.ports.broker import Broker, DeadLetter, Mode, Position, Replayed, Start, Subscription, Which
    from evenweave.testing.simulation.chance import Chance


_T = TypeVar("_T")


class UnreliableBroker:
    """The port `Broker` over another one, with mishaps on the way there and back; one for each simulated process."""

    def __init__(self, broker: Broker, chance: Chance) -> None:
        self._broker = broker
        self._chance = chance
        self._cut = False

    def cut(self) -> None:
        """The process behind it is dead: nothing of it arrives any more."""
        self._cut = True

    async def subscribe(
        self, group: str, channels: Sequence[str], *, mode: Mode = "share", start: Start = "earliest"
    ) -> Subscription:
        """See the port."""
        return await self._send(lambda: self._broker.subscribe(group, channels, mode=mode, start=start))

    async def unsubscribe(self, id: str, channels: Sequence[str] | None = None) -> None:  # noqa: A002
        """See the port."""
        await self._send(lambda: self._broker.unsubscribe(id, channels))

    async def subscriptions(self) -> list[Subscription]:
        """See the port."""
        return await self._send(self._broker.subscriptions)

    async def publish(self, events: Sequence[tuple[str, Event]]) -> None:
        """See the port; now and then it arrives twice."""
        await self._send(lambda: self._broker.publish(events))
        if self._chance.happens():
            await self._send(lambda: self._broker.publish(events))

    async def read(
        self,
        id: str,  # noqa: A002
        after: Mapping[str, Position],
        max: int = 256,  # noqa: A002
        wait_s: float = 0.0,
    ) -> list[Delivery]:
        """See the port."""
        return await self._send(lambda: self._broker.read(id, after, max, wait_s))

    async def acknowledge(self, id: str, through: Mapping[str, Position]) -> None:  # noqa: A002
        """See the port."""
        await self._send(lambda: self._broker.acknowledge(id, through))

    async def deliveries(
        self,
        id: str,  # noqa: A002
        max: int = 10,  # noqa: A002
        wait_s: float = 0.0,
        lease_s: float = 30.0,
    ) -> list[Delivery]:
        """See the port; now and then an event comes twice, or in another order."""
        # A small hand: more workers have to do with one another.
        most = self._chance.random.randint(1, max)
        found = await self._send(lambda: self._broker.deliveries(id, min(most, 8), wait_s, lease_s))
        if found and self._chance.happens(5):
            found.append(found[0].leased(found[0].lease, found[0].attempt))
        if self._chance.happens(20):
            self._chance.random.shuffle(found)
        return found

    async def settle(
        self,
        id: str,  # noqa: A002
        ack: Sequence[str] = (),
        retry: Sequence[tuple[str, str]] = (),
        reject: Sequence[tuple[str, str]] = (),
    ) -> None:
        """See the port."""
        await self._send(lambda: self._broker.settle(id, ack, retry, reject))

    async def dead_letters(self, after: str = "", max: int = 100, **which: Which) -> list[DeadLetter]:  # noqa: A002
        """See the port."""
        return await self._send(lambda: self._broker.dead_letters(after, max, **which))

    async def dead_letter(self, id: str) -> DeadLetter:  # noqa: A002
        """See the port."""
        return await self._send(lambda: self._broker.dead_letter(id))

    async def replay(self, id: str) -> None:  # noqa: A002
        """See the port."""
        await self._send(lambda: self._broker.replay(id))

    async def replay_all(self, *which: Which) -> Replayed:
        """See the port."""
        return await self._send(lambda: self._broker.replay_all(*which))

    async def purge(self, id: str) -> None:  # noqa: A002
        """See the port."""
        await self._send(lambda: self._broker.purge(id))

    async def purge_all(self, *which: Which) -> int:
        """See the port."""
        return await self._send(lambda: self._broker.purge_all(*which))

    async def _send(self, request: Callable[[], Awaitable[_T]]) -> _T:
        await self._chance.pause()
        if self._cut:
            await asyncio.Event().wait()
        if self._chance.happens():
            raise Unavailable("simulated: the request is lost")
        answer = await request()
        await self._chance.pause()
        if self._chance.happens():
            raise Unavailable("simulated: the answer is lost")
        return answer
