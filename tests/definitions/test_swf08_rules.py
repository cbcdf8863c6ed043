"""Every code: its example in docs/diagnostics-swf08.md is said exactly what the page shows, and nothing else."""

import re
from pathlib import Path

import pytest
from swf08_examples import read

from evenweave import source
from evenweave.definitions.swf08.lint import CHECKS, USES
from evenweave.definitions.swf08.rules import RULES

PAGE = Path(__file__).parents[2] / "docs" / "diagnostics-swf08.md"
SECTION = re.compile(
    r"^### (SW\d{3}): (?P<title>.*?)\n\n\*(?P<kind>.*?)\*\n\n.*?```yaml\n(?P<text>.*?)```\n\n```text\n(?P<said>.*?)```",
    re.MULTILINE | re.DOTALL,
)
SECTIONS = {found[1]: found for found in SECTION.finditer(PAGE.read_text())}


def test_rules_have_a_section_each() -> None:
    """The page describes every code, in order, and no other."""
    assert list(SECTIONS) == list(RULES)


@pytest.mark.parametrize("code", sorted(RULES))
def test_rule_is_reported_as_documented(code: str) -> None:
    """The example of a code is said what the page shows, at its place, with its hint."""
    section = SECTIONS[code]
    diagnostics = read(section["text"]).diagnostics
    assert [diagnostic.code for diagnostic in diagnostics] == [code]
    assert source.render(diagnostics, {"order.yaml": section["text"]}).strip() == section["said"].strip()


@pytest.mark.parametrize("code", sorted(RULES))
def test_rule_has_its_severity(code: str) -> None:
    """The page tells the severity and the clause of a code, and an error, and only an error, leaves no workflow."""
    section, rule = SECTIONS[code], RULES[code]
    loaded = read(section["text"])
    assert section["title"] == rule.title
    refused = ", refused by the official schema" if rule.schema else ""
    assert section["kind"] == f"{rule.severity.capitalize()}{refused}. Specification: {rule.clause}."
    assert {diagnostic.severity for diagnostic in loaded.diagnostics} == {rule.severity}
    assert (loaded.workflow is None) == (rule.severity == "error")


def test_rules_of_meaning_are_in_the_table_of_checks() -> None:
    """Each code in the table of checks is a rule, and none is in it twice."""
    codes = [code for row, _ in (*CHECKS, *USES) for code in row]
    assert set(codes) <= set(RULES)
    assert len(codes) == len(set(codes))
