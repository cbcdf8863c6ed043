"""Every code that a diagnostic may have is explained with an example, and the example is said what the page shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from blocks import ROOT
from page_examples import PAGES, find_examples, find_sections, play

if TYPE_CHECKING:
    from pathlib import Path

DOCS, TESTS = ROOT / "docs", ROOT / "tests"
PLAYED = {
    "diagnostics-swf08.md": "definitions/test_swf08_rules.py",
    "diagnostics-plan.md": "plan/test_plan_diagnostics.py",
    **dict.fromkeys(PAGES, "docs/test_docs_diagnostics.py"),
}
"""The pages that explain codes, and the test that plays each one's examples."""

OTHERS = {"diagnostics-plan.md": ("When documents are checked together", "plan/test_plan_others.py")}
"""From which heading of a page on another test plays the examples."""

CODE = re.compile(r"""["'](?!EW)([A-Z]{2}\d{3})["']""")  # EW... are error codes of PostgreSQL
EXAMPLES = find_examples()


def used() -> dict[str, str]:
    """Each code that stands in the sources, and where."""
    found = {}
    for path in sorted((ROOT / "src").rglob("*.py")):
        for code in CODE.findall(path.read_text("utf-8")):
            found.setdefault(code, str(path.relative_to(ROOT)))
    return found


def explained() -> dict[str, str]:
    """The body of the section of each code."""
    found = {}
    for page in PLAYED:
        for code, (_, body) in find_sections(DOCS / page).items():
            assert code not in found, f"{code} is explained twice"
            found[code] = body
    return found


def test_every_code_is_explained_by_an_example() -> None:
    """Each code of the sources, of whatever kind, has a section that shows how it is drawn; no section is left over."""
    codes, sections = used(), explained()
    assert len(codes) > 140
    assert {code: where for code, where in codes.items() if code not in sections} == {}
    assert sorted(sections.keys() - codes.keys()) == []
    drawn = re.compile(r"^\S+:\d+:\d+: (?:error|warning|info)\[(\w+)\] ", re.MULTILINE)
    assert {code for code, body in sections.items() if code not in drawn.findall(body)} == set()


def test_every_page_is_played_by_a_test() -> None:
    """No page of diagnostics stands beside those that are played, and the tests that play them name them."""
    assert {path.name for path in DOCS.glob("diagnostics-*.md")} == set(PLAYED)
    for page, test in PLAYED.items():
        named = "page_examples" if page in PAGES else page
        assert named in (TESTS / test).read_text("utf-8"), test
    for page, (heading, test) in OTHERS.items():
        behind = (DOCS / page).read_text("utf-8").partition(f"\n## {heading}\n")[2]
        codes = re.findall(r"^### (\w+):", behind, re.MULTILINE)
        source = (TESTS / test).read_text("utf-8")
        assert codes
        assert [code for code in codes if f'"{code}"' not in source] == []


@pytest.mark.parametrize("code", EXAMPLES)
def test_example_is_said_what_the_page_shows(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of a code has that diagnostic and no other, at its place, with its hint."""
    monkeypatch.chdir(tmp_path)
    example = EXAMPLES[code]
    assert play(example).rstrip() == example.said.rstrip()
    assert set(re.findall(r"(?:error|warning|info)\[(\w+)\]", example.said)) == {code}


def test_table_agrees_with_the_examples() -> None:
    """The overview has a row for each of these codes, with the severity that its example has."""
    rows = re.findall(r"^\| ([A-Z]{2}\d{3}) \| (\w+)", (DOCS / "diagnostics.md").read_text("utf-8"), re.MULTILINE)
    assert dict(rows) == {code: re.findall(r": (\w+)\[", each.said)[0] for code, each in EXAMPLES.items()}
