"""What a definition compiles to: positions, edges, starts, channels; durations."""

import datetime
import json
import os
from pathlib import Path

import pytest

from evenweave import source
from evenweave.definitions import swf08
from evenweave.plan.duration import Duration
from evenweave.plan.nodes import Await, Emit, Leave, Plan, Switch, edges
from evenweave.plan.operation import Message, Operation
from evenweave.plan.swf08 import compile as compile_swf08
from evenweave.plan.swf08.events import located

SHARED = Path(os.environ.get("EVENWEAVE_SHARED") or Path(__file__).parents[2].parent / "shared")
STORE_ORDER = SHARED / "store-order" / "storeorderworkflow.yaml"


def compile_definition(text: str) -> Plan:
    """Compile a definition, its operations made up: those of consumed events are sent."""
    document = source.load("order.yaml", text).document
    assert document is not None
    workflow = swf08.load(document).workflow
    assert workflow is not None
    made = {
        use.operation: Operation(
            ref=use.operation,
            service="s",
            version="1",
            operation_id=use.operation.partition("#")[2],
            channel=use.operation.partition("#")[2],
            direction=use.direction or "publish",
        )
        for use in workflow.operations()
    }
    compiled = compile_swf08(document, workflow, made, digest="d")
    assert compiled.plan is not None, compiled.diagnostics
    return compiled.plan


@pytest.mark.skipif(not STORE_ORDER.is_file(), reason=f"no store order at {STORE_ORDER}")
def test_store_order_compiles_to_its_plan() -> None:
    """The design document's workflow, as printed: three states, one start, two replies, one trigger without."""
    plan = compile_definition(STORE_ORDER.read_text())
    assert list(plan.root.body.nodes) == ["/states/0", "/states/1", "/states/2"]
    assert plan.root.body.first == "/states/0"
    assert [(start.position, start.accept.match.channel) for start in plan.starts] == [
        ("/states/0/onEvents#await", "newStoreOrder")
    ]
    assert plan.start_channels == {"newStoreOrder"}
    assert plan.later_channels == {"processedOrder", "paymentReceipt"}
    switch = plan.nodes["/states/1"]
    assert isinstance(switch, Switch)
    assert list(edges(switch)) == [Leave.EXIT, "/states/2", Leave.EXIT]
    emits = [node.position for node in plan.nodes.values() if isinstance(node, Emit)]
    assert sorted(emits) == [
        "/states/0/onEvents/0/actions/0#emit",
        "/states/0/onEvents/0/actions/1#emit",
        "/states/2/actions/0#emit",
    ]
    assert all(
        node.accepts[0].echo for node in plan.nodes.values() if isinstance(node, Await) and "actions" in node.position
    )


def test_positions_are_references_and_every_edge_leads_somewhere() -> None:
    """Each position is a place of the document, and an edge names a node of the plan."""
    text = """
id: flow
specVersion: "0.8"
states:
  - name: A
    type: sleep
    duration: PT1S
    transition: {nextState: B, produceEvents: [{eventRef: told}, {eventRef: told}]}
  - name: B
    type: switch
    eventConditions: [{eventRef: came, end: {produceEvents: [{eventRef: told}]}}]
    defaultCondition: {transition: A}
  - {name: C, type: parallel, branches: [{name: x, actions: []}], end: true}
  - {name: D, type: foreach, inputCollection: .x, actions: [], end: true}
events:
  - {name: told, type: org.told, kind: produced}
  - {name: came, type: org.came, source: /x, kind: consumed}
"""
    plan = compile_definition(text)
    document = source.load("order.yaml", text).document
    assert document is not None
    for node in plan.nodes.values():
        value = document.value
        for token in source.pointer.split(node.reference):
            value = value[int(token)] if isinstance(value, list) else value[token]
        for edge in edges(node):
            assert edge.__class__ is Leave or edge in plan.nodes
    assert plan.nodes["/states/0"].then == "/states/0/transition/produceEvents/0"
    assert plan.nodes["/states/0/transition/produceEvents/0"].then == "/states/0/transition/produceEvents/1"


def test_own_types_travel_on_the_channel_of_their_type() -> None:
    """An event without an operation is matched by type and source, on the channel that its type names."""
    plan = compile_definition(
        json.dumps(
            {
                "id": "flow",
                "specVersion": "0.8",
                "states": [{"name": "A", "type": "event", "onEvents": [{"eventRefs": ["came"]}], "end": True}],
                "events": [{"name": "came", "type": "org.came", "source": "/x", "kind": "consumed"}],
            }
        )
    )
    match = plan.starts[0].accept.match
    assert (match.channel, match.type, match.source) == ("org.came", "org.came", "/x")


@pytest.mark.parametrize(
    ("place", "location"),
    [
        ("$message.payload#/order/id", ("data", "order", "id")),
        ("$message.payload#/a~1b", ("data", "a/b")),
        ("$message.header#/OrderId", ("orderid",)),
        ("$message.header#/deep/id", None),
        (None, None),
    ],
)
def test_correlation_id_of_asyncapi_becomes_a_rule(place: str | None, location: tuple[str, ...] | None) -> None:
    """A location in the payload or a header is where the correlation id is; others give no rule."""
    operation = Operation(
        ref="r",
        service="s",
        version="1",
        operation_id="o",
        channel="c",
        direction="publish",
        messages=(Message(correlation_id=place),),
    )
    assert [rule.location for rule in located(operation)] == ([] if location is None else [location])


@pytest.mark.parametrize(
    ("months", "milliseconds", "moment", "after"),
    [
        (1, 0, "2027-01-31T12:00:00+00:00", "2027-02-28T12:00:00+00:00"),
        (1, 1500, "2028-01-31T00:00:00+00:00", "2028-02-29T00:00:01.500000+00:00"),
        (12, 0, "2028-02-29T00:00:00+00:00", "2029-02-28T00:00:00+00:00"),
        (11, 0, "2027-01-31T00:00:00+00:00", "2027-12-31T00:00:00+00:00"),
        (0, 250, "2027-01-01T00:00:00+00:00", "2027-01-01T00:00:00.250000+00:00"),
        (120_000, 5, "2027-01-01T00:00:00+00:00", "9999-12-31T00:00:00+00:00"),
    ],
)
def test_duration_counts_months_in_the_calendar(months: int, milliseconds: int, moment: str, after: str) -> None:
    """A day that a month does not have is its last; the calendar ends with the year 9999."""
    found = Duration(months, milliseconds).after(datetime.datetime.fromisoformat(moment).timestamp())
    assert found == datetime.datetime.fromisoformat(after).timestamp()
