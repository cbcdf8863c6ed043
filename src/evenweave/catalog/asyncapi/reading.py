"""From a document to a service, in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenweave.catalog.asyncapi import semantics
from evenweave.catalog.asyncapi.conformance import Conformance
from evenweave.catalog.asyncapi.findings import Findings
from evenweave.catalog.asyncapi.normalisation import normalise
from evenweave.catalog.asyncapi.references import References
from evenweave.catalog.asyncapi.schemas import Schemas
from evenweave.catalog.asyncapi.version import version_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.catalog.asyncapi.service import Service
    from evenweave.source import Diagnostic, Document

__all__ = ["Loaded", "read"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What :func:`read` made of a document: a service, or None and at least one error."""

    service: Service | None
    diagnostics: tuple[Diagnostic, ...]


def read(document: Document, bundle: Mapping[str, Document] | None = None) -> Loaded:
    """Read an AsyncAPI document, 2.0 - 2.6.

    ``bundle`` holds the other files that it may refer to, by their names; relative references count from the folder of
    ``document.name``. Nothing else is read, from no disk and no network. All findings come at once, in the order of
    their places; they may be about files of the bundle. The service is None as soon as one is an error. Codes: AA1xx -
    AA5xx.
    """
    minor = version_of(document)
    if not isinstance(minor, int):
        return Loaded(None, (minor,))
    references = References(document, bundle or {})
    findings = Findings()
    schemas = Schemas(references, findings)
    Conformance(references, findings, schemas, minor).check()
    semantics.check(references, findings, schemas)
    service = None if findings.failed() else normalise(references, schemas)
    return Loaded(service, findings.all())
