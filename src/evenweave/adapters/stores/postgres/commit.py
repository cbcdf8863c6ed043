"""The transaction of the database: lock, look again, write (PROTOCOL section 2, PostgreSQL)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import asyncpg

from evenweave.adapters.stores.postgres.errors import FAILURES
from evenweave.ports.store import StoreConflict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.adapters.stores.postgres.group import Columns, Group
    from evenweave.adapters.stores.postgres.keys import LockKeys

CONFLICT = "EW001"
BURIED = "EW002"
SUPERSEDED = "EW003"


class Buried(StoreConflict):
    """An instance that was to be new is there already, or was."""


class Commit:
    """Writes one group by the function `commit_batch_1`: see ``migrations/0002_commit.sql`` for its four steps.

    Most groups are one statement that is a transaction by itself. What is rare has statements of its own behind it.
    """

    def __init__(
        self,
        connection: asyncpg.Connection,
        sql: Mapping[str, str],
        *,
        tenant: str,
        session: str,
        number: int,
        keys: LockKeys,
        now: float,
    ) -> None:
        self._connection = connection
        self._sql = sql
        self._tenant = tenant
        self._head = (tenant, session, number, now, keys.definitions)
        self._keys = keys

    async def run(self, group: Group) -> None:
        """Write the group, or nothing of it.

        Raises:
            StoreConflict: What was looked up is not true any more.
        """
        parameters = (*self._head, bool(group.changes), *self._parameters(group))
        try:
            if group.is_plain:
                await self._connection.fetch(self._sql["commit"], *parameters)
                return
            await self._connection.execute("begin")
            await self._connection.fetch(self._sql["commit"], *parameters)
            await self._write_rest(group)
            await self._connection.execute("commit")
        except (StoreConflict, asyncpg.PostgresError) as error:
            if not group.is_plain:
                with contextlib.suppress(*FAILURES):
                    await self._connection.execute("rollback")
            match getattr(error, "sqlstate", None):
                case str(state) if state == CONFLICT:
                    raise StoreConflict(str(error)) from error
                case str(state) if state == BURIED:
                    raise Buried(str(error)) from error
            raise

    def _parameters(self, group: Group) -> list[Any]:
        """The parameters of the function behind its head, in its order."""
        lookups = group.lookups
        opened = sorted(lookups.revisions.items())
        claims = [(*at, instance) for at, instance in sorted(group.claims_again.items())]
        new, old, history = group.instances()
        free, taken = group.claimed()
        silent, listening = group.listening()
        unkept, kept = group.kept()
        unheld, held = group.held()
        ended, called = group.called()
        return [
            lookups.version,
            *columns(sorted(lookups.sightings), 2),
            sum(lookups.seen.values()),
            *columns(opened, 2),
            group.lock_numbers(self._keys),
            *columns(sorted(group.unmatched), 3),
            *columns(group.waits_known, 3),
            *columns(claims, 3),
            *(column for part in group.kept_again for column in part),
            sorted(lookups.known) if lookups.kept or lookups.unasked else [],
            *new,
            *old,
            *history,
            *group.outgoing(),
            group.sent(),
            *group.positioned(),
            *free,
            *taken,
            *silent,
            *listening,
            unkept,
            *kept,
            unheld,
            *held,
            *ended,
            *called,
        ]

    async def _write_rest(self, group: Group) -> None:
        parked = group.parked()
        if parked[0]:
            await self._rows("park", *parked)
        heeded = group.heeded()
        if heeded[0]:
            await self._rows("heed", *heeded)
        if group.removed:
            ids = [id_ for id_, _ in group.removed]
            for name in ("remove_instances", "remove_history", "remove_inbox"):
                await self._rows(name, ids)
            await self._rows("bury", *columns(group.removed, 2))
        for name, values in group.changes:
            rows = await self._rows(name, *values)
            if name == "remove_definition" and not rows:
                raise StoreConflict("an instance of the definition was started meanwhile")
        if group.changes:
            await self._rows("count_up")

    async def _rows(self, name: str, *parameters: Any) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._connection.fetch(self._sql[name], self._tenant, *parameters)
        return rows


def columns(rows: Any, width: int) -> Columns:
    """Rows as one list a column."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
