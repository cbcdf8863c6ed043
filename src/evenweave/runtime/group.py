"""A group: its cursors, its leases, and what failed and comes again."""

import heapq
from collections.abc import Iterable

from msgspec import Struct

from evenweave.ports.broker import Mode
from evenweave.runtime.cursor import Cursor

_SLACK = 256


class Lease(Struct, frozen=True, gc=False):
    """A delivery in somebody's hands until `expires_s` (monotonic)."""

    token: str
    channel: str
    position: int
    expires_s: float
    length_s: float


class Undo(Struct, frozen=True, gc=False):
    """What was so before a delivery was settled, should its commit fail."""

    channel: str
    position: int
    failures: int
    lease: Lease | None


class Group:
    """What a group holds: the workers of one subscription see it as one.

    A position that was handed out is in one of three places until it is acknowledged: leased, waiting for its next
    attempt, or (after a restart) waiting to be handed out again. `failures` counts the attempts that failed.
    """

    def __init__(self, id: str, name: str, mode: Mode) -> None:  # noqa: A002
        self.id = id
        self.name = name
        self.mode: Mode = mode
        self.cursors: dict[str, Cursor] = {}
        self.failures: dict[int, int] = {}
        self.polled_s = 0.0
        self._leases: dict[int, Lease] = {}
        self._waiting: dict[int, tuple[float, str]] = {}
        self._due: list[tuple[float, int]] = []
        self._expiries: list[tuple[float, int]] = []
        self._tokens = 0

    def add(self, cursor: Cursor) -> None:
        """Take a channel in. What was in somebody's hands before a restart is due at once."""
        self.cursors[cursor.channel] = cursor
        for position in sorted(cursor.handed):
            self.wait(cursor.channel, position, 0.0)

    def remove(self, channel: str) -> None:
        """Let a channel go, with everything in hand of it."""
        cursor = self.cursors.pop(channel, None)
        for position in cursor.handed if cursor is not None else ():
            self._leases.pop(position, None)
            self._waiting.pop(position, None)
            self.failures.pop(position, None)

    def lease(self, log: str, channel: str, position: int, now_s: float, length_s: float) -> Lease:
        """Give a position to whoever asks, for `length_s` seconds."""
        self._tokens += 1
        self._waiting.pop(position, None)
        lease = Lease(f"{log}.{position}.{self._tokens}", channel, position, now_s + length_s, length_s)
        self._leases[position] = lease
        heapq.heappush(self._expiries, (lease.expires_s, position))
        if len(self._expiries) > _SLACK + 4 * len(self._leases):
            # Most leases are settled long before they expire; what they leave behind must not pile up.
            self._expiries = [(lease.expires_s, position) for position, lease in self._leases.items()]
            heapq.heapify(self._expiries)
        return lease

    @property
    def in_hand(self) -> int:
        """How many deliveries are leased."""
        return len(self._leases)

    def held(self, position: int) -> Lease | None:
        """Return the lease of a position, if somebody holds one."""
        return self._leases.get(position)

    def wait(self, channel: str, position: int, due_s: float) -> None:
        """Have a position that was handed out come again at `due_s`."""
        self._waiting[position] = (due_s, channel)
        heapq.heappush(self._due, (due_s, position))

    def take_due(self, now_s: float, limit: int) -> list[tuple[str, int]]:
        """Return (channel, position) of what is due again, at most `limit`: lease each or have it wait."""
        due = list[tuple[str, int]]()
        while self._due and len(due) < limit and self._due[0][0] <= now_s:
            due_s, position = heapq.heappop(self._due)
            waiting = self._waiting.get(position)
            if waiting is not None and waiting[0] == due_s:
                del self._waiting[position]
                due.append((waiting[1], position))
        return due

    def take_expired(self, now_s: float) -> list[Lease]:
        """Return the leases whose time is up. They stay held until they are settled."""
        expired = list[Lease]()
        while self._expiries and self._expiries[0][0] <= now_s:
            expires_s, position = heapq.heappop(self._expiries)
            lease = self._leases.get(position)
            if lease is not None and lease.expires_s == expires_s:
                expired.append(lease)
        return expired

    def next_due_s(self) -> float | None:
        """Return when the next delivery is due or the next lease expires. May be too early, never too late."""
        heads = [heap[0][0] for heap in (self._due, self._expiries) if heap]
        return min(heads) if heads else None

    def find(self, position: int) -> str | None:
        """Return the channel in which this position was handed out and not acknowledged."""
        lease = self._leases.get(position)
        if lease is not None:
            return lease.channel
        for channel, cursor in self.cursors.items():
            if position in cursor.handed:
                return channel
        return None

    def acknowledge(self, cursor: Cursor, position: int) -> None:
        """Note a position as done."""
        self.failures.pop(position, None)
        self._leases.pop(position, None)
        self._waiting.pop(position, None)
        cursor.handed.discard(position)

    def fail(self, lease: Lease) -> Undo:
        """Count a failed attempt and end its lease; `wait` or `acknowledge` must follow."""
        failures = self.failures.get(lease.position, 0)
        self.failures[lease.position] = failures + 1
        self._leases.pop(lease.position, None)
        return Undo(lease.channel, lease.position, failures, lease)

    def restore(self, undos: Iterable[Undo], now_s: float) -> None:
        """Put back what was settled in commits that failed; `undos` in the order in which they were made."""
        for undo in reversed(list(undos)):
            cursor = self.cursors.get(undo.channel)
            if cursor is None:
                continue
            cursor.handed.add(undo.position)
            self._waiting.pop(undo.position, None)
            if undo.failures:
                self.failures[undo.position] = undo.failures
            else:
                self.failures.pop(undo.position, None)
            if undo.lease is not None and undo.lease.expires_s > now_s:
                self._leases[undo.position] = undo.lease
                heapq.heappush(self._expiries, (undo.lease.expires_s, undo.position))
            else:
                self.wait(undo.channel, undo.position, now_s)
