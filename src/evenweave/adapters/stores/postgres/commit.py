"""The transaction of the database: lock, look again, write (PROTOCOL section 2, PostgreSQL)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import asyncpg

from evenweave.ports.store import StoreConflict, Wait

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.adapters.stores.postgres.group import Columns, Group
    from evenweave.adapters.stores.postgres.keys import LockKeys


class Buried(StoreConflict):
    """An instance that was to be new is there already, or was."""


class Commit:
    """Writes one group; the same statements for every group, each only where it has something to do.

    Attributes:
        transaction: The id by which the database knows the transaction, once it is about to be committed.
    """

    def __init__(
        self,
        connection: asyncpg.Connection,
        sql: Mapping[str, str],
        *,
        tenant: str,
        session: str,
        keys: LockKeys,
        now: float,
    ) -> None:
        self.transaction: str | None = None
        self._connection = connection
        self._sql = sql
        self._tenant = tenant
        self._session = session
        self._keys = keys
        self._now = now

    async def run(self, group: Group) -> None:
        """Write the group, or nothing of it.

        Raises:
            StoreConflict: What was looked up is not true any more.
        """
        share = "" if group.changes else "_shared"
        await self._connection.execute(f"begin; select pg_advisory_xact_lock{share}({self._keys.definitions})")
        try:
            await self._lock(group)
            await self._look_again(group)
            await self._write(group)
            await self._write_rest(group)
        except (StoreConflict, asyncpg.PostgresError):
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await self._connection.execute("rollback")
            raise
        await self._connection.execute("commit")

    async def _lock(self, group: Group) -> None:
        """Statements 1 and 2: events that are new, instances as they were, each sorted."""
        sightings = group.lookups.sightings
        if sightings:
            (row,) = await self._rows("see", *group.events, self._now)
            if row["added"] != len(sightings) or row["known"] != sum(group.lookups.seen.values()):
                raise StoreConflict("another worker took an event meanwhile")
        revisions = group.lookups.revisions
        if revisions:
            found = {row["id"]: row["revision"] for row in await self._rows("lock", group.opened)}
            for id_, revision in revisions.items():
                if found.get(id_, 0) != revision:
                    raise StoreConflict(f"another worker moved instance {id_} meanwhile")

    async def _look_again(self, group: Group) -> None:
        """Statement 3: the locks of keys, and only then, in further statements, what was not there before."""
        numbers = group.lock_numbers(self._keys)
        if not numbers:
            return
        await self._connection.fetch(self._sql["lock_keys"], numbers)
        lookups = group.lookups
        if group.unmatched:
            for row in await self._rows("look_for_waits", *_columns(group.unmatched)):
                at = (row["definition"], row["channel"], row["key"])
                if Wait(row["instance"], row["activation"], row["accept"]) not in lookups.waits.get(at, ()):
                    raise StoreConflict(f"somebody waits on {row['channel']} meanwhile")
        claims = group.claims_again
        if claims:
            found = dict.fromkeys(claims)
            for row in await self._rows("look_for_claims", *_columns(claims)):
                found[row["definition"], row["key"]] = row["instance"]
            if found != claims:
                raise StoreConflict("another instance stands for a key meanwhile")
        if lookups.kept or lookups.unasked:
            both, channels, keys = group.kept_again
            (row,) = await self._rows("look_for_kept", *both, sorted(lookups.known), *channels, *keys)
            if row[0]:
                raise StoreConflict("an event was kept meanwhile")

    async def _write(self, group: Group) -> None:
        """Statement 4, the hot tables."""
        new, old, history = group.instances()
        (row,) = await self._rows(
            "write", *new, *old, *history, self._session, *group.outgoing(), group.sent(), *group.positioned()
        )
        if row["added"] != len(new[0]) or row["logged"] != len(history[0]) or row["buried"]:
            raise Buried("an instance was started meanwhile, or was there before")
        version = group.lookups.version
        if version is not None and (row["version"] or 0) != version:
            raise StoreConflict("the definitions are other ones meanwhile")
        self.transaction = row["transaction"]

    async def _write_rest(self, group: Group) -> None:
        """Statement 4, the other tables."""
        free, taken = group.claimed()
        await self._maybe("release", free)
        await self._maybe("claim", taken)
        silent, listening = group.listening()
        # Those that go come first: a wait may have another key now.
        await self._maybe("forget", silent)
        await self._maybe("listen", listening)
        unkept, kept = group.kept()
        if unkept:
            gone = await self._connection.fetchval(self._sql["unkeep"], unkept)
            if gone != len(unkept):
                raise StoreConflict("another worker took a kept event meanwhile")
        await self._maybe("keep", kept)
        unheld, held = group.held()
        if unheld:
            gone = await self._connection.fetchval(self._sql["unhold"], unheld)
            if gone != len(unheld) and not group.removed:
                raise StoreConflict("another worker took a notice meanwhile")
        await self._maybe("hold", held)
        ended, called = group.called()
        await self._maybe("end_calls", ended)
        if called[0]:
            await self._rows("call", self._session, *called)
        await self._maybe("park", group.parked())
        if group.removed:
            ids = [id_ for id_, _ in group.removed]
            for name in ("remove_instances", "remove_history", "remove_inbox"):
                await self._rows(name, ids)
            await self._rows("bury", *_columns(group.removed))
        for name, values in group.changes:
            rows = await self._rows(name, *values)
            if name == "remove_definition" and not rows:
                raise StoreConflict("an instance of the definition was started meanwhile")
        if group.changes:
            await self._rows("count_up")

    async def _maybe(self, name: str, columns: Columns) -> None:
        if columns[0]:
            await self._rows(name, *columns)

    async def _rows(self, name: str, *parameters: Any) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._connection.fetch(self._sql[name], self._tenant, *parameters)
        return rows


def _columns(rows: Any) -> Columns:
    return [list(column) for column in zip(*rows, strict=True)]
