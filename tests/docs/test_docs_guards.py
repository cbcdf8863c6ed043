"""The examples of the pages on errors, retries, time-outs and compensation do what the pages say."""

import json
from typing import Any

import pytest
from blocks import ROOT, find_blocks

from evenweave import source
from evenweave.definitions import swf08
from evenweave.engine import Begin, Deadline, Instance, start, step
from evenweave.plan.swf08 import compile as compile_swf08

PAGES = {"compensation": 0.0, "errors": 0.0, "retries": 150.0, "timeouts": 86_400.0}
"""Each page, and how many seconds its example takes."""


def run(text: str, data: Any) -> tuple[Instance, float]:
    """Run a definition to its end, time jumping from deadline to deadline; how long that would take."""
    document = source.load("example.yaml", text).document
    assert document is not None
    loaded = swf08.load(document)
    assert loaded.workflow is not None, loaded.diagnostics
    compiled = compile_swf08(document, loaded.workflow, {})
    assert compiled.plan is not None, compiled.diagnostics
    now = began = 1_800_000_000.0
    instance = start(compiled.plan, tenant="default", id="i1", begin=Begin(data), now=now).instance
    while instance.due is not None:
        now = instance.due
        instance = step(compiled.plan, instance, [Deadline()], now=now).instance
    return instance, now - began


@pytest.mark.parametrize("page", PAGES)
def test_example_of_a_page_ends_as_the_page_says(page: str) -> None:
    """The definition, run on the page's input, completes with the page's output, in the time that it says."""
    path = ROOT / "docs" / f"{page}.md"
    (definition,) = find_blocks(path, "yaml")
    given, made = (json.loads(block.text) for block in find_blocks(path, "json"))
    instance, took = run(definition.text, given)
    assert (instance.status, instance.data, took) == ("completed", made, PAGES[page])
