"""Finds operations by the references that definitions use, over all services that are registered.

A document is known by three names: its file name (``orderService.yaml``), its title (``Order Service``) and its ``id``
(``urn:example:orders``). References have the form ``<document>#<operation id>``, split at the first ``#``, for
operation ids may hold one; ``file://`` before the document is how the design writes them, and counts for nothing.
"""

from __future__ import annotations

from posixpath import basename
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

from evenweave.catalog.asyncapi.service import Service  # noqa: TC001 - resolved by msgspec
from evenweave.errors import UnknownDocument, UnknownOperation
from evenweave.source import closest

if TYPE_CHECKING:
    from evenweave.plan.operation import Operation

__all__ = ["Registered", "Registry"]

_SUFFIXES = (".yaml", ".yml", ".json")


class Registered(msgspec.Struct, frozen=True):
    """A service under its file name: ``number`` counts the name's versions from 1, ``order`` all registrations."""

    service: Service
    number: int
    order: int


class Registry:
    """An index of services in memory. It is not locked: one thread changes it and reads it."""

    def __init__(self) -> None:
        self._versions: dict[str, list[Registered]] = {}
        self._order = 0

    def add(self, service: Service) -> Registered:
        """Register ``service`` as the newest version of its file name, and return how it is registered.

        The same content as the newest version's is no new version: what is there is returned as it is.
        """
        versions = self._versions.setdefault(service.name, [])
        if versions and versions[-1].service.digest == service.digest:
            return versions[-1]
        self._order += 1
        registered = Registered(service, versions[-1].number + 1 if versions else 1, self._order)
        versions.append(registered)
        return registered

    def remove(self, name: str) -> bool:
        """Forget every version of the document with the file name ``name``; say whether there was one."""
        return self._versions.pop(name, None) is not None

    def services(self) -> list[Service]:
        """Return the newest version of each document, by file name."""
        return [self._versions[name][-1].service for name in sorted(self._versions)]

    def versions(self, name: str) -> list[Registered]:
        """Return the versions of the document with the file name ``name``, the oldest first."""
        return list(self._versions.get(name, ()))

    def find(self, ref: str) -> Operation:
        """Return the operation that ``ref`` refers to.

        The document part is a file name (whole, or without folders), a title (with or without ``.yaml``) or an id,
        tried in this order; where several documents share it, the one registered last answers. Behind an ``@`` may
        stand the ``info.version`` that is meant (``orderService.yaml@1.2.0#sendOrder``); without it the newest version
        answers.

        Raises:
            UnknownDocument: no document goes by that name, or none of that version.
            UnknownOperation: the document has no such operation, or ``ref`` names none.
        """
        document, _, operation_id = ref.partition("#")
        document = document.removeprefix("file://")
        if not document or not operation_id:
            hint = "write <document>#<operation id>, such as file://orderService.yaml#sendOrder"
            raise UnknownOperation(f'"{ref}" is no reference to an operation', ref, hint)
        service = self._service(document)
        if service is None and "%" in document:
            service = self._service(unquote(document))
        if service is None:
            raise self._unknown_document(document, ref)
        for operation in service.operations:
            if operation.operation_id == operation_id:
                return operation
        raise _unknown_operation(service, operation_id, ref)

    def _service(self, document: str) -> Service | None:
        found = self._named(document, None)
        if found is None and "@" in document:
            name, _, version = document.rpartition("@")
            found = self._named(name, None if version == "latest" else version)
        return found

    def _named(self, name: str, version: str | None) -> Service | None:
        """Return the service that goes by ``name``, the newest one of that version."""
        best: tuple[int, int] | None = None
        answer: Service | None = None
        for versions in self._versions.values():
            for registered in reversed(versions):
                service = registered.service
                if version is None or service.version == version:
                    rank = _rank(service, name)
                    if rank and (best is None or (rank, registered.order) > best):
                        best, answer = (rank, registered.order), service
                    break
        return answer

    def _unknown_document(self, document: str, ref: str) -> UnknownDocument:
        name, _, version = document.rpartition("@")
        service = self._named(name, None) if name else None
        if service is not None:
            known = sorted({each.service.version for each in self._versions[service.name]})
            hint = f"there are {', '.join(known)}"
            return UnknownDocument(f'"{service.name}" has no version {version}', ref, hint)
        names = [each for service in self.services() for each in (service.name, service.title, service.id) if each]
        near = closest(document, names)
        hint = f'did you mean "{near}"?' if near else f"register it first: evenweave register {document}"
        return UnknownDocument(f'no AsyncAPI document is known as "{document}"', ref, hint)


def _rank(service: Service, name: str) -> int:
    """Say how well ``name`` fits: whole file name, file name without folders, title, id, or not at all (0)."""
    if service.name == name:
        return 4
    if basename(service.name) == name:
        return 3
    if service.title == name or any(name == service.title + suffix for suffix in _SUFFIXES):
        return 2
    return 1 if service.id and service.id == name else 0


def _unknown_operation(service: Service, operation_id: str, ref: str) -> UnknownOperation:
    ids = [operation.operation_id for operation in service.operations]
    near = closest(operation_id, ids)
    if near:
        hint = f'did you mean "{near}"?'
    elif ids:
        more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
        hint = f"it has {', '.join(ids[:5])}{more}"
    else:
        hint = "it has no operations"
    return UnknownOperation(f'"{service.name}" has no operation "{operation_id}"', ref, hint)
