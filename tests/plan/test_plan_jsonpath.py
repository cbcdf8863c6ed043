"""Definitions whose expressions are JSONPath (`expressionLang: jsonpath`)."""

from __future__ import annotations

import pytest

from evenweave import source
from evenweave.definitions import swf08
from evenweave.engine import Begin, start
from evenweave.plan.swf08 import compile as compile_definition

pytest.importorskip("jsonpath", reason="the extra evenweave[jsonpath] is not installed")

DEFINITION = """
id: orders
version: '1'
specVersion: '0.8'
expressionLang: jsonpath
name: Orders in JSONPath
states:
  - name: Sort
    type: switch
    dataConditions:
      - condition: '${ $.order[?@.total > 100] }'
        transition: Collect
    defaultCondition: {end: true}
  - name: Collect
    type: foreach
    inputCollection: '${ $.order[?@.total > 100] }'
    iterationParam: each
    outputCollection: '${ $.found.large }'
    actions:
      - functionRef: id
    stateDataFilter: {output: '${ $.found }'}
    end: true
functions:
  - {name: id, type: expression, operation: '$.each.id'}
"""


def run(text: str, data: dict[str, object]) -> object:
    """The output data of one instance."""
    document = source.load("orders.yaml", text.encode()).document
    assert document is not None
    loaded = swf08.load(document)
    assert loaded.workflow is not None, loaded.diagnostics
    compiled = compile_definition(document, loaded.workflow, {})
    assert compiled.plan is not None, compiled.diagnostics
    step = start(compiled.plan, tenant="default", id="i", begin=Begin(data), now=0.0)
    assert step.instance.status == "completed", step.instance.reason
    return step.instance.data


def test_jsonpath_definition_runs() -> None:
    """Conditions, collections, places and filters work in JSONPath; a place that is not there yet is made."""
    orders = [{"id": "a", "total": 50}, {"id": "b", "total": 150}, {"id": "c", "total": 250}]
    assert run(DEFINITION, {"order": orders}) == {"large": ["b", "c"]}


def test_jsonpath_condition_is_false_where_it_selects_nothing() -> None:
    """A condition that selects nothing is false, and the default is taken."""
    assert run(DEFINITION, {"order": [{"id": "a", "total": 50}]}) == {"order": [{"id": "a", "total": 50}]}


@pytest.mark.parametrize("place", ["$..large", "$.found[*]", "$.found[?@.x]", "found"])
def test_jsonpath_place_must_be_one(place: str) -> None:
    """Results go to a place that the path names; a path that selects among several is pointed at."""
    document = source.load("orders.yaml", DEFINITION.replace("$.found.large", place).encode()).document
    assert document is not None
    loaded = swf08.load(document)
    found = list(loaded.diagnostics)
    if loaded.workflow is not None:
        found += compile_definition(document, loaded.workflow, {}).diagnostics
    assert {item.code for item in found if item.severity == "error"} <= {"SW504", "SW301"}
    assert any(item.severity == "error" for item in found)


def test_jsonpath_syntax_error_is_pointed_at() -> None:
    """An expression that is no JSONPath is an error inside the expression."""
    document = source.load("orders.yaml", DEFINITION.replace("$.each.id", "$.each.[").encode()).document
    assert document is not None
    (found,) = (item for item in swf08.load(document).diagnostics if item.severity == "error")
    assert found.code == "SW301"
