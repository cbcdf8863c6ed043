"""Finding instances by what they are about: a correlation key, or a value in their data."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from evenweave.engine import correlate
from evenweave.engine.codec import UnreadableState
from evenweave.worker.refusals import NotPossible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evenweave.engine import Instance
    from evenweave.ports.store import InstanceSummary, Store, Which

CHUNK = 100
READ_AT_MOST = 100_000
"""How many states one search reads before it gives up: some seconds."""


async def search(
    store: Store, which: Which, wanted: Mapping[str, Any], *, after: int, limit: int
) -> Sequence[InstanceSummary]:
    """A page of the instances that stand for a correlation key; where none does, of those with such data.

    The key is looked up in an index, but only live instances stand for one. The data is in the stored states, and no
    index knows it: every instance that ``which`` leaves is read and decoded, about 30 microseconds each.

    Args:
        store: Where they are.
        which: Narrows them.
        wanted: Values by correlation name, which is also a path into the data (``order.id``, ``items.0.name``).
        after: Only those behind this number.
        limit: How many.

    Raises:
        NotPossible: Nothing was found among as many as one search reads; the hint says how to go on.
    """
    key = correlate.key({name.lower(): value for name, value in wanted.items()})
    if await store.instances(which, key=key, limit=1):
        return await store.instances(which, key=key, after=after, limit=limit)
    paths = [(tuple(name.lstrip(".").split(".")), value) for name, value in wanted.items()]
    found: list[InstanceSummary] = []
    read = 0
    while rows := await store.instances(which, after=after, limit=CHUNK):
        for row in rows:
            after = row.sequence
            try:
                instance = await store.instance(row.id)
            except UnreadableState:
                continue
            if instance is not None and _has(instance, paths):
                found.append(row)
                if len(found) == limit:
                    return found
        read += len(rows)
        if read >= READ_AT_MOST:
            if found:
                return found
            raise NotPossible(
                f"none of {read} instances has it", f"narrow it by status, definition or time, or go on after {after}"
            )
        await asyncio.sleep(0)  # others have their turn
    return found


def _has(instance: Instance, paths: Sequence[tuple[tuple[str, ...], Any]]) -> bool:
    """Whether some of its data has all the values: that of the whole, or of a step that it is in."""
    places = [instance.data, *(frame.data for fiber in instance.fibers for frame in fiber.frames)]
    return any(all(_is_at(path, value, data) for path, value in paths) for data in places)


def _is_at(path: tuple[str, ...], value: Any, data: Any) -> bool:
    found = correlate.at(path, data)
    return not correlate.is_absent(found) and correlate.agrees(value, found)
