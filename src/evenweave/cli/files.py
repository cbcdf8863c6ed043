"""Users' files: what they are, what is wrong with them, and what they refer to.

Files may refer to one another by name, and to files below their own folder; nothing else is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from evenweave import source
from evenweave.catalog import asyncapi
from evenweave.catalog.registry import Registry
from evenweave.definitions import swf08
from evenweave.errors import UnknownOperation
from evenweave.plan.swf08 import compile as compile_swf08
from evenweave.source import Diagnostic, Document

if TYPE_CHECKING:
    from pathlib import Path

    from evenweave.plan.nodes import Plan
    from evenweave.plan.operation import Operation

Kind = Literal["asyncapi", "swf08", "swf10"]

_NEITHER = (
    "this is neither an AsyncAPI document nor a workflow definition",
    "an AsyncAPI document begins with `asyncapi: 2.6.0`, a definition has `specVersion: '0.8'` and `states`",
)


class Checked(Struct):
    """A file and what came of it.

    Attributes:
        path: Where it is.
        kind: What it is; ``None`` where that cannot be told.
        data: Its bytes.
        text: Its text, to show diagnostics in.
        document: What was read.
        diagnostics: Everything that is wrong with it.
        plan: What a definition compiles to, where it has no errors.
    """

    path: Path
    kind: Kind | None
    data: bytes
    text: str
    document: Document | None
    diagnostics: list[Diagnostic]
    plan: Plan | None = None

    @property
    def valid(self) -> bool:
        """Whether no diagnostic is an error."""
        return not source.has_errors(self.diagnostics)


class Bundle(Mapping[str, Document]):
    """The documents that a file may refer to: the others that were given, and those below its own folder."""

    def __init__(self, path: Path, given: dict[str, Document]) -> None:
        self._folder = path.parent.resolve()
        self._given = given
        self._read: dict[str, Document | None] = {}

    def __getitem__(self, name: str) -> Document:
        """The document of a name as another document writes it.

        Raises:
            KeyError: There is none, or it is not below the folder.
        """
        name = name.removeprefix("file://").removeprefix("./")
        if name in self._given:
            return self._given[name]
        if name not in self._read:
            self._read[name] = self._load(name)
        found = self._read[name]
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        """The names that were given or asked for."""
        return iter({**self._given, **{name: one for name, one in self._read.items() if one is not None}})

    def __len__(self) -> int:
        """How many those are."""
        return len(list(iter(self)))

    def _load(self, name: str) -> Document | None:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder) or not path.is_file():
            return None
        return source.load(name, path.read_bytes()).document


def check_files(paths: list[Path], *, registered: bool = False) -> list[Checked]:
    """Read and check files together.

    Args:
        paths: The files.
        registered: Operations that no document resolves may be in the Catalog: they are warnings.
    """
    files = [_load(path) for path in paths]
    given = {file.path.name: file.document for file in files if file.document is not None}
    registry = Registry()
    for file in files:
        if file.kind == "asyncapi" and file.document is not None:
            read = asyncapi.read(file.document, Bundle(file.path, given))
            file.diagnostics += read.diagnostics
            if read.service is not None:
                registry.add(read.service)
    for file in files:
        if file.kind == "swf08" and file.document is not None:
            _check_definition(file, file.document, registry, Bundle(file.path, given), registered=registered)
    for file in files:
        file.diagnostics = source.ordered(file.diagnostics)
    return files


def _load(path: Path) -> Checked:
    data = path.read_bytes()
    loaded = source.load(str(path), data)
    file = Checked(path, None, data, loaded.text, loaded.document, list(loaded.diagnostics))
    if loaded.document is None:
        return file
    file.kind = source.dialect(loaded.document.value)
    if file.kind is None:
        file.diagnostics.append(loaded.document.diagnostic("FI901", "", _NEITHER[0], hint=_NEITHER[1]))
    elif file.kind == "swf10":
        file.diagnostics.append(
            loaded.document.diagnostic(
                "FI902", "/document/dsl", "this is a definition of version 1.0, which this version does not run"
            )
        )
    return file


def _check_definition(
    file: Checked, document: Document, registry: Registry, bundle: Bundle, *, registered: bool
) -> None:
    read = swf08.load(document, bundle.get)
    file.diagnostics += read.diagnostics
    if read.workflow is None:
        return
    resolved: dict[str, Operation] = {}
    for use in read.workflow.operations():
        try:
            resolved[use.operation] = _find(registry, use.operation, bundle)
        except UnknownOperation as error:
            file.diagnostics.append(
                document.diagnostic(
                    "SW501", use.ref, error.message, severity="warning" if registered else "error", hint=error.hint
                )
            )
    known = {use.operation for use in read.workflow.operations()} <= set(resolved)
    compiled = compile_swf08(document, read.workflow, resolved)
    # What is unknown is said above; without it there is nothing to run, but the rest is checked.
    file.diagnostics += [item for item in compiled.diagnostics if item.code != "SW501"]
    if known:
        file.plan = compiled.plan


def _find(registry: Registry, ref: str, bundle: Bundle) -> Operation:
    try:
        return registry.find(ref)
    except UnknownOperation:
        name = ref.partition("#")[0]
        document = bundle.get(name)
        if document is None:
            raise
        service = asyncapi.read(document, bundle).service
        if service is None:
            raise
        registry.add(service)
        return registry.find(ref)
