"""Reading definitions: normal forms, all mistakes at once, operations, resources."""

import json

import msgspec
import pytest
from swf08_examples import STORE_ORDER, needs_shared, read

from evenweave import source
from evenweave.definitions.swf08 import OperationUse, load
from evenweave.definitions.swf08.lint.scope import walk
from evenweave.definitions.swf08.model import (
    EventState,
    OperationState,
    ParallelState,
    SwitchState,
    Workflow,
    state_type,
)

HEAD = 'id: orders\nspecVersion: "0.8"\n'


def workflow(text: str) -> Workflow:
    """Read a definition that has no errors."""
    loaded = read(text)
    assert loaded.workflow is not None, loaded.diagnostics
    return loaded.workflow


@needs_shared
def test_store_order_as_printed_has_three_warnings() -> None:
    """The design document's workflow, unchanged, passes with its two conditions and its missing result pointed out."""
    loaded = read(STORE_ORDER.read_text())
    found = [(diagnostic.code, diagnostic.severity, diagnostic.span.start_line) for diagnostic in loaded.diagnostics]
    assert found == [("SW302", "warning", 23), ("SW302", "warning", 26), ("SW020", "warning", 33)]
    assert source.has_errors(source.strict(loaded.diagnostics))
    assert loaded.workflow is not None
    switch = loaded.workflow.states[1]
    assert isinstance(switch, SwitchState)
    assert switch.data_conditions is not None
    assert [each.condition.text for each in switch.data_conditions] == [
        '.payment.status == "success"',
        '.payment.status == "denied"',
    ]


@needs_shared
def test_store_order_refers_to_six_operations() -> None:
    """Each event of the type asyncapi is a reference to an operation, with the direction that the engine needs."""
    loaded = read(STORE_ORDER.read_text())
    assert loaded.workflow is not None
    uses = loaded.workflow.operations()
    assert [use.direction for use in uses] == ["subscribe", "publish", "subscribe", "publish", "subscribe", "publish"]
    assert uses[1] == OperationUse(
        "file://orderService.yaml#sendOrder", "/events/1/source", "publish", "OrderServiceSendEvent"
    )


def test_operations_of_functions_leave_the_direction_open() -> None:
    """A function of the type asyncapi is a reference too; whether it publishes depends on the operation."""
    made = workflow(
        HEAD + "states: [{name: A, type: inject, data: {}, end: true}]\n"
        "functions: [{name: f, type: asyncapi, operation: 'a.yaml#b'}, {name: g, operation: 'a.json#b'}]"
    )
    assert made.operations() == (OperationUse("a.yaml#b", "/functions/0/operation", None, "f"),)


def test_short_forms_become_objects() -> None:
    """Strings that stand for objects, single error names and true as an end have one form in the model."""
    made = workflow(
        HEAD
        + """
start: A
timeouts: {workflowExecTimeout: PT1H, stateExecTimeout: PT5M}
dataInputSchema: order.json
errors: [{name: declined}]
functions: [{name: pay, operation: 'a.json#pay'}]
states:
  - name: A
    type: operation
    actions:
      - functionRef: pay
      - subFlowRef: ship
    onErrors: [{errorRef: declined, transition: B}]
    transition: {nextState: B}
  - {name: B, type: sleep, duration: PT1S, end: {continueAs: tomorrow}}
"""
    )
    first, last = made.states
    assert isinstance(first, OperationState)
    assert made.first is first
    assert made.timeouts is not None
    assert made.timeouts.workflow_exec_timeout is not None
    assert made.timeouts.workflow_exec_timeout.duration.ref == "/timeouts/workflowExecTimeout"
    assert not made.timeouts.workflow_exec_timeout.interrupt
    assert made.timeouts.state_exec_timeout is not None
    assert made.timeouts.state_exec_timeout.total.milliseconds == 300_000
    assert made.data_input_schema is not None
    assert made.data_input_schema.fail_on_validation_errors
    assert first.actions[0].function_ref is not None
    assert (first.actions[0].function_ref.ref_name, first.actions[0].function_ref.invoke) == ("pay", "sync")
    assert first.actions[1].sub_flow_ref is not None
    assert first.actions[1].sub_flow_ref.on_parent_complete == "terminate"
    assert first.on_errors[0].error_refs == ("declined",)
    assert first.transition is not None
    assert first.transition.next_state == "B"
    assert last.end is not None  # type: ignore[union-attr] # a sleep state
    assert last.end.terminate  # type: ignore[union-attr]


def test_defaults_are_filled_in() -> None:
    """The first state starts, a switch without a default ends, a key is the id, 0.9's names are 0.8's."""
    made = workflow(
        """
key: orders
specVersion: "0.8"
states:
  - name: A
    type: switch
    dataConditions: [{condition: .paid, transition: B}]
  - name: B
    type: operation
    actions: [{eventRef: {produceEventRef: Ship, consumeEventRef: Shipped, consumeEventTimeout: PT1H}}]
    end: true
events: [{name: Ship, kind: produced, type: ship}, {name: Shipped, source: s, type: shipped}]
"""
    )
    switch, state = made.states
    assert made.id == "orders"
    assert made.start is not None
    assert made.start.state_name == "A"
    assert isinstance(switch, SwitchState)
    assert switch.default.end is not None
    assert isinstance(state, OperationState)
    exchange = state.actions[0].event_ref
    assert exchange is not None
    assert (exchange.trigger_event_ref, exchange.result_event_ref) == ("Ship", "Shipped")
    assert exchange.result_event_timeout is not None
    assert made.event("Shipped").kind == "consumed"
    assert [state_type(each) for each in made.states] == ["switch", "operation"]


@needs_shared
def test_references_lead_to_their_part() -> None:
    """The reference of every part is a pointer to the object that it was read from."""
    document = source.load("order.yaml", STORE_ORDER.read_text()).document
    assert document is not None
    made = load(document).workflow
    assert made is not None
    assert isinstance(made.states[0], EventState)
    assert made.states[0].on_events[0].actions[1].ref == "/states/0/onEvents/0/actions/1"
    missing = object()
    written = [node.ref for node in walk(made) if document.at(node.ref, missing) is missing]
    assert written == ["/start"]


def test_mistakes_are_reported_all_at_once() -> None:
    """Mistakes of structure do not hide mistakes of meaning, nor the other way round; the order is that of the text."""
    loaded = read(
        """
id: orders
specVersion: "0.9"
states:
  - name: A
    type: operaton
    transition: B
  - name: B
    type: operation
    actions:
      - functionRef: {refName: pay, argument: {}}
      - 3
      - {}
      - condition: ".a ="
        eventRef: {triggerEventRef: Nope, resultEventRef: Done}
    transition: C
  - name: B
    type: parallel
    branches: [{name: x, actions: []}, {name: x}]
    completionType: most
    end: yes
events: [{name: Done, kind: produced, type: done}]
"""
    )
    assert loaded.workflow is None
    assert [(each.code, each.span.start_line) for each in loaded.diagnostics] == [
        ("SW009", 3),
        ("SW004", 6),
        ("SW103", 11),
        ("SW003", 11),
        ("SW001", 12),
        ("SW005", 13),
        ("SW301", 14),
        ("SW102", 15),
        ("SW110", 15),
        ("SW104", 16),
        ("SW101", 17),
        ("SW002", 19),
        ("SW101", 19),
        ("SW004", 20),
        ("SW001", 21),
    ]


def test_state_of_an_unknown_type_can_be_referred_to() -> None:
    """A state that cannot be read keeps its name, so that one mistake is not reported twice."""
    loaded = read(HEAD + "states: [{name: A, type: sleep, duration: PT1S, transition: B}, {name: B, type: nap}]")
    assert [each.code for each in loaded.diagnostics] == ["SW004"]


def test_branches_of_two_states_may_share_a_name() -> None:
    """Names of branches are unique within their state only."""
    branch = "branches: [{name: x, actions: []}]"
    made = workflow(
        HEAD
        + f"states: [{{name: A, type: parallel, {branch}, transition: B}},"
        + f" {{name: B, type: parallel, {branch}, end: true}}]"
    )
    assert all(isinstance(state, ParallelState) for state in made.states)


def test_syntax_error_is_pointed_out_inside_the_expression() -> None:
    """The span of an expression that does not compile is within its text, whatever quotes are around it."""
    text = HEAD + 'states: [{name: A, type: inject, data: {}, stateDataFilter: {input: "${ .a | }"}, end: true}]'
    (diagnostic,) = read(text).diagnostics
    assert diagnostic.code == "SW301"
    line = text.splitlines()[diagnostic.span.start_line - 1]
    assert line.index("${") < diagnostic.span.start_column <= line.index('"}') + 1


def test_resource_is_read_in_place() -> None:
    """Events and functions may be held by other documents: they are part of the model, with references of their own."""
    text = HEAD + (
        "events: file://events.json\nfunctions: functions.yaml\nconstants: limits.json\n"
        "states: [{name: A, type: operation, end: true, actions: [{functionRef: f},"
        ' {eventRef: {triggerEventRef: Go, resultEventRef: Went}, condition: "${ fn:big }"}]}]'
    )
    held = {
        "file://events.json": '{"events": [{"name": "Go", "kind": "produced", "type": "go"},'
        ' {"name": "Went", "type": 1}]}',
        "functions.yaml": "functions:\n- {name: f, operation: a.json#b}\n"
        "- {name: big, type: expression, operation: .n > 9}",
        "limits.json": '{"most": 3}',
    }
    documents = {uri: source.load(uri.removeprefix("file://"), content).document for uri, content in held.items()}
    main = source.load("order.yaml", text).document
    assert main is not None
    loaded = load(main, documents.get)
    assert [(each.file, each.code, each.message) for each in loaded.diagnostics] == [
        ("events.json", "SW002", 'the property "source" is missing'),
        ("events.json", "SW001", "expected a string, got a number"),
    ]
    held["file://events.json"] = held["file://events.json"].replace('"type": 1', '"type": "went", "source": "x"')
    documents["file://events.json"] = source.load("events.json", held["file://events.json"]).document
    made = load(main, documents.get).workflow
    assert made is not None
    assert made.event("Went").ref == "file://events.json#/events/1"
    assert made.function("big").expression is not None
    assert made.constants == {"most": 3}
    assert [(each.name, each.uri) for each in made.resources] == [
        ("events", "file://events.json"),
        ("functions", "functions.yaml"),
        ("constants", "limits.json"),
    ]
    assert isinstance(made.states[0], OperationState)
    condition = made.states[0].actions[1].condition
    assert condition is not None
    assert condition.text == ".n > 9"


def test_missing_resource_is_the_only_mistake() -> None:
    """Where a resource is not there, the names that it would define are not judged."""
    loaded = read(
        HEAD
        + "events: events.json\nstates: [{name: A, type: callback, action: {functionRef: f}, eventRef: E, end: true}]"
        "\nfunctions: nope.json"
    )
    assert [each.code for each in loaded.diagnostics] == ["SW108", "SW108"]


@pytest.mark.parametrize("value", [None, 3, "text", [], [1], {}, {"states": []}, {"states": {}}, {"states": [{}]}])
def test_document_that_is_no_workflow_gives_diagnostics(value: object) -> None:
    """Whatever a document holds, the answer is diagnostics."""
    loaded = read(json.dumps(value), "value.json")
    assert loaded.workflow is None
    assert source.has_errors(loaded.diagnostics)


def test_workflow_can_be_compared_and_encoded() -> None:
    """The model is plain values: two readings of a text are equal, and msgspec can encode it."""
    text = HEAD + "states: [{name: A, type: sleep, duration: PT1S, end: true}]"
    assert workflow(text) == workflow(text)
    assert msgspec.json.decode(msgspec.json.encode(workflow(text)))["states"][0]["type"] == "sleep"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("type: operation, actions: [{eventRef: {triggerEventRef: '', resultEventRef: in}}]", "SW102"),
        ("type: operation, actions: [{eventRef: {produceEventRef: out, consumeEventRef: ''}}]", "SW102"),
        ("type: operation, actions: [{functionRef: {refName: ''}}]", "SW103"),
        ("type: operation, actions: [{functionRef: f, retryRef: ''}]", "SW105"),
        ("type: event, onEvents: [{eventRefs: ['']}]", "SW102"),
        ("type: callback, action: {functionRef: f}, eventRef: ''", "SW102"),
        ("type: operation, actions: [], onErrors: [{errorRefs: [''], end: true}]", "SW106"),
    ],
)
def test_load_takes_no_empty_text_for_a_name(state: str, code: str) -> None:
    """An empty text where a name is due names nothing that there is; the schema has no word against it."""
    text = (
        "{id: x, specVersion: '0.8', functions: [{name: f, type: expression, operation: .}],"
        "events: [{name: out, type: t, kind: produced}, {name: in, type: t, source: ''}],"
        f"states: [{{name: A, {state}, end: true}}]}}"
    )
    loaded = read(text)
    assert [item.code for item in loaded.diagnostics if item.severity == "error"] == [code]


@pytest.mark.parametrize(("before", "codes"), [("Tidy", []), ("Tidi", ["SW104", "SW203"]), ("A", ["SW203", "SW207"])])
def test_run_before_of_a_definition_that_continues_as_itself_is_checked(before: str, codes: list[str]) -> None:
    """The states of the workflow that goes on are known where it is the same one."""
    limit = f"{{duration: PT1H, interrupt: true, runBefore: {before}}}"
    found = read(
        f"""
id: flow
version: "1"
specVersion: "0.8"
states:
  - name: A
    type: sleep
    duration: PT1M
    end: {{continueAs: {{workflowId: flow, version: "1", workflowExecTimeout: {limit}}}}}
  - {{name: Tidy, type: inject, data: {{}}, end: true}}
"""
    )
    assert sorted(diagnostic.code for diagnostic in found.diagnostics) == codes
