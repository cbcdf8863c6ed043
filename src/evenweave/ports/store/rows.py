"""What is in a store, as it is read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.engine import Status


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
