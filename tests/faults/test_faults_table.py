"""docs/faults.md: every row has its five cells, and names a test that there is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "faults.md"
HEAD = ["fault", "what happens", "what you see", "what to do", "proved by"]


def rows() -> list[list[str]]:
    """The cells of every row of the page's tables, without heads and rules."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [cells for cells in found if cells != HEAD and set(cells) != {"---"}]


def names_in(file: Path) -> set[str]:
    """The names of the tests in a file."""
    tree = ast.parse(file.read_text("utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {function.name for function in functions if function.name.startswith("test_")}


def test_faults_page_names_a_test_for_each_row() -> None:
    """The last cell of each row is a test, by file and name, that exists."""
    missing = []
    for *cells, proof in rows():
        named = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", proof)
        assert named, f"{cells[0]}: {proof!r} names no test"
        file = ROOT / named[1]
        if not file.is_file() or named[2] not in names_in(file):
            missing.append(f"{cells[0]}: there is no {named[1]}::{named[2]}")
    assert missing == []


def test_faults_page_says_what_happens_in_each_row() -> None:
    """Each row has its five cells, and says at least the fault, what happens and what to do; no fault stands twice."""
    found = rows()
    assert len(found) >= 30
    assert [cells for cells in found if len(cells) != len(HEAD)] == []
    assert [cells for cells in found if not (cells[0] and cells[1] and cells[3])] == []
    assert len({cells[0] for cells in found}) == len(found)


def test_faults_page_has_each_test_of_faults() -> None:
    """What is proved in tests/faults stands in the table."""
    named = {cells[-1] for cells in rows()}
    proved = {
        f"`tests/faults/{file.name}::{name}`"
        for file in sorted(Path(__file__).parent.glob("test_faults_*.py"))
        if file != Path(__file__)
        for name in names_in(file)
    }
    assert proved - named == set()
