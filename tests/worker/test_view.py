"""An instance as people see it."""

from __future__ import annotations

from evenweave.definitions import swf08
from evenweave.engine import Begin, start
from evenweave.plan.swf08 import compile as compile_definition
from evenweave.source import load
from evenweave.worker.view import view

DEFINITION = b"""
id: ask
version: '1'
specVersion: '0.8'
name: Ask
states:
  - name: Wait
    type: event
    onEvents:
      - eventRefs: [Came]
        actions:
          - eventRef: {triggerEventRef: Ask, resultEventRef: Answer}
    end: true
events:
  - {name: Came, type: came, source: /s, kind: consumed}
  - {name: Ask, type: ask, kind: produced}
  - {name: Answer, type: answer, source: /s, kind: consumed}
"""


def test_view_shows_the_data_of_the_state_that_waits() -> None:
    """While its first state waits for a reply, an instance shows the order that it was started with."""
    document = load("ask.yaml", DEFINITION).document
    assert document is not None
    workflow = swf08.load(document).workflow
    assert workflow is not None
    plan = compile_definition(document, workflow, {}).plan
    assert plan is not None
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "came", "data": {"order": {"id": "o1"}}}
    step = start(plan, tenant="default", id="i", begin=Begin({}, event, 0), now=0.0)
    assert step.instance.status == "waiting"
    assert view(step.instance, plan).data == {"order": {"id": "o1"}}
