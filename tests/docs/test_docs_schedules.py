"""docs/schedules.md: its examples start when the page says."""

from __future__ import annotations

import datetime
import re
from zoneinfo import ZoneInfo

import pytest
from blocks import ROOT

from evenweave import source
from evenweave.definitions import swf08
from evenweave.plan.swf08 import compile as compile_swf08

PAGE = (ROOT / "docs" / "schedules.md").read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)
BERLIN = ZoneInfo("Europe/Berlin")
BEGIN = datetime.datetime(2026, 3, 28, tzinfo=BERLIN).timestamp()


def test_page_has_its_examples() -> None:
    """Every definition on the page is followed by its starts."""
    assert len(EXAMPLES) == PAGE.count("```yaml") == 3


@pytest.mark.parametrize(("text", "said"), EXAMPLES)
def test_example_starts_when_the_page_says(text: str, said: str) -> None:
    """The starts under an example are its first ones."""
    document = source.load("flow.yaml", text).document
    assert document is not None
    loaded = swf08.load(document)
    assert loaded.workflow is not None, loaded.diagnostics
    plan = compile_swf08(document, loaded.workflow, {}).plan
    assert plan is not None
    assert plan.schedule is not None
    found, at = [], BEGIN
    for _ in said.splitlines():
        following = plan.schedule.following(at, BEGIN)
        assert following is not None
        at = following
        found.append(datetime.datetime.fromtimestamp(at, BERLIN).isoformat(timespec="minutes"))
    assert found == said.splitlines()
