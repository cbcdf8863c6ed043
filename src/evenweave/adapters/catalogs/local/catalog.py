"""The Catalog on a SQLite database: documents are kept as they were registered, and read again at the start."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from msgspec import Struct

from evenweave import source
from evenweave.adapters.sqlite import Migrations, Unit, load_statements
from evenweave.catalog import asyncapi
from evenweave.catalog.registry import Registry
from evenweave.errors import InvalidDocument, UnknownDocument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.adapters.sqlite import Database
    from evenweave.catalog.asyncapi import Service
    from evenweave.plan.operation import Operation
    from evenweave.ports.clock import Clock
    from evenweave.runtime.figures import Commits
    from evenweave.source import Diagnostic

PACKAGE = "evenweave.adapters.catalogs.local"
MIGRATIONS = Migrations("catalog", PACKAGE)


class DocumentRow(Struct, frozen=True):
    """A version of a document; ``number`` counts its versions from 1, ``created`` is in seconds since the epoch."""

    name: str
    number: int
    digest: str
    document: str
    created: float


class LocalCatalog:
    """See `evenweave.ports.catalog.Catalog`; besides, documents are registered, listed and removed here."""

    def __init__(self, database: Database, clock: Clock, *, tenant: str = "default") -> None:
        self._database = database
        self._clock = clock
        self._tenant = tenant
        self._sql = load_statements(PACKAGE)
        self._registry = Registry()
        self._changing = asyncio.Lock()
        log = structlog.get_logger("evenweave.catalog")
        for row in self._rows():
            try:
                self._registry.add(_read(row.name, row.document.encode())[0])
            except InvalidDocument as error:
                # Written by a version that read it: it stays, but answers for nothing until it is registered anew.
                log.error("a document cannot be read any more", document=row.name, error=str(error))

    @property
    def commits(self) -> Commits:
        """What the database did since the start."""
        return self._database.commits

    def count_bytes(self) -> int:
        """The size of the database and of its WAL."""
        return self._database.count_bytes()

    async def operation(self, ref: str) -> Operation:
        """The operation of a reference; the newest version answers."""
        return self._registry.find(ref)

    async def register(
        self, name: str, data: bytes, *, strict: bool = False
    ) -> tuple[DocumentRow, bool, Sequence[Diagnostic]]:
        """Register a document as the newest version of its name; the same content again is no new version.

        Returns:
            The version that answers now, whether it is new, and the warnings.

        Raises:
            InvalidDocument: It has mistakes; nothing was registered.
        """
        service, text, diagnostics = _read(name, data)
        if strict and any(item.severity == "warning" for item in diagnostics):
            raise InvalidDocument(f"{name} has warnings, and they count as errors", source.strict(diagnostics))
        async with self._changing:
            versions = self._registry.versions(name)
            if versions and versions[-1].service.digest == service.digest:
                return self._row(name, versions[-1].number), False, diagnostics
            number = versions[-1].number + 1 if versions else 1
            row = DocumentRow(name, number, service.digest, text, self._clock.now() / 1000)
            unit = Unit()
            unit.add(self._sql["insert"], (self._tenant, row.name, row.number, row.digest, row.document, row.created))
            await self._database.durable(unit)
            self._registry.add(service)
            return row, True, diagnostics

    def services(self) -> list[Service]:
        """The newest version of each service, by file name."""
        return self._registry.services()

    def document(self, name: str, number: int | None = None) -> DocumentRow:
        """A version of a document, by default the newest.

        Raises:
            UnknownDocument: There is none.
        """
        versions = self._registry.versions(name)
        if number is None and versions:
            number = versions[-1].number
        if number is None or all(each.number != number for each in versions):
            raise UnknownDocument(f'there is no document "{name}"' + (f" version {number}" if number else ""), name)
        return self._row(name, number)

    async def remove(self, name: str) -> None:
        """Remove a document with all its versions; definitions keep the operations that they resolved.

        Raises:
            UnknownDocument: There is none.
        """
        async with self._changing:
            if not self._registry.versions(name):
                raise UnknownDocument(f'there is no document "{name}"', name)
            unit = Unit()
            unit.add(self._sql["remove"], (self._tenant, name))
            await self._database.durable(unit)
            self._registry.remove(name)

    def _rows(self) -> list[DocumentRow]:
        return [DocumentRow(*row) for row in self._database.reader.rows(self._sql["documents"], (self._tenant,))]

    def _row(self, name: str, number: int) -> DocumentRow:
        row = self._database.reader.row(self._sql["document"], (self._tenant, name, number))
        assert row is not None, f"the registry knows version {number} of {name}, the database does not"
        return DocumentRow(*row)


def _read(name: str, data: bytes) -> tuple[Service, str, Sequence[Diagnostic]]:
    loaded = source.load(name, data)
    diagnostics: Sequence[Diagnostic] = loaded.diagnostics
    if loaded.document is not None:
        read = asyncapi.read(loaded.document)
        diagnostics = source.ordered([*diagnostics, *read.diagnostics])
        if read.service is not None:
            return read.service, loaded.document.text, diagnostics
    errors = sum(item.severity == "error" for item in diagnostics)
    raise InvalidDocument(f"{name} has {errors} error{'s' if errors != 1 else ''}", diagnostics)
