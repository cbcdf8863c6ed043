"""The histories in a file, for whoever runs them again; whoever works on the file is not disturbed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import apsw
import msgspec

from evenweave.adapters.sqlite import Lookups, load_statements
from evenweave.adapters.sqlite.connections import BUSY_TIMEOUT_MS, Reader
from evenweave.adapters.stores.sqlite.store import DEFINITION, PACKAGE
from evenweave.ports.store import DefinitionRow, HistoryEntry, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class FileHistories:
    """See `evenweave.worker.histories.Histories`."""

    def __init__(self, connection: apsw.Connection, tenant: str) -> None:
        """Use `open` instead."""
        self._connection = connection
        self._reader = Lookups(Reader(connection), "the store", StoreUnavailable)
        self._sql = load_statements(PACKAGE)
        self._tenant = tenant

    @classmethod
    def open(cls, path: Path, *, tenant: str) -> Self:
        """Open a file to read it.

        Raises:
            StoreUnavailable: It cannot be opened.
        """
        try:
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        except apsw.Error as error:
            raise StoreUnavailable(f"the store cannot be read: {error}") from error
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        return cls(connection, tenant)

    async def definitions(self) -> Sequence[DefinitionRow]:
        """All definitions."""
        rows = self._reader.rows(self._sql["definitions"], (self._tenant,))
        return [msgspec.convert(dict(zip(DEFINITION, row, strict=True)), DefinitionRow, strict=False) for row in rows]

    async def states(self, before: int, limit: int) -> Sequence[tuple[int, str, bytes]]:
        """A page of instances, newest first."""
        return [
            (row[0], row[1], row[2]) for row in self._reader.rows(self._sql["states"], (self._tenant, before, limit))
        ]

    async def history(self, instance: str) -> Sequence[HistoryEntry]:
        """The bursts of an instance, oldest first."""
        return [HistoryEntry(*row) for row in self._reader.rows(self._sql["history"], (self._tenant, instance))]

    async def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
