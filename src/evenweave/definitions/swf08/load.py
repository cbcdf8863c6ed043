"""From a document to a checked workflow, with every mistake of it at once."""

from typing import Any, Final

import msgspec

from evenweave.definitions.swf08.documents import find_documents
from evenweave.definitions.swf08.grammar import definition_shape
from evenweave.definitions.swf08.lint import check
from evenweave.definitions.swf08.model import FunctionDef, Resource, Workflow
from evenweave.definitions.swf08.profile import Profile, check_name, choose
from evenweave.definitions.swf08.reader import Reader, Resolve
from evenweave.definitions.swf08.rules import RULES, Finding
from evenweave.definitions.swf08.shape import INVALID
from evenweave.source import Diagnostic, Document, Span, has_errors, ordered, pointer

FILES: Final = "x-evenweave-files"
"""The property of a registered definition that holds the files that it needs, by URI."""


class Loaded(msgspec.Struct, frozen=True):
    """What became of a document.

    Attributes:
        workflow: the definition in normal form; None if a diagnostic is an error.
        diagnostics: everything that is wrong, in the order of the text.
    """

    workflow: Workflow | None
    diagnostics: tuple[Diagnostic, ...]


def load(document: Document, resolve: Resolve | None = None, profile: Profile | None = None) -> Loaded:
    """Read a Serverless Workflow 0.8 definition and check it: structure, names, flow, expressions, times.

    Never raises: whatever the document holds, the answer is a workflow or diagnostics that say why there is none. A
    caller that wants to be strict turns the warnings into errors with `evenweave.source.strict` and must then not use
    the workflow if there is any.

    Args:
        document: the definition, already parsed.
        resolve: from a URI as the definition writes it (`events: file://events.json`) to its document, or None where
            there is none; without it every such property is an error.
        profile: how forgiving to be; by default as the definition itself says (`x-evenweave-profile`).

    Returns:
        The workflow and the diagnostics.
    """
    written = document.value
    chosen = choose(written, profile)
    reader = Reader(document, resolve, wild=chosen == "sonataflow")
    check_name(reader, written)
    read = definition_shape().read(reader, written, "")
    workflow: Workflow | None = None
    if read is not INVALID:
        workflow = msgspec.structs.replace(_filled(read, reader, written), profile=chosen)
        sound = all(RULES[finding.code].severity != "error" for finding in reader.findings)
        reader.findings += check(
            workflow,
            frozenset(reader.unread),
            lambda name, ref: sound or name != "" or reader.is_empty(ref),
            is_sound=sound and not reader.unread,
            evaluated=frozenset(reader.evaluated),
        )
    diagnostics = ordered(_diagnostic(finding, reader) for finding in reader.findings)
    return Loaded(None if has_errors(diagnostics) else workflow, tuple(diagnostics))


def is_schema_valid(diagnostics: tuple[Diagnostic, ...]) -> bool:
    """Say whether the official JSON Schema of 0.8 takes the document, whatever it means.

    Args:
        diagnostics: what `load` said of the document.
    """
    return not any(diagnostic.code in RULES and RULES[diagnostic.code].schema for diagnostic in diagnostics)


def check_schema(document: Document) -> tuple[Diagnostic, ...]:
    """Say what the official JSON Schema of 0.8 refuses in a document, whatever it means; nothing where it takes it.

    Documents that the definition names by URI are not looked at: the schema only asks for a string there. What `load`
    forgives (a missing `resultEventRef`, an empty list) is an error here.
    """
    said = load(document, profile="default").diagnostics
    found = [item for item in said if item.code in RULES and RULES[item.code].schema]
    return tuple(msgspec.structs.replace(item, severity="error") for item in found)


def _filled(workflow: Workflow, reader: Reader, written: dict[str, Any]) -> Workflow:
    """Put in what one pass over the document cannot know: programs of functions, and resources."""
    functions = tuple(
        msgspec.structs.replace(function, expression=_program(function, reader)) for function in workflow.functions
    )
    resources = tuple(
        Resource(ref=f"/{name}", name=name, uri=uri, value=reader.resources[uri].value)
        for name, uri in ((name, reader.locate(uri)) for name, uri in written.items() if isinstance(uri, str))
        if uri in reader.resources
    )
    schema = workflow.data_input_schema
    if schema is not None:
        schema = msgspec.structs.replace(schema, content=_content(schema.schema, reader, written))
    embedded = written.get(FILES)
    files = find_documents(functions, embedded if isinstance(embedded, dict) else {}, lambda uri: _value(uri, reader))
    return msgspec.structs.replace(
        workflow, functions=functions, resources=resources, data_input_schema=schema, files=files
    )


def _value(uri: str, reader: Reader) -> Any:
    """What a file holds, or None."""
    document = reader.find(uri)
    return None if document is None else document.value


def _content(uri: str, reader: Reader, written: dict[str, Any]) -> Any:
    """Return what lies behind a URI: in the definition itself where it was registered with it, else in a file."""
    path, _, fragment = uri.partition("#")
    embedded = written.get(FILES)
    if isinstance(embedded, dict) and path in embedded:
        return _at(embedded[path], fragment)
    document = reader.find(path)
    return None if document is None else _at(document.value, fragment)


def _at(value: Any, fragment: str) -> Any:
    """Return what a JSON pointer leads to, or None."""
    if fragment and not fragment.startswith("/"):
        return None
    for token in pointer.split(fragment):
        value = value.get(token) if isinstance(value, dict) else None
    return value


def _program(function: FunctionDef, reader: Reader) -> Any:
    """Return the program of an expression function, and None for the others."""
    if function.type != "expression":
        return None
    # A name that became text only while it was read (SW403) was not known before.
    known = reader.programs.get(function.name)
    return known or reader.expression(function.operation, f"{function.ref}/operation")


def _diagnostic(finding: Finding, reader: Reader) -> Diagnostic:
    """Give a finding its place in the text."""
    rule = RULES[finding.code]
    where, ref = reader.place(finding.ref)
    span = _span(finding, where, ref)
    return Diagnostic(finding.code, where.name, span, rule.severity, finding.message, finding.hint, rule.clause)


def _span(finding: Finding, document: Document, ref: str) -> Span:
    """Find the value, the key, or the characters of the string."""
    if finding.offset >= 0:
        return document.span_in(ref, finding.offset, finding.length)
    return document.span(ref, "key" if finding.key else "value")
