"""What the contract suites of a store write, and what they write it to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from evenweave.engine import Fiber, Frame, Instance, codec
from evenweave.ports.store import DefinitionRow, StoreRefused

if TYPE_CHECKING:
    from evenweave.ports.store import Kept, Store, Transaction

_CAUSES = msgspec.msgpack.encode([])


class Bench(Protocol):
    """A store to test.

    Attributes:
        store: The store, empty at first, without a broker's log in it.
    """

    store: Store

    async def reopen(self) -> None:
        """Close the store and open it again, as after a restart; `store` is the new one."""

    async def poison(self, instance: str) -> None:
        """Let the rows of this instance be refused from now on."""


def make_instance(
    id: str,  # noqa: A002
    *,
    status: Any = "waiting",
    due: float | None = None,
    revision: int = 1,
    updated: float = 2.0,
    number: int = 1,
) -> Instance:
    """A state of an instance of ``d`` that has slept through one burst."""
    data = {"n": number}
    frame = Frame("/states/0", 1, data, deadline=due)
    fibers = [Fiber(1, 0, 0, [frame], "sleep")]
    return Instance("default", id, "d", "1", "x", status, 1.0, updated, revision=revision, data=data, fibers=fibers)


def save(transaction: Transaction, instance: Instance) -> None:
    """Write a state, after a burst of no cause."""
    transaction.save(instance, codec.encode(instance), _CAUSES)


def make_definition(id: str, version: str) -> DefinitionRow:  # noqa: A002
    """A version of a definition."""
    return DefinitionRow(id, version, f"digest {version}", "d.yaml", "text", b"{}", 1.0)


def make_event(name: str) -> dict[str, Any]:
    """An event that is called so, and says so in its data."""
    return {"specversion": "1.0", "id": name, "source": "/s", "type": "t", "data": {"n": name}}


async def list_kept(transaction: Transaction, definition: str, channel: str | None, key: str | None) -> list[Kept]:
    """Kept events, as a list: see `evenweave.ports.store.Transaction.kept`."""
    return [kept async for kept in transaction.kept(definition, channel, key)]


async def find_fault(durable: Any) -> bool | None:
    """Whose fault it was that a transaction was refused; none where it was not."""
    try:
        await durable
    except StoreRefused as error:
        return error.own
    return None
