"""What is said of a definition beside others: each example of docs/diagnostics-plan.md, as the page shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evenweave import source
from evenweave.catalog import asyncapi
from evenweave.catalog.senders import find_unsent
from evenweave.definitions import swf08
from evenweave.plan.others import find_missing, named
from evenweave.plan.swf08 import compile as compile_swf08

if TYPE_CHECKING:
    from evenweave.definitions.swf08 import Workflow
    from evenweave.plan.nodes import Plan
    from evenweave.source import Document

PAGE = Path(__file__).parents[2] / "docs" / "diagnostics-plan.md"
SHIPPING = """
id: shipping
version: "2"
specVersion: "0.8"
states:
  - {name: Ship, type: sleep, duration: PT1M, end: true}
  - {name: Tell, type: inject, data: {told: true}, end: true}
"""


def blocks(code: str) -> list[str]:
    """The examples of a code, and what is said of them."""
    section = PAGE.read_text().partition(f"\n### {code}: ")[2].partition("\n### ")[0].partition("\n## ")[0]
    return re.findall(r"```(?:yaml|text)\n(.*?)```", section, re.DOTALL)


def compiled(text: str, name: str = "order.yaml") -> tuple[Document, Workflow, Plan]:
    """A definition that has no mistakes."""
    document = source.load(name, text).document
    assert document is not None
    workflow = swf08.load(document).workflow
    assert workflow is not None
    plan = compile_swf08(document, workflow, {}).plan
    assert plan is not None
    return document, workflow, plan


def missing(text: str, *others: str) -> str:
    """What is said of a definition where those others are there."""
    document, _, plan = compiled(text)
    plans = {
        (each.id, version): each for other in others for each in [compiled(other)[2]] for version in ("", each.version)
    }
    found = find_missing(document, plan, lambda *key: plans.get(key, False), {id_ for id_, _ in plans})
    return source.render(list(found), {"order.yaml": text}).strip()


def unsent(text: str, service: str, *others: str) -> str:
    """What is said of a definition beside an AsyncAPI document, and others."""
    described = source.load("shop.yaml", service).document
    assert described is not None
    read = asyncapi.read(described).service
    assert read is not None
    document, workflow, plan = compiled(text)
    plans = [plan, *(compiled(other)[2] for other in others)]
    return source.render(
        list(find_unsent(document, workflow, plan, services=[read], plans=plans)), {"order.yaml": text}
    ).strip()


@pytest.mark.parametrize("code", ["SW521", "SW522"])
def test_what_is_not_registered_is_said_as_documented(code: str) -> None:
    """The example is said what the page shows where `shipping` is registered."""
    text, said = blocks(code)
    assert missing(text, SHIPPING) == said.strip()


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("subFlowRef: shipping", ""),
        ("subFlowRef: {workflowId: shipping, version: '2'}", ""),
        ("subFlowRef: {workflowId: shipping, version: '1'}", 'no workflow "shipping" of version "1" is registered'),
        ("subFlowRef: {workflowId: other}", 'no workflow "other" is registered'),
        ("subFlowRef: orders", ""),
        ("subFlowRef: {workflowId: orders, version: '1'}", ""),
    ],
)
def test_workflow_that_is_started_has_to_be_there(part: str, said: str) -> None:
    """SW521 of the id, or of the version where one is named; a definition may name itself before it is registered."""
    state = f"{{name: S, type: operation, actions: [{{{part}}}], end: true}}"
    text = f"id: orders\nversion: '1'\nspecVersion: '0.8'\nstates: [{state}]\n"
    found = missing(text, SHIPPING).splitlines()
    assert [line.partition("[SW521] ")[2] for line in found[:1]] == ([said] if said else [])
    assert ({id_ for id_, _ in named(compiled(text)[2])} == set()) == ("orders" in part)


@pytest.mark.parametrize(("name", "fits"), [("Tell", True), ("Ship", False)])
def test_state_to_run_before_the_end_is_looked_for(name: str, fits: bool) -> None:
    """SW522 of a state of the normal flow; of a workflow of which no more is known than that it is there, nothing."""
    limit = f"{{duration: PT1H, interrupt: true, runBefore: {name}}}"
    end = f"{{continueAs: {{workflowId: shipping, workflowExecTimeout: {limit}}}}}"
    text = f"id: orders\nspecVersion: '0.8'\nstates: [{{name: S, type: inject, data: {{}}, end: {end}}}]\n"
    assert ("SW522" in missing(text, SHIPPING)) != fits
    document, _, plan = compiled(text)
    assert list(find_missing(document, plan, lambda *_: True, ["shipping"])) == []


def test_event_that_nobody_sends_is_said_as_documented() -> None:
    """The example is said what the page shows beside the document of the shop."""
    text, service, said = blocks("SW503")
    assert unsent(text, service) == said.strip()


def test_event_that_somebody_sends_is_not_said() -> None:
    """A service that sends on the channel of the type, or a definition that publishes there; who receives does not."""
    text, service, _ = blocks("SW503")
    there = service.replace("shop/orders", "OrderPlaced")
    assert unsent(text, there) == ""
    assert "SW503" in unsent(text, there.replace("subscribe:", "publish:"))
    publishing = """
id: shop
specVersion: "0.8"
states: [{name: S, type: inject, data: {}, end: {produceEvents: [{eventRef: Placed}]}}]
events: [{name: Placed, type: OrderPlaced, kind: produced}]
"""
    assert unsent(text, service, publishing) == ""
    assert 'did you mean "OrderPlaces"?' in unsent(
        text, service.replace("shop/orders", "OrderPlaces").replace("{name: OrderPlaced}", "{name: x}")
    )
    elsewhere = service.replace("{name: OrderPlaced}", "{name: x}")
    assert "give the AsyncAPI document of the service" in unsent(text, elsewhere)
