"""What every store's transaction does with the rows that it lays over the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from evenweave.adapters.stores.overlay import Layer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.adapters.stores.overlay import Overlay
    from evenweave.engine import Instance
    from evenweave.ports.store import Kept, Outgoing, PendingCall, Position, Wait


class Layered(Protocol):
    """What a transaction needs of its store."""

    tenant: str
    sql: Mapping[str, str]
    overlay: Overlay
    failures: int


class LayeredTransaction:
    """See `evenweave.ports.store.Transaction`.

    Attributes:
        number: Tells it from the other ones that are queued.
        failures: Of its store, when it was begun.
        kept_delta: How many more events are kept by it.
        layer: What becomes of rows.
        instances: Those that it wrote; ``None`` is one that it removed.
        outgoing: What it publishes.
        positions: How far channels were read.
    """

    __slots__ = ("failures", "instances", "kept_delta", "layer", "number", "outgoing", "positions")

    def __init__(self, failures: int) -> None:
        self.number = 0
        self.failures = failures
        self.kept_delta = 0
        self.layer = Layer()
        self.instances: dict[str, Instance | None] = {}
        self.outgoing: list[Outgoing] = []
        self.positions: dict[str, Position] = {}

    def claim(self, definition: str, key: str, instance: str) -> None:
        """Let the instance stand for the key."""
        self.layer.put("correlations", (definition, key), 0, instance)

    def release(self, definition: str, key: str) -> None:
        """Give the key free."""
        self.layer.put("correlations", (definition, key), 0, None)

    def listen(self, definition: str, channel: str, key: str, wait: Wait) -> None:
        """Add a wait."""
        self.layer.put("waits", (definition, channel, key), wait, True)

    def forget(self, definition: str, channel: str, key: str, wait: Wait) -> None:
        """Remove a wait."""
        self.layer.put("waits", (definition, channel, key), wait, None)

    def call(self, pending: PendingCall) -> None:
        """Add a pending call."""
        self.layer.put("calls", (pending.instance,), pending.activation, pending.call)

    def end_call(self, instance: str, activation: int) -> None:
        """Remove a pending call."""
        self.layer.put("calls", (instance,), activation, None)

    def advance(self, channel: str, position: Position) -> None:
        """Store how far the channel was read."""
        self.positions[channel] = position

    def _kept_over(self, store: Layered) -> dict[int, tuple[str, Kept | None]]:
        """Kept events that are not yet durable, or go, of every definition."""
        over: dict[int, tuple[str, Kept | None]] = {}
        for groups in (store.overlay.groups("kept"), self.layer.tables.get("kept", {})):
            for (definition,), items in groups.items():
                over.update({sequence: (definition, item) for sequence, item in items.items()})
        return over


def ask_kept(store: Layered, definition: str, channel: str | None, key: str | None) -> tuple[str, tuple[Any, ...]]:
    """The statement that reads kept events of a channel, of a key, or of both; and its first values."""
    if channel is None:
        return store.sql["kept_key"], (store.tenant, definition, key)
    if key is None:
        return store.sql["kept_channel"], (store.tenant, definition, channel)
    return store.sql["kept"], (store.tenant, definition, channel, key)
