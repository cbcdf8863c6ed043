"""The histories in a database, for whoever runs them again; whoever works on it is not disturbed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.adapters.statements import load_statements
from evenweave.adapters.stores.postgres.connections import Link
from evenweave.adapters.stores.postgres.migrations import PACKAGE
from evenweave.ports.store import DefinitionRow, HistoryEntry

if TYPE_CHECKING:
    from collections.abc import Sequence


class DatabaseHistories:
    """See `evenweave.worker.histories.Histories`; each method raises `StoreUnavailable` where the server is away."""

    def __init__(self, url: str, *, tenant: str) -> None:
        self._link = Link(url, "doctor", {"default_transaction_read_only": "on"})
        self._sql = load_statements(PACKAGE)
        self._tenant = tenant

    async def definitions(self) -> Sequence[DefinitionRow]:
        """All definitions."""
        return [DefinitionRow(**row) for row in await self._link.rows(self._sql["definitions"], self._tenant)]

    async def states(self, before: int, limit: int) -> Sequence[tuple[int, str, bytes]]:
        """A page of instances, newest first."""
        rows = await self._link.rows(self._sql["states"], self._tenant, before, limit)
        return [(row[0], row[1], row[2]) for row in rows]

    async def history(self, instance: str) -> Sequence[HistoryEntry]:
        """The bursts of an instance, oldest first."""
        return [HistoryEntry(*row) for row in await self._link.rows(self._sql["history"], self._tenant, instance)]

    async def close(self) -> None:
        """Let go of the connection."""
        await self._link.close()
