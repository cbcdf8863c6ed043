"""Every code of the plan compiler: its example in docs/diagnostics-plan.md is said exactly what the page shows."""

import re
from pathlib import Path

import pytest

from evenweave import source
from evenweave.definitions import swf08
from evenweave.plan.operation import Operation
from evenweave.plan.swf08 import Compiled
from evenweave.plan.swf08 import compile as compile_swf08

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "diagnostics-plan.md"
CODES = ("SW501", "SW502", "SW504", "SW505", "SW506", "SW507", "SW511", "SW512")
BEHIND = PAGE.read_text().partition("\n## When a definition is compiled\n")[2].partition("\n## ")[0]
SECTION = re.compile(
    r"^### (SW\d{3}): (?P<title>.*?)\n\n\*(?P<kind>.*?)\*\n\n.*?```yaml\n(?P<text>.*?)```\n\n```text\n(?P<said>.*?)```",
    re.MULTILINE | re.DOTALL,
)
SECTIONS = {found[1]: found for found in SECTION.finditer(BEHIND)}


def compile_example(text: str) -> tuple[Compiled, str]:
    """Compile an example: of its operations `sendOrder` is received, and `sendOrders` does not exist."""
    document = source.load("order.yaml", text).document
    assert document is not None
    loaded = swf08.load(document)
    assert loaded.workflow is not None, loaded.diagnostics
    made = {
        use.operation: Operation(
            ref=use.operation,
            service="orders",
            version="1",
            operation_id=use.operation.partition("#")[2],
            channel="order",
            direction="publish" if use.operation.endswith("#sendOrder") else "subscribe",
        )
        for use in loaded.workflow.operations()
        if not use.operation.endswith("#sendOrders")
    }
    compiled = compile_swf08(document, loaded.workflow, made)
    return compiled, source.render(compiled.diagnostics, {"order.yaml": text})


def test_codes_of_the_compiler_have_a_section_each() -> None:
    """The page describes every code that the compiler uses, in order, and no other."""
    used = set()
    for path in (ROOT / "src" / "evenweave" / "plan" / "swf08").rglob("*.py"):
        used |= set(re.findall(r'"(SW5\d\d)"', path.read_text()))
    assert tuple(SECTIONS) == CODES
    assert used == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_code_is_reported_as_documented(code: str) -> None:
    """The example of a code is said what the page shows, and gives no plan."""
    section = SECTIONS[code]
    compiled, said = compile_example(section["text"])
    assert [diagnostic.code for diagnostic in compiled.diagnostics] == [code]
    assert said.strip() == section["said"].strip()
    assert compiled.plan is None
    assert section["kind"].startswith("Error. ")


def test_mistakes_are_reported_all_at_once() -> None:
    """Paths and attributes that are wrong are all named in one go."""
    compiled, _ = compile_example(
        """
id: flow
specVersion: "0.8"
states:
  - name: A
    type: operation
    actions:
      - functionRef: f
        actionDataFilter: {toStateData: '${ .a + 1 }'}
      - eventRef: {triggerEventRef: told, contextAttributes: {id: x, order-id: y, Fine: z}, resultEventRef: came}
    end: true
functions: [{name: f, type: expression, operation: .}]
events:
  - {name: told, type: org.told, kind: produced}
  - {name: came, type: org.came, source: /x, kind: consumed}
"""
    )
    assert sorted(diagnostic.code for diagnostic in compiled.diagnostics) == ["SW504", "SW505", "SW505"]
