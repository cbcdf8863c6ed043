"""Users' files: what they are, what is wrong with them, and what they refer to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
import msgspec
from msgspec import Struct

from evenweave import source
from evenweave.cli.bundle import Assembled, Bundle, Given, embed, read_bytes
from evenweave.errors import UnknownOperation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from evenweave.catalog.asyncapi import Service
    from evenweave.definitions.swf08 import Profile, Workflow
    from evenweave.plan.nodes import Plan
    from evenweave.plan.operation import Operation
    from evenweave.source import Diagnostic, Document, Severity

Kind = Literal["asyncapi", "swf08", "swf10", "test"]

TESTS = (".test.yaml", ".test.yml", ".test.json")
"""How the name of a document of tests ends; everything else is told by its content."""

_NEITHER = (
    "this is neither an AsyncAPI document nor a workflow definition",
    "an AsyncAPI document begins with `asyncapi: 2.6.0`, a definition has `specVersion: '0.8'` and `states`",
)
_MARK = re.compile(r"""^[\s{,]*["']?(?:asyncapi|specVersion|states|dsl)["']?\s*:""", re.MULTILINE)


class Checked(Struct):
    """A file and what came of it.

    Attributes:
        name: Where it is, as the user gave it.
        kind: What it is; ``None`` where that cannot be told.
        data: Its bytes.
        text: Its text, to show diagnostics in.
        document: What was read.
        diagnostics: Everything that is wrong with it.
        texts: The texts of the other files that its diagnostics may be about, by name.
        alone: What to register where it refers to other files: a document that needs none of them.
        plan: What a definition compiles to, where it has no errors.
        workflow: What a definition says, where it has no errors of its own.
    """

    name: str
    kind: Kind | None
    data: bytes
    text: str
    document: Document | None
    diagnostics: list[Diagnostic]
    texts: dict[str, str] = {}
    alone: bytes | None = None
    plan: Plan | None = None
    workflow: Workflow | None = None

    @property
    def valid(self) -> bool:
        """Whether no diagnostic is an error."""
        return not source.has_errors(self.diagnostics)

    @property
    def claims(self) -> bool:
        """Whether it means to be a document of ours, however broken: other YAML and JSON is nobody's business."""
        return self.kind not in {None, "test"} or (self.document is None and _MARK.search(self.text) is not None)


def check_files(
    names: Iterable[str],
    *,
    find: Callable[[str], Operation] | None = None,
    siblings: bool = True,
    unknown: Severity = "error",
    profile: Profile | None = None,
    senders: bool = False,
) -> list[Checked]:
    """Read and check files together.

    Args:
        names: The files.
        find: Finds operations that no file has; it raises `UnknownOperation` where it cannot.
        siblings: Whether operations may be in files below the definition's folder that were not given.
        unknown: How bad an operation is that is found nowhere.
        profile: How definitions are read; by default as each says itself.
        senders: Where there are AsyncAPI documents among the files, they and the definitions are all that send events.

    Raises:
        click.UsageError: A file cannot be read.
    """
    checking = _Checking([_load(name) for name in dict.fromkeys(names)], find, siblings, unknown, profile)
    return checking.check(senders=senders)


def check_schemas(names: Iterable[str]) -> list[Checked]:
    """Read definitions and hold them against the official schema of their language; nothing else is looked at.

    Raises:
        click.UsageError: A file cannot be read, or is an AsyncAPI document.
    """
    from evenweave.definitions import swf08  # noqa: PLC0415

    files = [_read(name) for name in dict.fromkeys(names)]
    for file in files:
        if file.kind == "asyncapi":
            raise click.UsageError(f"{file.name} is an AsyncAPI document: --schema-only is for definitions")
        if file.document is not None:
            file.diagnostics = source.ordered([*file.diagnostics, *swf08.check_schema(file.document)])
    return files


def render(files: Sequence[Checked], diagnostics: Iterable[Diagnostic] | None = None) -> str:
    """What is wrong with files, drawn for a terminal; empty where nothing is."""
    texts = {name: text for file in files for name, text in {**file.texts, file.name: file.text}.items()}
    return source.render(all_diagnostics(files) if diagnostics is None else diagnostics, texts).rstrip()


def all_diagnostics(files: Iterable[Checked]) -> list[Diagnostic]:
    """What is wrong with files; once where several lead to one place."""
    return list(dict.fromkeys(item for file in files for item in file.diagnostics))


def _read(name: str) -> Checked:
    try:
        data = read_bytes(name)
    except OSError as error:
        raise click.UsageError(f"{name}: {error.strerror}") from None
    loaded = source.load(name, data)
    file = Checked(name, None, data, loaded.text, loaded.document, list(loaded.diagnostics))
    if loaded.document is None:
        return file
    file.kind = "test" if name.lower().endswith(TESTS) else source.dialect(loaded.document.value)
    return file


def _load(name: str) -> Checked:
    file = _read(name)
    if file.document is not None and file.kind == "swf10":
        file.diagnostics.append(
            file.document.diagnostic(
                "FI902",
                "/document/dsl",
                "this is a definition of version 1.0, which this version does not run",
                hint="write it in version 0.8 (`specVersion: '0.8'`)",
            )
        )
    return file


class _Checking:
    """One check of several files. What reads a kind of document is imported when there is one of it."""

    def __init__(
        self,
        files: list[Checked],
        find: Callable[[str], Operation] | None,
        siblings: bool,
        unknown: Severity,
        profile: Profile | None,
    ) -> None:
        self._files = files
        self._given = Given({file.name: file.document for file in files if file.document is not None})
        self._find_elsewhere = find
        self._siblings = siblings
        self._unknown = unknown
        self._profile = profile
        self._services: dict[Document, Service | None] = {}
        self._used: set[Document] = set()
        self._compiled: list[tuple[Checked, Document, Plan]] = []

    def check(self, *, senders: bool) -> list[Checked]:
        for file in self._files:
            if file.kind == "asyncapi" and file.document is not None:
                self._check_service(file, file.document)
        for file in self._files:
            if file.kind == "swf08" and file.document is not None:
                self._check_definition(file, file.document)
        if senders:
            self._check_senders()
        for file in self._files:
            if file.kind == "test" and file.document is not None:
                from evenweave.testing.document import read  # noqa: PLC0415

                file.diagnostics += read(file.document)[1]
            if file.kind is None and file.document is not None and file.document not in self._used:
                file.diagnostics.append(file.document.diagnostic("FI901", "", _NEITHER[0], hint=_NEITHER[1]))
            file.diagnostics = source.ordered(file.diagnostics)
        return self._files

    def _check_service(self, file: Checked, document: Document) -> None:
        from evenweave.catalog import asyncapi  # noqa: PLC0415

        bundle = Bundle(file.name, self._given)
        bundle.gather(document)
        read = asyncapi.read(document, bundle)
        file.diagnostics += read.diagnostics
        file.texts = bundle.texts
        self._used.update(bundle.used)
        file.alone = embed(document, bundle) if read.service is not None else None
        self._services[document] = read.service

    def _check_definition(self, file: Checked, document: Document) -> None:
        from evenweave.definitions import swf08  # noqa: PLC0415
        from evenweave.plan.swf08 import compile as compile_swf08  # noqa: PLC0415

        bundle = Bundle(file.name, self._given)
        read = swf08.load(document, bundle.find, self._profile)
        file.diagnostics += read.diagnostics
        self._used.update(bundle.used)
        file.texts = bundle.texts
        file.workflow = read.workflow
        if read.workflow is None:
            return
        parts: dict[str, Any] = {}
        if self._profile is not None and self._profile != document.value.get(swf08.PROFILE, "default"):
            file.alone = swf08.name_profile(document, self._profile)
            parts = {swf08.PROFILE: self._profile}
        files = dict(read.workflow.files)
        schema = read.workflow.data_input_schema
        if schema is not None and schema.content is not None:
            uri = schema.schema.partition("#")[0]
            held_by = bundle.find(uri)
            if held_by is not None:
                files[uri] = held_by.value
        if files:
            parts[swf08.FILES] = {**document.value.get(swf08.FILES, {}), **files}
        if read.workflow.resources or files:
            parts |= {each.name: _content(each.name, each.value) for each in read.workflow.resources}
            file.alone = msgspec.json.encode({**document.value, **parts})
            held = {each.uri: bundle.find(each.uri) for each in read.workflow.resources}
            document = Assembled(document, {uri: part for uri, part in held.items() if part is not None})
        resolved: dict[str, Operation] = {}
        for use in read.workflow.operations():
            try:
                resolved[use.operation] = self._find(use.operation, bundle)
            except UnknownOperation as error:
                file.diagnostics.append(
                    document.diagnostic("SW501", use.ref, error.message, severity=self._unknown, hint=error.hint)
                )
        compiled = compile_swf08(document, read.workflow, resolved)
        # What is unknown is said above; without it there is nothing to run, but the rest is checked.
        file.diagnostics += [item for item in compiled.diagnostics if item.code != "SW501"]
        file.plan = compiled.plan
        if compiled.plan is not None:
            self._compiled.append((file, document, compiled.plan))

    def _check_senders(self) -> None:
        given = [file for file in self._files if file.kind == "asyncapi"]
        services = [
            msgspec.structs.replace(service, name=Path(file.name).name)
            for file in given
            if file.document is not None and (service := self._services[file.document]) is not None
        ]
        if not given or len(services) < len(given) or any(not file.valid for file in self._files):
            return  # who sends what is not known
        from evenweave.catalog.senders import find_unsent  # noqa: PLC0415

        plans = [plan for _, _, plan in self._compiled]
        for file, document, plan in self._compiled:
            assert file.workflow is not None
            file.diagnostics += find_unsent(document, file.workflow, plan, services=services, plans=plans)

    def _find(self, ref: str, bundle: Bundle) -> Operation:
        from evenweave.catalog.registry import Registry  # noqa: PLC0415

        registry = Registry()
        for file in self._files:
            service = None if file.document is None else self._services.get(file.document)
            if service is not None:
                registry.add(msgspec.structs.replace(service, name=Path(file.name).name))
        written = ref.partition("#")[0].removeprefix("file://")
        if self._siblings:
            # The file of that name that is nearest to the definition answers before any other.
            for name in dict.fromkeys((written, written.rpartition("@")[0])):
                document = bundle.find(name) if name else None
                if document is not None:
                    registry.add(msgspec.structs.replace(self._service(document, ref), name=name))
                    break
        try:
            return registry.find(ref)
        except UnknownOperation:
            if self._find_elsewhere is None:
                raise
            return self._find_elsewhere(ref)

    def _service(self, document: Document, ref: str) -> Service:
        from evenweave.catalog import asyncapi  # noqa: PLC0415

        if document not in self._services:
            bundle = Bundle(document.name, self._given)
            bundle.gather(document)
            self._services[document] = asyncapi.read(document, bundle).service
        service = self._services[document]
        if service is None:
            hint = f"correct it first: evenweave check {document.name}"
            raise UnknownOperation(f'"{document.name}" is no valid AsyncAPI document', ref, hint)
        return service


def _content(name: str, value: Any) -> Any:
    """What a property holds that another document gives: the value under its name, or the whole document."""
    return value[name] if isinstance(value, dict) and name in value else value
