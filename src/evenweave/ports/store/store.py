"""The store itself: what is durable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from evenweave.ports.store.rows import EVERY, Which

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from evenweave.engine import Instance
    from evenweave.ports.store.rows import (
        Census,
        DefinitionRow,
        Ended,
        HistoryEntry,
        InstanceSummary,
        Kept,
        Outgoing,
        Parked,
        PendingCall,
        Position,
    )
    from evenweave.ports.store.transaction import Transaction


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
    def failing(self) -> bool:
        """Whether it failed in a way that nobody foresaw, and begins anew: a process that uses it is not ready."""
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
