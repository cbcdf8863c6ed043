"""The log: rows in the database, with its newest part in memory."""

import secrets
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

from evenweave.adapters.sqlite import Database, Lookups, Unit, load_statements
from evenweave.ports.broker import Delivery
from evenweave.runtime.deadletters import find_addressee

_SQL = load_statements("evenweave.adapters.brokers.embedded")
_SLACK = 256


class _Tail:
    """The newest events of a channel: all those behind `since`."""

    __slots__ = ("appended", "deliveries", "last", "positions", "since", "start")

    def __init__(self, since: int) -> None:
        self.since = since
        self.last = since
        self.appended = 0
        self.start = 0
        self.positions: list[int] = []
        self.deliveries: list[Delivery] = []

    def drop_oldest(self) -> None:
        self.since = self.positions[self.start]
        self.start += 1
        if self.start > _SLACK and self.start * 2 > len(self.positions):
            del self.positions[: self.start]
            del self.deliveries[: self.start]
            self.start = 0

    def drop_newest(self) -> None:
        self.appended -= 1
        self.positions.pop()
        self.deliveries.pop()

    def read(self, after: int, through: int, limit: int) -> list[Delivery]:
        first = bisect_right(self.positions, after, self.start)
        end = bisect_right(self.positions, through, first)
        return self.deliveries[first : min(end, first + limit)]


class Log:
    """Events by channel and position.

    A position is given in memory, before its row is committed. `horizon` is the last committed position, `last` the
    last one given: what lies between them is the overlay, which services never see.
    """

    def __init__(self, log_id: str, tenant: str, lookups: Lookups, tail_events: int, tail_bytes: int) -> None:
        self.id = log_id
        self._tenant = tenant
        self._lookups = lookups
        self._tail_events = tail_events
        self._tail_bytes = tail_bytes
        self._tails: dict[str, _Tail] = {}
        self._newest: deque[tuple[int, int, _Tail]] = deque()
        self._bytes = 0
        self.last: int = lookups.value(_SQL["last_position"])
        self.horizon = self.last

    def knows(self, channel: str) -> bool:
        """Tell whether the channel has been used since the start, so that its name needs no check."""
        return channel in self._tails

    def extend(self, deliveries: Sequence[Delivery]) -> None:
        """Take in the events at the positions behind `last`: all of them, or none where a channel cannot be read."""
        newest = self._newest
        tails = [self._tail(delivery.channel) for delivery in deliveries]
        for tail, delivery in zip(tails, deliveries, strict=True):
            position = delivery.position
            tail.last = self.last = position
            tail.appended += 1
            tail.positions.append(position)
            tail.deliveries.append(delivery)
            size = len(delivery.body)
            newest.append((position, size, tail))
            self._bytes += size
        # What is not committed is nowhere else.
        while (len(newest) > self._tail_events or self._bytes > self._tail_bytes) and newest[0][0] <= self.horizon:
            _, size, tail = newest.popleft()
            self._bytes -= size
            tail.drop_oldest()

    def last_of(self, channel: str) -> int:
        """Return the position of the newest event of a channel, or 0."""
        return self._tail(channel).last

    def read(self, channel: str, after: int, through: int, limit: int) -> list[Delivery]:
        """Return up to `limit` events with after < position <= through, in order."""
        tail = self._tail(channel)
        if after >= tail.since:
            return tail.read(after, through, limit)
        rows = self._lookups.rows(
            _SQL["events_of_channel"], (self._tenant, channel, after, min(through, tail.since), limit)
        )
        found = [
            Delivery(channel, self.id, position, body=body, addressee=find_addressee(body)) for position, body in rows
        ]
        if len(found) < limit and through > tail.since:
            found += tail.read(tail.since, through, limit - len(found))
        return found

    def channel_of(self, position: int) -> str | None:
        """Return the channel of a committed position."""
        channel = self._lookups.value(_SQL["channel_of_position"], (position, self._tenant))
        return None if channel is None else str(channel)

    def count_appended(self) -> dict[str, int]:
        """Return how many events were appended to each channel since the start."""
        return {channel: tail.appended for channel, tail in self._tails.items() if tail.appended}

    def forget(self, channel: str, position: int) -> None:
        """Hold nothing of a channel up to a committed position in memory: the database has changed there."""
        tail = self._tail(channel)
        if position <= tail.since:
            return
        while tail.start < len(tail.positions) and tail.positions[tail.start] <= position:
            tail.drop_oldest()
        self._newest = deque(entry for entry in self._newest if entry[2] is not tail or entry[0] > position)
        self._bytes = sum(size for _, size, _ in self._newest)

    def roll_back(self) -> None:
        """Forget what is not in the database."""
        self.last = self.horizon = self._lookups.value(_SQL["last_position"])
        while self._newest and self._newest[-1][0] > self.last:
            _, size, tail = self._newest.pop()
            self._bytes -= size
            tail.drop_newest()
        for channel, tail in self._tails.items():
            if tail.last > self.last:
                tail.last = self._read_last(channel)

    def _tail(self, channel: str) -> _Tail:
        tail = self._tails.get(channel)
        if tail is None:
            tail = self._tails[channel] = _Tail(self._read_last(channel))
        return tail

    def _read_last(self, channel: str) -> int:
        return int(self._lookups.value(_SQL["last_position_of_channel"], (self._tenant, channel)))


async def find_log_id(database: Database, tenant: str) -> str:
    """The id of the log in a database: it is made with the log."""
    found: str | None = database.reader.value(_SQL["log_id"], (tenant,))
    if found is None:
        found = secrets.token_hex(6)
        unit = Unit()
        unit.add(_SQL["insert_log"], (tenant, found))
        await database.durable(unit)
    return found
