"""Runs documents of tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from evenweave import source
from evenweave.cli.bundle import read_bytes
from evenweave.cli.files import TESTS
from evenweave.plan.nodes import Call, Child, Emit
from evenweave.testing import document as documents
from evenweave.testing.flow import Flow, NotValid
from evenweave.testing.verdict import differences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.definitions.swf08 import Profile
    from evenweave.source import Diagnostic, Document
    from evenweave.testing.rehearsal import Rehearsal


class Verdict(Struct, frozen=True):
    """What came of one test.

    Attributes:
        name: The test's name.
        line: Where it stands in its document.
        failures: What was not as expected, the first difference first; none where it passed.
        history: What happened, line by line.
        status: The status of the instance.
        output: Its data.
    """

    name: str
    line: int
    failures: list[Diagnostic]
    history: list[str]
    status: str
    output: Any


class Ran(Struct, frozen=True):
    """What came of a document of tests.

    Attributes:
        file: Its name.
        text: Its text.
        diagnostics: What is wrong with it; then nothing ran.
        trouble: What is wrong with its definition, drawn; then nothing ran.
        verdicts: What came of each test, in order.
    """

    file: str
    text: str
    diagnostics: list[Diagnostic]
    trouble: str
    verdicts: list[Verdict]

    @property
    def valid(self) -> bool:
        """Whether its tests could run."""
        return not self.trouble and not source.has_errors(self.diagnostics)


def run_file(name: str, profile: Profile | None = None) -> Ran:
    """Run the tests of a document.

    Args:
        name: The file; it must be there to be read.
        profile: How the definition is read; by default as it says itself.
    """
    loaded = source.load(name, read_bytes(name))
    document = loaded.document
    if document is None:
        return Ran(name, loaded.text, list(loaded.diagnostics), "", [])
    tests, diagnostics = documents.read(document)
    diagnostics = [*loaded.diagnostics, *diagnostics]
    if tests is None:
        return Ran(name, loaded.text, diagnostics, "", [])
    path = _definition(name, tests.definition)
    if not path.is_file():
        ref = "/definition" if tests.definition else ""
        hint = "definition: FILE, seen from this file's folder"
        diagnostics.append(document.diagnostic("TE108", ref, f"there is no definition {path}", hint=hint))
        return Ran(name, loaded.text, diagnostics, "", [])
    try:
        flow = Flow.load(path, *(Path(name).parent / each for each in tests.catalog), profile=profile)
    except NotValid as error:
        return Ran(name, loaded.text, diagnostics, error.message, [])
    diagnostics += documents.check_names(document, tests, _names(flow), _published(flow))
    if source.has_errors(diagnostics):
        return Ran(name, loaded.text, diagnostics, "", [])
    return Ran(name, loaded.text, diagnostics, "", [_run(document, flow, test) for test in tests.tests])


def _definition(name: str, written: str) -> Path:
    """The definition that is tested: the one that is named, else the one that the file is named after."""
    path = Path(name)
    if written:
        return path.parent / written
    ending = next((each for each in TESTS if path.name.lower().endswith(each)), path.suffix)
    stem = path.name[: -len(ending)]
    candidates = [path.with_name(stem + suffix) for suffix in (".yaml", ".yml", ".json", ".sw.yaml", ".sw.json")]
    return next((each for each in candidates if each.is_file()), candidates[0])


def _names(flow: Flow) -> Mapping[str, list[str]]:
    nodes = flow.plan.nodes.values()
    return {
        "event": sorted({accept.match.name for accept in flow.plan.accepts}),
        "state": [state.name for state in flow.workflow.states],
        "function": sorted({node.function for node in nodes if isinstance(node, Call) and node.outside is not None}),
        "subflow": sorted({node.definition for node in nodes if isinstance(node, Child)}),
    }


def _published(flow: Flow) -> list[str]:
    return sorted({node.name for node in flow.plan.nodes.values() if isinstance(node, Emit)})


def _run(document: Document, flow: Flow, test: documents.Test) -> Verdict:
    run = flow.rehearse()
    line = document.span(test.ref).start_line
    try:
        _play(run, test)
    except (LookupError, RuntimeError) as error:
        failure = document.diagnostic("TE210", test.ref, str(error))
        return Verdict(test.name, line, [failure], run.explain().splitlines(), run.status, run.output)
    failures = [
        document.diagnostic(each.code, f"{test.ref}/expect{each.pointer}", each.message)
        for each in differences(test.expect, run)
    ]
    return Verdict(test.name, line, failures, run.explain().splitlines(), run.status, run.output)


def _play(run: Rehearsal, test: documents.Test) -> None:
    """Tell a rehearsal what a test gives, and let it come to its end."""
    for name, replies in test.stubs.events.items():
        for each in replies:
            run.reply(name, each.data, event=each.event, after=each.after, **each.attributes)
    for name, outcomes in test.stubs.functions.items():
        for each in outcomes:
            run.function(name, each.data, error=each.error, title=each.title, after=each.after)
    for name, outcomes in test.stubs.subflows.items():
        for each in outcomes:
            run.subflow(name, each.data, error=each.error, title=each.title, after=each.after)
    run.start(test.input)
    for given in test.events:
        run.send(given.event, given.data, after=given.after, **given.attributes)
    run.finish()
