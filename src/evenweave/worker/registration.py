"""From a document to a registered definition: read, check, resolve, compile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from evenweave import source
from evenweave.definitions import swf08
from evenweave.errors import InvalidDocument, UnknownOperation
from evenweave.plan import operation as operations
from evenweave.plan.others import find_missing
from evenweave.plan.swf08 import compile as compile_swf08
from evenweave.ports.store import DefinitionRow
from evenweave.worker import identity
from evenweave.worker.definitions import Registered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from evenweave.definitions.swf08 import Profile
    from evenweave.plan.operation import Operation
    from evenweave.ports.catalog import Catalog
    from evenweave.source import Diagnostic
    from evenweave.worker.definitions import Definitions

_OPERATIONS = msgspec.json.Decoder(dict[str, operations.Operation])


async def prepare(
    name: str, data: bytes, catalog: Catalog, definitions: Definitions, *, now: float, profile: Profile | None = None
) -> tuple[Registered, Sequence[Diagnostic]]:
    """Make a definition ready to be registered beside others; with it come the warnings.

    One that is read by another profile than it says itself names that profile from then on.

    Raises:
        InvalidDocument: It has mistakes, or names operations that the Catalog does not know.
        CatalogUnavailable: The Catalog did not answer.
    """
    loaded = source.load(name, data)
    if loaded.document is None:
        raise invalid(name, loaded.diagnostics)
    document = loaded.document
    read = swf08.load(document, profile=profile)
    found = [*loaded.diagnostics, *read.diagnostics]
    if read.workflow is None:
        raise invalid(name, found)
    resolved: dict[str, Operation] = {}
    for use in read.workflow.operations():
        if use.operation in resolved:
            continue
        try:
            resolved[use.operation] = await catalog.operation(use.operation)
        except UnknownOperation as error:
            found.append(document.diagnostic("SW501", use.ref, error.message, hint=error.hint))
    if source.has_errors(found):
        raise invalid(name, source.ordered(found))
    if profile is not None and profile != document.value.get(swf08.PROFILE, "default"):
        named = source.load(name, swf08.name_profile(document, profile)).document
        assert named is not None, "a document stays one with one more property"
        document = named
    encoded = encode_operations(resolved)
    digest = identity.definition_digest(document.text, encoded)
    compiled = compile_swf08(document, read.workflow, resolved, digest=digest)
    found += compiled.diagnostics
    if compiled.plan is None:
        raise invalid(name, source.ordered(found))
    plan = compiled.plan
    found += find_missing(document, plan, definitions.find_plan, definitions.flows)
    row = DefinitionRow(plan.id, plan.version, digest, name, document.text, encoded, now)
    return Registered(row, plan), source.ordered(found)


def restore(row: DefinitionRow) -> Registered:
    """Compile a definition that was registered before, from what was stored with it.

    One that this version of Evenweave cannot read or compile has no plan, and its row says why: it must not keep the
    others from running.
    """
    try:
        loaded = source.load(row.file, row.document.encode())
        read = None if loaded.document is None else swf08.load(loaded.document)
        if loaded.document is None or read is None or read.workflow is None:
            raise invalid(row.file, loaded.diagnostics if read is None else read.diagnostics)
        compiled = compile_swf08(loaded.document, read.workflow, _OPERATIONS.decode(row.operations), digest=row.digest)
        if compiled.plan is None:
            raise invalid(row.file, compiled.diagnostics)
    except InvalidDocument as error:
        first = next((item.message for item in error.diagnostics if item.severity == "error"), "")
        return Registered(msgspec.structs.replace(row, broken=f"{error}: {first}"), None)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other definitions run
        return Registered(msgspec.structs.replace(row, broken=f"{type(error).__name__}: {error}"), None)
    return Registered(row, compiled.plan)


def invalid(name: str, diagnostics: Iterable[Diagnostic]) -> InvalidDocument:
    """The error for a document that has mistakes."""
    found = tuple(diagnostics)
    errors = [item for item in found if item.severity == "error"]
    return InvalidDocument(f"{name} has {len(errors)} error{'s' if len(errors) != 1 else ''}", found)


def encode_operations(resolved: Mapping[str, Operation]) -> bytes:
    """The operations that a definition resolved to, the same bytes for the same meaning."""
    return msgspec.json.encode(resolved, order="deterministic")
