"""The broker: a durable log of events per channel, read by groups (PROTOCOL section 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from evenweave.cloudevents import Event, Limits, decode, digest, encode
from evenweave.errors import EvenweaveError

Position = tuple[str, int]
"""The id of a log, and a position in it. Positions are one sequence a log, over all its channels, beginning at 1."""

Mode = Literal["share", "read", "broadcast"]
Start = Literal["earliest", "end"]

# What a log holds was checked when it came in, and dead letters carry some attributes more.
_STORED = Limits(event_bytes=1 << 30, depth=512)


class BrokerError(EvenweaveError):
    """The broker did not do what it was asked."""


class Refused(BrokerError):
    """The broker will never do this as it was asked (an event too large, a wrong name): final."""


class UnknownSubscription(Refused):
    """There is no subscription of this id. Subscribe again."""


class UnknownDeadLetter(Refused):
    """There is no dead letter of this id, or no longer."""


class NobodyTakes(Refused):
    """The group of a dead letter is gone, or takes this channel no more: a replay would reach nobody."""


class Unavailable(BrokerError):
    """The broker cannot do this now (away, its disk full): try again, with a backoff."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A group and, for each channel it takes events of, the position up to which it has acknowledged them."""

    id: str
    group: str
    mode: Mode
    positions: Mapping[str, Position]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a group could not take. `event` is as it was published, with the attributes `deadletter...`."""

    id: str
    channel: str
    group: str
    reason: str
    attempts: int
    time_ms: int
    event: Event


@dataclass(frozen=True, slots=True)
class Which:
    """Which dead letters are meant: those of a channel, of a group, at least `older_s` seconds old; by default all."""

    channel: str | None = None
    group: str | None = None
    older_s: float = 0.0


ALL = Which()


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many dead letters were replayed, and which ones stay: (id, reason)."""

    count: int
    left: Sequence[tuple[str, str]] = ()


class Delivery:
    """An event as a group gets it: where it lies in the log, which attempt this is, and the lease to settle it with.

    `attempt` counts from 1; `lease` is empty for readers. `event` must not be changed: others may read the same one.
    `addressee` names the only group that an event is for, where it is a replay; a broker hands it to no other.
    `event`, `body` (its JSON) and `digest` (PROTOCOL section 3) are made from one another when first asked for.
    """

    __slots__ = ("_body", "_digest", "_event", "addressee", "attempt", "channel", "lease", "log", "position")

    def __init__(
        self,
        channel: str,
        log: str,
        position: int,
        *,
        event: Event | None = None,
        body: bytes | None = None,
        digest: bytes | None = None,
        attempt: int = 1,
        lease: str = "",
        addressee: str = "",
    ) -> None:
        self.channel = channel
        self.log = log
        self.position = position
        self.attempt = attempt
        self.lease = lease
        self.addressee = addressee
        self._event = event
        self._body = body
        self._digest = digest

    @property
    def event(self) -> Event:
        """The event."""
        if self._event is None:
            assert self._body is not None
            self._event = decode(self._body, _STORED)
        return self._event

    @property
    def body(self) -> bytes:
        """The event in the JSON event format."""
        if self._body is None:
            self._body = encode(self.event)
        return self._body

    @property
    def digest(self) -> bytes:
        """The digest of channel, type, subject and data."""
        if self._digest is None:
            self._digest = digest(self.channel, self.event)
        return self._digest

    def leased(self, lease: str, attempt: int) -> "Delivery":
        """Return the same event under a lease."""
        return Delivery(
            self.channel,
            self.log,
            self.position,
            event=self._event,
            body=self._body,
            digest=self._digest,
            attempt=attempt,
            lease=lease,
            addressee=self.addressee,
        )

    def __repr__(self) -> str:
        return f"Delivery({self.channel!r}, {self.log!r}, {self.position}, attempt={self.attempt})"


class Broker(Protocol):
    """What every broker does.

    All methods raise `Refused` (final) or `Unavailable` (try again), and nothing else. Everything that was answered
    must survive a crash.
    """

    async def subscribe(
        self, group: str, channels: Sequence[str], *, mode: Mode = "share", start: Start = "earliest"
    ) -> Subscription:
        """Have `group` take the events of `channels` too. Must be durable before it answers, and idempotent.

        A channel that is new to the group begins at the earliest retained event, or behind the newest with `end`; one
        that is not keeps its position. All workers of a group share one id. In mode `share` they take leased
        deliveries; in mode `read` one reader takes them in log order, without leases; in mode `broadcast` each call
        makes a group of its own. The answer has the positions of all channels of the group.
        """
        ...

    async def unsubscribe(self, id: str, channels: Sequence[str] | None = None) -> None:  # noqa: A002
        """Take `channels` away from a group, or the group as a whole. An unknown id or channel is none too many."""
        ...

    async def subscriptions(self) -> list[Subscription]:
        """Return all groups, by name."""
        ...

    async def publish(self, events: Sequence[tuple[str, Event]]) -> None:
        """Append (channel, event) pairs, all or none, in order. Must return only after they are durable.

        A repeated (channel, source, id, digest) is dropped while the first is retained. Events must have passed
        `cloudevents.check`. Raises `Refused` where an event is too large or a channel's name is not usable.
        """
        ...

    async def read(
        self,
        id: str,  # noqa: A002
        after: Mapping[str, Position],
        max: int = 256,  # noqa: A002
        wait_s: float = 0.0,
    ) -> list[Delivery]:
        """Return up to `max` events of a group in mode `read`, in log order, waiting up to `wait_s` for the first.

        Each channel is read behind its position in `after`. A stored position of another log begins at this log's
        beginning; a channel that is absent, behind what the group acknowledged. Only durable events are returned.
        """
        ...

    async def acknowledge(self, id: str, through: Mapping[str, Position]) -> None:  # noqa: A002
        """Say up to which position a reader has taken each channel, so that the log can be trimmed.

        A position of another log, or behind the one acknowledged already, changes nothing.
        """
        ...

    async def deliveries(
        self,
        id: str,  # noqa: A002
        max: int = 10,  # noqa: A002
        wait_s: float = 0.0,
        lease_s: float = 30.0,
    ) -> list[Delivery]:
        """Return up to `max` events under leases, waiting up to `wait_s` for the first.

        Whoever takes them must settle each within `lease_s`; else it counts as a failed attempt and another gets it.
        """
        ...

    async def settle(
        self,
        id: str,  # noqa: A002
        ack: Sequence[str] = (),
        retry: Sequence[tuple[str, str]] = (),
        reject: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Settle leases: done, failed (lease, reason), or never to be tried again (lease, reason).

        A failed one comes again with a backoff; after its last attempt, or rejected, it goes to
        `dead-letter/<channel>` with the reason. Of a lease that has expired, `ack` is believed all the same; the
        others change nothing.
        """
        ...

    async def dead_letters(self, after: str = "", max: int = 100, *, which: Which = ALL) -> list[DeadLetter]:  # noqa: A002
        """Return dead letters, oldest first, behind the one with the id `after`."""
        ...

    async def dead_letter(self, id: str) -> DeadLetter:  # noqa: A002
        """Return one. Raises `UnknownDeadLetter`."""
        ...

    async def replay(self, id: str) -> None:  # noqa: A002
        """Give a dead letter to its group once more, with all attempts before it (PROTOCOL section 3).

        It must be appended to the channel it was published on without regard to dedupe, must reach the group that could
        not take it and no other, and must leave the dead letters in the same transaction. It carries the attributes
        `replayfor` (the group) and `replayid` (another one at each replay). Raises `UnknownDeadLetter`, `NobodyTakes`.
        """
        ...

    async def replay_all(self, which: Which = ALL) -> Replayed:
        """Replay those that are there now, oldest first, in several transactions; what nobody takes stays."""
        ...

    async def purge(self, id: str) -> None:  # noqa: A002
        """Delete a dead letter for good. Raises `UnknownDeadLetter`."""
        ...

    async def purge_all(self, which: Which = ALL) -> int:
        """Delete those that are there now, in several transactions; return how many."""
        ...
