"""What goes with one unit of work of the broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evenweave.adapters.sqlite import Unit
    from evenweave.ports.broker import Delivery
    from evenweave.runtime.cursor import Cursor
    from evenweave.runtime.group import Group, Undo


class Batch:
    """A unit, what it appends and settles, and who waits for it. `number` grows in the order of commits."""

    __slots__ = ("cursors", "deliveries", "emptied", "keys", "number", "undos", "unit", "waiters")

    def __init__(self, unit: Unit, number: int) -> None:
        self.unit = unit
        self.number = number
        self.deliveries: list[Delivery] = []
        self.keys: list[bytes] = []
        self.emptied: list[tuple[str, int]] = []
        self.cursors: dict[Cursor, Group] = {}
        self.undos: dict[Group, list[Undo]] = {}
        self.waiters: list[asyncio.Future[Exception | None]] = []

    async def outcome(self) -> Exception | None:
        """Return None once the unit is durable, or why it never will be."""
        future: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.waiters.append(future)
        return await future

    def tell(self, error: Exception | None) -> None:
        """Wake those who wait."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(error)
