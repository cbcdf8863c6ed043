"""The store of the Workflow Engine: definitions, instances and everything that decides who gets an event.

PROTOCOL section 2 is the contract. A store belongs to one tenant's engine; every key it writes begins with the tenant.
"""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - a struct's annotation
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from msgspec import Struct

from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from evenweave.engine import Instance, Status


class StoreRefused(EvenweaveError):
    """The rows of a transaction cannot be written: trying again does not help.

    Attributes:
        own: The transaction's own rows are at fault; otherwise those of an earlier one, and it may be handled again.
    """

    def __init__(self, message: str, *, own: bool) -> None:
        super().__init__(message)
        self.own = own


class StoreConflict(StoreRefused):
    """Another worker changed meanwhile what the transaction looked up: do the work again, on what is true now."""

    def __init__(self, message: str) -> None:
        super().__init__(message, own=False)


class StoreUnavailable(EvenweaveError):
    """The store cannot write now; nothing of the transaction was written, and it may be handled again."""


class DefinitionRow(Struct, frozen=True):
    """A registered definition.

    Attributes:
        id: The definition's id.
        version: Its version as written.
        digest: Content digest of the document and of the operations it resolved to.
        file: The name under which it was registered.
        document: Its text.
        operations: The operations it resolved to, encoded: a dead Catalog stops nothing.
        created: When it was registered, in seconds since the epoch.
        active: Whether it starts instances; a deleted one only lets its own finish.
        sequence: The order of registration; the store gives it.
        broken: Why this version of Evenweave cannot run it; empty where it can. It is found at the start, never stored.
        disabled: It starts no instances until it is enabled again.
    """

    id: str
    version: str
    digest: str
    file: str
    document: str
    operations: bytes
    created: float
    active: bool = True
    sequence: int = 0
    broken: str = ""
    disabled: bool = False

    @property
    def may_start(self) -> bool:
        """Whether it would start instances, if no newer one did."""
        return self.active and not self.disabled


class InstanceSummary(Struct, frozen=True):
    """An instance in a list; ``sequence`` of the last one is ``after`` of the next page."""

    sequence: int
    id: str
    definition: str
    version: str
    digest: str
    status: Status
    started: float
    updated: float
    due: float | None


class Which(Struct, frozen=True):
    """Which instances are meant; what is left empty does not narrow them.

    Attributes:
        status: Their status.
        definition: The id of their definition.
        version: Its version as written.
        live: Only those that have not ended.
        since: Begun at or after, in seconds since the epoch.
        until: Begun before, in seconds since the epoch.
    """

    status: str = ""
    definition: str = ""
    version: str = ""
    live: bool = False
    since: float = 0.0
    until: float = 1e300


EVERY = Which()


NoticeKind = Literal["begin", "ended", "cancel", "arrival"]
"""What one instance can have for another one, and an *arrival*: an event that so many get that they move in turn."""


class Wait(Struct, frozen=True):
    """An await that events without an echo reach: its instance, its activation, and which of its accepts."""

    instance: str
    activation: int
    index: int


class Kept(Struct, frozen=True):
    """An event that came before anybody waited for it; ``expires`` in seconds since the epoch."""

    sequence: int
    channel: str
    key: str
    event: dict[str, Any]
    expires: float


class Held(Struct, frozen=True):
    """An event that waits for its instance in its inbox."""

    sequence: int
    channel: str
    event: dict[str, Any]


class Notice(Struct, frozen=True):
    """What another instance has for this one: a row of its inbox that is no event (PROTOCOL section 2).

    Attributes:
        sequence: Its place in the inbox.
        kind: ``begin``: it is to be started; ``ended``: a child of it has ended; ``cancel``: it is to end.
        cause: What it is told, encoded by the worker.
    """

    sequence: int
    kind: NoticeKind
    cause: bytes


class PendingCall(Struct, frozen=True):
    """A call to a function that has been asked for and whose result has not been consumed.

    ``call`` is an `evenweave.engine.calling.Invocation`, encoded by the worker.
    """

    instance: str
    activation: int
    call: bytes


class Outgoing(Struct, frozen=True):
    """An event that waits to be published; ``instance`` is empty for the engine's own dead letters."""

    sequence: int
    instance: str
    channel: str
    event: dict[str, Any]


class Parked(Struct, frozen=True):
    """A cause that was put aside because nobody could handle it: of an instance, or of nobody (empty).

    ``event`` is the event, or what the cause was where it was none; ``at`` is in seconds since the epoch.
    """

    sequence: int
    instance: str
    channel: str
    event: dict[str, Any]
    reason: str
    at: float


class HistoryEntry(Struct, frozen=True):
    """One burst: the revision after it, its ``now``, and its causes as msgpack (`evenweave.engine.Cause`)."""

    revision: int
    at: float
    causes: bytes


class Ended(NamedTuple):
    """An instance that ended, and when, in seconds since the epoch; they are ordered by both."""

    at: float
    id: str


FIRST_ENDED = Ended(0.0, "")
"""Comes before all of them."""


class Census(Struct, frozen=True):
    """How many things are in a store.

    Attributes:
        instances: Those that have not ended, by definition and status. A *waiting* one may as well be about to move, or
            be pending.
        waits: Awaits that events without an echo reach.
        kept: Events that nobody waited for yet.
        held: Events in the inboxes of instances.
        parked: What was put aside because nobody could handle it.
    """

    instances: Mapping[tuple[str, str], int]
    waits: int
    kept: int
    held: int
    parked: int


class Position(Struct, frozen=True):
    """How far a channel was read: the id of its log, and the position in it."""

    log: str
    position: int


class Expected(Struct, frozen=True):
    """What a transaction is likely to look up.

    Attributes:
        events: Keys and digests of events.
        instances: Ids.
        claims: Definitions and correlation keys.
        waits: Definitions, channels and keys.
    """

    events: Sequence[tuple[bytes, bytes]] = ()
    instances: Sequence[str] = ()
    claims: Sequence[tuple[str, str]] = ()
    waits: Sequence[tuple[str, str, str]] = ()


Sighting = Literal["new", "again", "changed"]
"""Whether an event was seen before; *changed*: its source and id were, with other content. That is another event."""


class Transaction(Protocol):
    """What one commit holds whole.

    Lookups see every transaction that was queued earlier, and this one's own writes. Writes are collected; nothing
    happens before `queue`, and a transaction that is not committed leaves no trace.
    """

    async def expect(self, expected: Expected) -> None:
        """Say what is going to be looked up, before it is.

        A store that is shared may read all of it at once. It may also guess what is most likely, that an event is new
        or an instance unchanged: a transaction with a wrong guess is refused with `StoreConflict`, and the guess is not
        made again.
        """

    def rely(self, version: int) -> None:
        """Say by which version of the definitions this is made (`Store.version`).

        If it is another one by the time of the commit, the transaction must be refused with `StoreConflict`. One that
        changes definitions counts the version up by one.
        """

    async def see(self, key: bytes, digest: bytes) -> Sighting:
        """Whether an event was seen before, by its key and its digest; if not, this transaction must record it."""
        ...

    async def instance(self, id: str) -> Instance | None:  # noqa: A002
        """The newest state of an instance; it must not be changed in place.

        Raises:
            evenweave.engine.codec.UnreadableState: It cannot be read by this version.
        """

    async def known(self, id: str) -> bool:  # noqa: A002
        """Whether there is an instance of this id, or was one that has been deleted."""

    async def claimant(self, definition: str, key: str) -> str | None:
        """The live instance that stands for a correlation key."""
        ...

    async def waits(self, definition: str, channel: str, key: str, *, enough: int | None = None) -> Sequence[Wait]:
        """The waits with exactly this key (empty: those without one), oldest first; at most ``enough``, where given.

        Where there are very many, a store should not read more than that.
        """
        ...

    def unmatched(self, definition: str, channel: str, key: str) -> None:
        """Say that an event found none of the waits with exactly this key (`waits`), and what is done depends on that.

        If there is another one by the time of the commit, the transaction must be refused with `StoreConflict`. Of an
        event that is kept the store knows it by itself.
        """
        ...

    def kept(self, definition: str, channel: str | None, key: str | None) -> AsyncIterator[Kept]:
        """Kept events, oldest first; ``None`` is any channel, any key. It should not read more than is asked for."""
        ...

    async def is_kept(self, definition: str, kept: Kept) -> bool:
        """Whether an event that was kept still is."""
        ...

    async def oldest_kept(self, limit: int) -> Sequence[tuple[str, Kept]]:
        """The events that were kept first, over all definitions, each with its definition."""
        ...

    @property
    def kept_count(self) -> int:
        """How many events are kept, over all definitions."""
        ...

    async def held(self, instance: str) -> Sequence[Held]:
        """The events in the inbox of an instance, oldest first."""
        ...

    async def notices(self, instance: str) -> Sequence[Notice]:
        """What other instances have for this one, oldest first; it need not be there yet."""
        ...

    def save(self, instance: Instance, state: bytes, causes: bytes) -> None:
        """Write an instance, its encoded state, and the history row of the burst that led to it."""
        ...

    def claim(self, definition: str, key: str, instance: str) -> None:
        """Let an instance stand for a key that nobody stands for."""
        ...

    def release(self, definition: str, key: str) -> None:
        """Give a key free."""
        ...

    def listen(self, definition: str, channel: str, key: str, wait: Wait) -> None:
        """Add a wait."""
        ...

    def forget(self, definition: str, channel: str, key: str, wait: Wait) -> None:
        """Remove a wait."""
        ...

    def keep(self, definition: str, channel: str, key: str, event: dict[str, Any], expires: float) -> None:
        """Keep an event until somebody waits for it."""
        ...

    def unkeep(self, definition: str, kept: Kept) -> None:
        """Remove a kept event."""
        ...

    def hold(self, instance: str, channel: str, event: dict[str, Any]) -> None:
        """Put an event into an instance's inbox."""
        ...

    def unhold(self, instance: str, held: Held) -> None:
        """Remove an event from an inbox."""
        ...

    def notify(self, instance: str, kind: NoticeKind, cause: bytes) -> None:
        """Leave a notice in the inbox of an instance; notices of a transaction keep their order."""
        ...

    def drop_notice(self, instance: str, notice: Notice) -> None:
        """Remove a notice."""
        ...

    async def is_pending(self, instance: str, activation: int) -> bool:
        """Whether the result of a call has not been consumed, and somebody waits for it."""
        ...

    def call(self, pending: PendingCall) -> None:
        """Add a pending call, of this store's session."""
        ...

    def end_call(self, instance: str, activation: int) -> None:
        """Remove a pending call, whosever session it is of; nothing where there is none."""
        ...

    def publish(self, instance: str, channel: str, event: dict[str, Any]) -> None:
        """Publish an event once this is committed; a transaction's events are published in order."""
        ...

    def park(self, instance: str, channel: str, event: dict[str, Any], reason: str, at: float) -> None:
        """Put an event aside that cannot be handled."""
        ...

    def suspect(self, log: str, position: int) -> None:
        """Count once more that an event was in hand when a process died."""
        ...

    def acquit(self) -> None:
        """Forget how often events were in hand when a process died: they have been handled."""
        ...

    def advance(self, channel: str, position: Position) -> None:
        """Store how far a channel was read."""
        ...

    def leave(self, channel: str, position: Position) -> None:
        """Remember how far a channel was read that is going to be unsubscribed, so that it can be taken up there."""
        ...

    def define(self, row: DefinitionRow) -> None:
        """Add a definition, or make one active again; it becomes the newest of its id."""
        ...

    def retire(self, definition: str, digest: str) -> None:
        """Let a definition start no more instances."""
        ...

    def disable(self, definition: str, digest: str, disabled: bool) -> None:
        """Let a definition start no instances for a time, or start them again; it keeps its place in the order."""
        ...

    def heed(self, definition: str, digest: str, through: float) -> None:
        """Note until when the schedule of a definition was heeded, in seconds since the epoch."""
        ...

    def remove_definition(self, definition: str, digest: str) -> None:
        """Remove a retired definition."""
        ...

    def remove_instance(self, instance: Instance, at: float) -> None:
        """Remove an ended instance with its history and inbox; a tombstone stays."""
        ...

    def sent(self, sequence: int) -> None:
        """Remove an outbox row that the broker has durably."""
        ...

    def queue(self) -> Awaitable[None]:
        """Queue the transaction: lookups see it from now on. Transactions are committed in the order queued.

        What is returned is done when the transaction is durable.

        Raises:
            StoreRefused: Its rows, or those of one that it may build on, cannot be written. It and everything
                queued behind it is refused, and lookups answer from what is durable.
                A transaction that was begun before such a failure must be refused as well: its lookups are stale.
            StoreUnavailable: The store cannot write now.
        """
        ...


class Store(Protocol):
    """A durable store, used from one loop's thread.

    What it answers by itself is durable; what is queued only transactions see. Every method, and every lookup of a
    transaction, raises `StoreUnavailable` where the store cannot be read now.
    """

    @property
    def is_shared(self) -> bool:
        """Whether other workers may use it at the same time: then what they did has to be looked for now and then."""
        ...

    @property
    def batch(self) -> int:
        """How many events a transaction should take at most, so that the next one is made while it is written."""
        ...

    @property
    def holds_log(self) -> bool:
        """Whether the broker's log is in the same database: then positions suffice, and no dedupe keys are kept."""
        ...

    def begin(self) -> Transaction:
        """A new transaction."""
        ...

    def when_outgoing(self, listener: Callable[[Sequence[Outgoing]], None]) -> None:
        """Tell the listener of outbox rows when they are durable, in order; never where `holds_log`."""
        ...

    async def take_up(self) -> Mapping[tuple[str, int], int] | None:
        """Note durably that a process works on the store, until it calls `let_go`.

        Returns:
            None where the last one let go of it. Where it died: how often each event, by (log, position), was in hand
            when a process died, as far as that was counted (`Transaction.suspect`). A store on which several processes
            work always answers None: their broker counts the attempts of each event.
        """
        ...

    async def let_go(self) -> None:
        """Note that nobody works on the store any more, behind everything that was queued.

        Raises:
            StoreRefused: What was queued cannot be written.
            StoreUnavailable: The store cannot write now.
        """
        ...

    def exclusively(self) -> AbstractAsyncContextManager[None]:
        """While it is entered, no other worker changes definitions or what the engine is subscribed to.

        Raises:
            StoreUnavailable: The store does not answer, or another worker takes too long.
        """
        ...

    async def definitions(self) -> Sequence[DefinitionRow]:
        """All definitions, in the order of registration."""
        ...

    async def version(self) -> int:
        """The version of the definitions; asked for before `definitions`, it is never newer than those."""
        ...

    def when_defined(self, listener: Callable[[], None]) -> None:
        """Tell the listener when another worker may have changed the definitions."""
        ...

    async def schedules(self) -> Mapping[tuple[str, str], float]:
        """Until when schedules were heeded, by definition and digest."""
        ...

    async def positions(self) -> Mapping[str, Position]:
        """How far each channel was read; where `holds_log`, only channels that were left: the log knows the others."""
        ...

    async def instance(self, id: str) -> Instance | None:  # noqa: A002
        """An instance as it is durable.

        Raises:
            evenweave.engine.codec.UnreadableState: It cannot be read by this version.
        """
        ...

    async def instances(
        self, which: Which = EVERY, *, key: str = "", after: int = 0, limit: int = 100
    ) -> Sequence[InstanceSummary]:
        """A page of instances, oldest first; ``key`` is a canonical correlation key that they stand for.

        Where it is narrowed to those that are faulted or suspended, it must not read all others.
        """
        ...

    async def history(self, instance: str) -> Sequence[HistoryEntry]:
        """The bursts of an instance, oldest first."""
        ...

    async def noticed(self, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Notices that are durable, in order: the place of each, and the instance that it is for.

        It must not read the events in inboxes.
        """
        ...

    async def children(self, parent: str, limit: int = 100) -> Sequence[InstanceSummary]:
        """The instances that an instance started, and those that go on for them, oldest first."""
        ...

    async def has_live(self, definition: str, digest: str) -> bool:
        """Whether an instance of the definition has not ended."""
        ...

    async def due(self, now: float, limit: int) -> Sequence[str]:
        """Instances with a deadline that is over, in due order."""
        ...

    async def next_due(self, after: float) -> float | None:
        """The earliest deadline behind a time."""
        ...

    async def expired(self, now: float, limit: int) -> Sequence[tuple[str, Kept]]:
        """Kept events whose time is over, each with its definition."""
        ...

    async def outbox(self, after: int, limit: int) -> Sequence[Outgoing]:
        """Events that wait to be published, in order; only committed ones."""
        ...

    async def adopt(self, limit: int) -> Sequence[Outgoing]:
        """Take over events that wait to be published by a worker that is gone, in order; none where not `is_shared`."""
        ...

    async def parked(self, after: int = 0, limit: int = 100) -> Sequence[Parked]:
        """What was put aside, oldest first."""
        ...

    async def take_over_calls(self, limit: int) -> Sequence[PendingCall]:
        """Make pending calls of sessions that are over this store's own, and return them; only durable ones.

        A store that several workers share has a session with a lease, renewed by the database's clock; one that a
        single process uses must take the calls of every other session (PROTOCOL section 2, "Calls to functions").
        """
        ...

    async def census(self) -> Census:
        """Count what is durable. It must not keep others waiting, and it should not read instances that ended."""
        ...

    async def prune(self, before: float, limit: int) -> bool:
        """Remove dedupe keys and tombstones older than a time, at most so many of each; whether some are left."""
        ...

    async def ended(self, before: float, after: Ended, limit: int) -> Sequence[Ended]:
        """Instances that ended before a time, behind ``after``, in the order of that. It must not read all others."""
        ...

    async def forget_histories(self, instances: Sequence[str]) -> None:
        """Remove the histories of ended instances, in one small step; return when that is durable."""
        ...

    async def close(self) -> None:
        """Write what is queued, then let go of the store."""
        ...
