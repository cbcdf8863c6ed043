"""docs/serverless-workflow-0.8.md keeps up with what the compiler refuses."""

import ast
import re
from pathlib import Path

from blocks import ROOT

from evenweave.plan.swf08 import unsupported

PAGE = ROOT / "docs" / "serverless-workflow-0.8.md"


def refused() -> set[str]:
    """What the messages of SW590 call the features, from the code that yields them."""
    assert unsupported.__file__ is not None
    tree = ast.parse(Path(unsupported.__file__).read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            what = node.value.elts[1]
            if isinstance(what, ast.JoinedStr):
                what = what.values[0]
            assert isinstance(what, ast.Constant)
            found.add(str(what.value).strip(' "'))
    return found


def test_every_refused_feature_is_in_the_tables() -> None:
    """Each feature that SW590 names stands in a row that says so."""
    rows = [row for row in PAGE.read_text("utf-8").splitlines() if row.startswith("|") and "refused" in row]
    features = refused()
    assert features
    assert [
        one for one in sorted(features) if not any(re.search(rf"refused[^|]*: {re.escape(one)}", row) for row in rows)
    ] == []


def test_nothing_else_is_called_refused() -> None:
    """What a row calls refused is refused: its words are those of a diagnostic."""
    text = PAGE.read_text("utf-8")
    named = {found.strip() for found in re.findall(r"refused(?: there)?: ([^|.(]+)", text)}
    assert {name for name in named if not any(name.startswith(one) for one in refused())} == set()
