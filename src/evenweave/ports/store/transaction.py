"""A transaction of the store: what decides who gets an event, in one commit."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - a struct's annotation
from typing import TYPE_CHECKING, Any, Literal, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from evenweave.engine import Instance
    from evenweave.ports.store.rows import (
        DefinitionRow,
        Held,
        Kept,
        Notice,
        NoticeKind,
        PendingCall,
        Position,
        Wait,
    )


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
