"""What goes with one unit of work of the broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evenweave.adapters.sqlite import Unit
    from evenweave.ports.broker import Delivery
    from evenweave.runtime.cursor import Cursor
    from evenweave.runtime.figures import Tally
    from evenweave.runtime.group import Group, Undo


class Batch:
    """A unit, what it appends and settles, and who waits for it. `number` grows in the order of commits."""

    __slots__ = (
        "buried",
        "channels",
        "cursors",
        "deliveries",
        "emptied",
        "keys",
        "number",
        "replayed",
        "retried",
        "undos",
        "unit",
        "waiters",
    )

    def __init__(self, unit: Unit, number: int) -> None:
        self.unit = unit
        self.number = number
        self.deliveries: list[Delivery] = []
        self.keys: list[bytes] = []
        self.channels: set[str] = set()
        self.emptied: list[tuple[str, int]] = []
        self.cursors: dict[Cursor, Group] = {}
        self.undos: dict[Group, list[Undo]] = {}
        # Of those, the names of the groups whose deliveries come again or are dead letters now.
        self.retried: list[str] = []
        self.buried: list[str] = []
        self.replayed = 0
        self.waiters: list[asyncio.Future[Exception | None]] = []

    async def outcome(self) -> Exception | None:
        """Return None once the unit is durable, or why it never will be."""
        future: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.waiters.append(future)
        return await future

    def count(self, tally: Tally) -> None:
        """Add what became of deliveries, now that it is durable."""
        for group, undos in self.undos.items():
            tally.of(group.name).acknowledged += len(undos)
        for name in self.retried:
            tally.of(name).retried += 1
            tally.of(name).acknowledged -= 1
        for name in self.buried:
            tally.of(name).dead_lettered += 1
            tally.of(name).acknowledged -= 1
        tally.replayed += self.replayed
        tally.purged += len(self.emptied) - self.replayed

    def tell(self, error: Exception | None) -> None:
        """Wake those who wait."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(error)
