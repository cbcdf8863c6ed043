"""What the PostgreSQL store answers by itself: what is durable, on the connection of the faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from evenweave.engine import codec
from evenweave.ports.store import (
    EVERY,
    Census,
    DefinitionRow,
    Ended,
    HistoryEntry,
    InstanceSummary,
    Kept,
    Parked,
    Position,
    Which,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import asyncpg

    from evenweave.adapters.stores.postgres.connections import Link
    from evenweave.engine import Instance

_DECODE = msgspec.msgpack.Decoder().decode


class Answers:
    """The part of `evenweave.adapters.stores.postgres.store.PostgresStore` that only reads.

    Attributes:
        tenant: Whose rows.
        sql: Statements by name.
    """

    tenant: str
    sql: Mapping[str, str]
    _faces: Link

    async def definitions(self) -> Sequence[DefinitionRow]:
        """All definitions, in the order of registration."""
        return [DefinitionRow(**row) for row in await self._rows("definitions")]

    async def schedules(self) -> Mapping[tuple[str, str], float]:
        """Until when schedules were heeded."""
        rows = await self._rows("schedules")
        return {(definition, digest): through for definition, digest, through in rows}

    async def positions(self) -> Mapping[str, Position]:
        """How far each channel was read."""
        return {channel: Position(log, position) for channel, log, position in await self._rows("positions")}

    async def instance(self, id: str) -> Instance | None:  # noqa: A002
        """An instance as it is durable."""
        rows = await self._rows("instance", id)
        return codec.decode(rows[0][0]) if rows else None

    async def instances(
        self, which: Which = EVERY, *, key: str = "", after: int = 0, limit: int = 100
    ) -> Sequence[InstanceSummary]:
        """A page of instances, oldest first."""
        w = which
        where = (after, w.status, w.definition, w.version, w.live, w.since, w.until, limit)
        if key:
            rows = await self._rows("instances_by_key", *where, key)
        else:
            name = "instances_stopped" if w.status in {"faulted", "suspended"} else "instances"
            rows = await self._rows(name, *where)
        return [InstanceSummary(*row) for row in rows]

    async def history(self, instance: str) -> Sequence[HistoryEntry]:
        """The bursts of an instance, oldest first."""
        return [HistoryEntry(*row) for row in await self._rows("history", instance)]

    async def noticed(self, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Notices that are durable, in order, each with whom it is for."""
        return [(sequence, instance) for sequence, instance in await self._rows("noticed", after, limit)]

    async def children(self, parent: str, limit: int = 100) -> Sequence[InstanceSummary]:
        """The instances that an instance started, oldest first."""
        return [InstanceSummary(*row) for row in await self._rows("children", parent, limit)]

    async def has_live(self, definition: str, digest: str) -> bool:
        """Whether an instance of the definition has not ended, as far as it is durable."""
        return bool(await self._rows("has_live", definition, digest))

    async def due(self, now: float, limit: int) -> Sequence[str]:
        """Instances with a deadline that is over; nothing is locked."""
        return [row[0] for row in await self._rows("due", now, limit)]

    async def next_due(self, after: float) -> float | None:
        """The earliest deadline behind a time."""
        found: float | None = (await self._rows("next_due", after))[0][0]
        return found

    async def expired(self, now: float, limit: int) -> Sequence[tuple[str, Kept]]:
        """Kept events whose time is over."""
        rows = await self._rows("expired", now, limit)
        return [(row[0], Kept(row[1], row[2], row[3], _DECODE(row[4]), row[5])) for row in rows]

    async def parked(self, after: int = 0, limit: int = 100) -> Sequence[Parked]:
        """What was put aside, oldest first."""
        rows = await self._rows("parked", after, limit)
        return [Parked(row[0], row[1], row[2], _DECODE(row[3]), row[4], row[5]) for row in rows]

    async def census(self) -> Census:
        """Count what is durable, from indexes that hold no ended instance."""
        stopped = await self._rows("census_stopped")
        live = await self._rows("census_live")
        ((waits, kept, held, parked),) = await self._rows("census_rows")
        instances = {(definition, status): count for definition, status, count in stopped}
        for definition, count in live:
            # The queries are not of one moment: a difference is never shown as less than none.
            still = sum(instances.get((definition, status), 0) for status in ("faulted", "suspended"))
            if count > still:
                instances[definition, "waiting"] = count - still
        return Census(instances, waits, kept, held, parked)

    async def ended(self, before: float, after: Ended, limit: int) -> Sequence[Ended]:
        """Instances that ended before a time, in the order of that."""
        return [Ended(*row) for row in await self._rows("ended", before, *after, limit)]

    async def _rows(self, name: str, *parameters: Any) -> Sequence[asyncpg.Record]:
        return await self._faces.rows(self.sql[name], self.tenant, *parameters)
