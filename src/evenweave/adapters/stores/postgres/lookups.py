"""What a transaction looked up: it has to be true still when it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenweave.engine import Instance
    from evenweave.ports.store import Wait


class Lookups:
    """What was found, by what was asked for.

    Attributes:
        sightings: Keys and digests of events that are to be recorded.
        seen: How many digests of each such key there were before.
        revisions: The revision of each instance; 0 where there was none.
        claims: Who stood for a key of a definition.
        waits: The waits of a definition on a channel by a key.
        unmatched: Where nobody waits for an event, and nobody may by the time of the commit.
        kept: Where kept events were looked for to the end: definition, channel and key, ``None`` for any.
        unasked: Definition, channel and key of new waits for which none were looked for, because there are believed to
            be none, and how many there are of each.
        known: The kept events that were found there, or come from this worker itself: their numbers, each with its
            definition, channel and key, or ``None`` where they are on their way out.
        version: By which version of the definitions the work was done, where that was said.
    """

    __slots__ = (
        "claims",
        "kept",
        "known",
        "revisions",
        "seen",
        "sightings",
        "unasked",
        "unmatched",
        "version",
        "waits",
    )

    def __init__(self) -> None:
        self.sightings: set[tuple[bytes, bytes]] = set()
        self.seen: dict[bytes, int] = {}
        self.revisions: dict[str, int] = {}
        self.claims: dict[tuple[str, str], str | None] = {}
        self.waits: dict[tuple[str, str, str], set[Wait]] = {}
        self.unmatched: set[tuple[str, str, str]] = set()
        self.kept: set[tuple[str, str | None, str | None]] = set()
        self.unasked: dict[tuple[str, str, str], int] = {}
        self.known: dict[int, tuple[str, str, str] | None] = {}
        self.version: int | None = None

    def has_looked(self, at: tuple[str, str, str]) -> bool:
        """Whether a kept event of this definition, channel and key would have been found."""
        return not self.kept.isdisjoint(_places(at))

    def minds(self, at: tuple[str, str, str] | None) -> bool:
        """Whether a kept event of this definition, channel and key that nobody knows of is to be a conflict."""
        if at is None:
            return bool(self.kept or self.unasked)
        return self.has_looked(at) or not self.unlooked.isdisjoint(_places(at))

    @property
    def unlooked(self) -> set[tuple[str, str | None, str | None]]:
        """Where a kept event may be for a wait that is new and did not ask: as in ``kept``."""
        # What is kept without a key may be for a wait with one: the definition knows which values the event means.
        return {
            (definition, channel, where)
            for definition, channel, key in self.unasked
            for where in ((key, "") if key else (None,))
        }

    def listen(self, at: tuple[str, str, str]) -> None:
        """A wait is new, and has not asked."""
        self.unasked[at] = self.unasked.get(at, 0) + 1

    def ask(self, at: tuple[str, str, str]) -> None:
        """A new wait asks, and knows what else to ask for; others of the same key may not have."""
        left = self.unasked.pop(at, 0) - 1
        if left > 0:
            self.unasked[at] = left


def _places(at: tuple[str, str, str]) -> tuple[tuple[str, str | None, str | None], ...]:
    """Where a kept event is looked for: by all three, by channel, by key."""
    definition, channel, key = at
    return at, (definition, channel, None), (definition, None, key)


class Foreseen:
    """What was read in bulk before it is looked up, with what was not yet durable at that moment laid over it.

    Attributes:
        checked: Instances whose newest durable state is the cached one, or among ``states``.
        states: The states that were read or found to be the newest, for where the cache lets go of them.
        absent: Instances that there are none of.
        sightings: Digests by key of event.
        claims: Who stands for a key of a definition.
        waits: The waits of a definition on a channel by a key, oldest first; ``None`` behind those that are going.
    """

    __slots__ = ("absent", "checked", "claims", "sightings", "states", "waits")

    def __init__(self) -> None:
        self.checked: set[str] = set()
        self.states: dict[str, Instance | None] = {}
        self.absent: set[str] = set()
        self.sightings: dict[bytes, set[bytes]] = {}
        self.claims: dict[tuple[str, str], str | None] = {}
        self.waits: dict[tuple[str, str, str], dict[Wait, Any]] = {}
