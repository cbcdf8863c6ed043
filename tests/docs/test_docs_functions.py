"""docs/functions.md: its definitions run."""

from __future__ import annotations

import asyncio
from typing import Any

import yaml
from blocks import ROOT

from evenweave import source
from evenweave.app import Outside
from evenweave.definitions import swf08
from evenweave.plan.swf08 import compile as compile_swf08
from evenweave.worker.alone import Alone
from evenweave.worker.driving import Watch, drive
from evenweave.worker.performing import Performer
from evenweave.worker.settings import Settings

PAGE = (ROOT / "docs" / "functions.md").read_text("utf-8")


def block(heading: str, language: str) -> str:
    """The first block of a language below a heading."""
    return PAGE.partition(f"\n{heading}\n")[2].partition(f"```{language}\n")[2].partition("\n```")[0]


async def run(text: str, data: dict[str, Any], outside: Outside) -> Any:
    """The output of a definition."""
    document = source.load("flow.yaml", text).document
    assert document is not None
    loaded = swf08.load(document)
    assert loaded.workflow is not None, loaded.diagnostics
    plan = compile_swf08(document, loaded.workflow, {}).plan
    assert plan is not None
    functions = outside.open_functions()
    performer = Performer(functions, outside.open_secrets(), Settings())
    made = await drive(lambda now: Alone(plan, data, now=now), [], performer, Watch(jumps=True), timeout_s=20.0)
    await functions.close()
    assert made.instance.status == "completed", made.instance.reason
    return made.data


def test_python_example_greets() -> None:
    """The definition calls the callable beside it."""
    names: dict[str, Any] = {}
    exec(block("## custom: Python callables", "python"), names)
    text = block("## custom: Python callables", "yaml")
    assert yaml.safe_load(text)["functions"][0]["type"] == "custom"
    made = asyncio.run(run(text, {"person": "Ann"}, Outside(callables={"greet": names["greet"]})))
    assert made == {"person": "Ann", "greeting": "Hello, Ann!"}
