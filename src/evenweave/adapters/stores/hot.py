"""Instances kept decoded: those that are not yet durable, and within a bound those that moved lately."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenweave.engine import Instance


class Hot:
    """A bounded cache that never lets go of a state that only it knows."""

    __slots__ = ("_bound", "_known", "_pinned")

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._known: OrderedDict[str, Instance] = OrderedDict()
        self._pinned: dict[str, tuple[int, Instance | None]] = {}

    def get(self, id: str) -> Instance | None:  # noqa: A002
        """The newest state, where it is known."""
        pinned = self._pinned.get(id)
        return self._known.get(id) if pinned is None else pinned[1]

    def is_gone(self, id: str) -> bool:  # noqa: A002
        """Whether a transaction that is not yet durable removed the instance."""
        pinned = self._pinned.get(id)
        return pinned is not None and pinned[1] is None

    def remember(self, id: str, instance: Instance) -> None:  # noqa: A002
        """Note a durable state."""
        self._known[id] = instance
        self._known.move_to_end(id)
        while len(self._known) > self._bound:
            self._known.popitem(last=False)

    def pin(self, id: str, number: int, instance: Instance | None) -> None:  # noqa: A002
        """Note a state that a queued transaction writes (``None``: removes)."""
        self._pinned[id] = (number, instance)

    def is_pinned(self, id: str) -> bool:  # noqa: A002
        """Whether a transaction that is not yet durable wrote or removed the instance."""
        return id in self._pinned

    def pinned(self) -> Iterable[str]:
        """The instances that transactions which are not yet durable wrote or removed."""
        return self._pinned.keys()

    def forget(self, id: str) -> None:  # noqa: A002
        """Forget a durable state."""
        self._known.pop(id, None)

    def unpin(self) -> None:
        """Forget what is not durable."""
        self._pinned.clear()

    def settle(self, id: str, number: int) -> None:  # noqa: A002
        """The transaction is durable."""
        pinned = self._pinned.get(id)
        if pinned is None or pinned[0] != number:
            return
        del self._pinned[id]
        if pinned[1] is None or pinned[1].ended:
            self._known.pop(id, None)
        else:
            self.remember(id, pinned[1])

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()
        self._pinned.clear()
