"""`evenweave run`: one instance in memory."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

HEAD = "id: f\nversion: '1'\nspecVersion: '0.8'\nname: f\n"
OWN = (
    HEAD
    + """
states:
  - name: greet
    type: event
    onEvents:
      - eventRefs: [came]
        actions: [{eventRef: {triggerEventRef: greet, resultEventRef: greeted}}]
    end: true
events:
  - {name: came, type: people.came, source: /door}
  - {name: greet, type: people.greet, kind: produced}
  - {name: greeted, type: people.greeted, source: /greeter%s}
"""
)


def event(number: int, type: str, source: str, subject: str | None = None, **more: Any) -> dict[str, Any]:  # noqa: A002
    """A CloudEvent."""
    own = {"specversion": "1.0", "id": str(number), "source": source, "type": type, **more}
    return own if subject is None else own | {"subject": subject}


ORDER = event(1, "NewOrder", "/store", "store/order", data={"order": {"id": "o1", "total": 20}})
BOOKED = event(2, "Order", "/order", "order/outbound", data={"order": {"status": "booked"}})


def paid(status: str) -> dict[str, Any]:
    """The payment service's reply."""
    return event(3, "PaymentReceipt", "/payment", "payment/outbound", data={"payment": {"status": status}})


def put(folder: Path, name: str, value: Any) -> str:
    """Write JSON to a file, and name it as `--event` takes it."""
    (folder / name).write_text(json.dumps(value))
    return f"@{name}"


def published(folder: Path) -> list[dict[str, Any]]:
    """The events in the file `out`, one a line."""
    return [json.loads(line) for line in (folder / "out").read_text().splitlines()]


@pytest.mark.parametrize(
    ("status", "channels"),
    [
        ("success", ["order/inbound", "payment/inbound", "shipment/inbound"]),
        ("denied", ["order/inbound", "payment/inbound"]),
    ],
)
@pytest.mark.parametrize("early", [False, True])
def test_the_printed_workflow_runs(
    folder: Path, printed: Path, evenweave: Command, status: str, channels: list[str], early: bool
) -> None:
    """The printed workflow publishes to order and payment, and to shipment only on success; replies may be early."""
    events = [BOOKED, paid(status), ORDER] if early else [ORDER, BOOKED, paid(status)]
    given = [part for n, one in enumerate(events) for part in ("--event", put(folder, f"{n}.json", one))]
    outcome = evenweave("run", printed / "storeorderworkflow.yaml", *given, "--emitted", "out")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    assert outcome.json["payment"] == {"status": status}
    assert outcome.json["order"] == {"id": "o1", "total": 20, "status": "booked"}
    out = published(folder)
    assert [one["subject"] for one in out] == channels
    assert all(one["specversion"] == "1.0" and one["id"] and one["workflowtaskinstanceid"] for one in out)
    assert len({one["id"] for one in out}) == len(out)


def test_events_may_come_as_one_array(folder: Path, example: Path, evenweave: Command) -> None:
    """A file may hold several events, which are delivered in order."""
    given = put(folder, "events.json", [ORDER, BOOKED, paid("success")])
    outcome = evenweave("run", example / "storeorderworkflow.yaml", "--event", given)
    assert (outcome.code, outcome.json["payment"]) == (0, {"status": "success"})


def test_the_subject_names_the_channel(folder: Path, example: Path, evenweave: Command) -> None:
    """An event whose subject is another channel, or none, is not the one that an operation sends."""
    for wrong in (ORDER | {"subject": "elsewhere"}, {key: ORDER[key] for key in ORDER if key != "subject"}):
        outcome = evenweave("run", example / "storeorderworkflow.yaml", "--event", put(folder, "e", wrong))
        assert outcome.code == 3
        assert "still waiting for NewOrderEvent" in outcome.err
        assert "nothing took the event 1 of type NewOrder" in outcome.err


def test_events_without_an_operation_match_by_type_and_source(folder: Path, evenweave: Command) -> None:
    """An event of a type of its own is known by its type and source, whatever its subject."""
    (folder / "f.yaml").write_text(OWN % "")
    came, greeted = event(1, "people.came", "/door", "any"), event(2, "people.greeted", "/greeter", data={"n": 1})
    good = evenweave("run", "f.yaml", "--event", put(folder, "e", [came, greeted]), "--emitted", "out")
    assert (good.code, good.json) == (0, {"n": 1})
    assert [one["type"] for one in published(folder)] == ["people.greet"]
    for wrong in (came | {"source": "/window"}, came | {"type": "people.went"}):
        assert evenweave("run", "f.yaml", "--event", put(folder, "e", [wrong, greeted])).code == 3


def test_a_reply_with_neither_echo_nor_rule_goes_to_the_instance(folder: Path, evenweave: Command) -> None:
    """A reply that lacks what a rule compares is taken; one that has another value is somebody else's."""
    (folder / "f.yaml").write_text(OWN % ", correlation: [{contextAttributeName: person}]")
    text = (
        (folder / "f.yaml")
        .read_text()
        .replace("source: /door}", "source: /door, correlation: [{contextAttributeName: person}]}")
    )
    (folder / "f.yaml").write_text(text)
    came = event(1, "people.came", "/door", person="ann")
    reply = event(2, "people.greeted", "/greeter", data={"n": 1})
    assert evenweave("run", "f.yaml", "--event", put(folder, "e", [came, reply])).json == {"n": 1}
    assert evenweave("run", "f.yaml", "--event", put(folder, "e", [came, reply | {"person": "ann"}])).code == 0
    assert evenweave("run", "f.yaml", "--event", put(folder, "e", [came, reply | {"person": "bob"}])).code == 3


def test_input_is_the_data(folder: Path, evenweave: Command) -> None:
    """The input comes from the command line or a file, and the output is printed as JSON."""
    (folder / "f.yaml").write_text(
        HEAD + "states:\n  - {name: s, type: inject, data: {a: 1}, end: true,"
        " stateDataFilter: {output: '${ {sum: (.a + .b)} }'}}\n"
    )
    assert evenweave("run", "f.yaml", "--input", '{"b": 2}').json == {"sum": 3}
    assert evenweave("run", "f.yaml", "--input", put(folder, "i.json", {"b": 3})).json == {"sum": 4}


def test_a_fault_is_json_on_standard_error(folder: Path, evenweave: Command) -> None:
    """A faulted instance exits 1, and its error has a type, a title and a reference into the definition."""
    (folder / "f.yaml").write_text(
        HEAD + "states: [{name: s, type: inject, data: {a: 1}, stateDataFilter: {output: '${ .a.b }'}, end: true}]\n"
    )
    outcome = evenweave("run", "f.yaml")
    assert (outcome.code, outcome.out) == (1, "")
    error = json.loads(outcome.err)
    assert set(error) == {"type", "title", "reference"}
    assert error["reference"].startswith("/states/0")


def test_an_invalid_definition_exits_2(folder: Path, example: Path, evenweave: Command) -> None:
    """Mistakes are drawn on standard error; an operation that nobody has, and a document of another kind, are some."""
    (folder / "bad.yaml").write_text(HEAD + "states: [{name: s, type: inject, data: {}, transition: t}]\n")
    outcome = evenweave("run", "bad.yaml")
    assert (outcome.code, outcome.out) == (2, "")
    assert "SW104" in outcome.err
    (folder / "lone.yaml").write_text((example / "storeorderworkflow.yaml").read_text())
    outcome = evenweave("run", "lone.yaml")
    assert outcome.code == 2
    assert "error[SW501]" in outcome.err
    given = [part for path in sorted(example.glob("*Service.yaml")) for part in ("--catalog", path)]
    assert evenweave("run", "lone.yaml", *given, "--catalog", example / "onlineStoreApp.yaml").code == 3
    outcome = evenweave("run", example / "orderService.yaml")
    assert outcome.code == 2
    assert "is an AsyncAPI document" in outcome.err


def test_waiting_ends_with_the_time_out(folder: Path, evenweave: Command) -> None:
    """An instance that sleeps longer than the time-out exits 3 when it is over; a shorter sleep completes."""
    states = "states:\n  - {name: s, type: sleep, duration: %s, end: true}\n"
    (folder / "long.yaml").write_text(HEAD + states % "PT1H")
    (folder / "short.yaml").write_text(HEAD + states % "PT0.05S")
    began = time.monotonic()
    assert evenweave("run", "long.yaml", "--timeout", "0.1").code == 3
    assert 0.1 <= time.monotonic() - began < 5
    assert evenweave("run", "short.yaml").code == 0


def test_what_was_published_is_written_without_an_end(folder: Path, example: Path, evenweave: Command) -> None:
    """`--emitted` holds what was published also where the instance still waits."""
    given = put(folder, "order.json", ORDER)
    outcome = evenweave("run", example / "storeorderworkflow.yaml", "--event", given, "--emitted", "out")
    assert outcome.code == 3
    assert [one["subject"] for one in published(folder)] == ["order/inbound"]


def test_input_is_checked_by_a_schema_beside_the_definition(folder: Path, evenweave: Command) -> None:
    """Input that breaks the schema is 1 with a validation error, other input runs."""
    schema = {"type": "object", "required": ["age"], "properties": {"age": {"minimum": 18}}}
    (folder / "schemas").mkdir()
    (folder / "schemas" / "in.json").write_text(json.dumps(schema))
    flow = "dataInputSchema: file://schemas/in.json\nstates: [{name: a, type: inject, data: {ok: true}, end: true}]\n"
    (folder / "f.yaml").write_text(HEAD + flow)
    outcome = evenweave("run", "f.yaml", "--input", '{"age": 17}')
    error = json.loads(outcome.err)
    assert (outcome.code, error["type"], error["reference"]) == (1, "validation", "/dataInputSchema")
    assert "/age: 17 is less than the minimum of 18" in error["title"]
    assert evenweave("run", "f.yaml", "--input", '{"age": 18}').json == {"age": 18, "ok": True}


def test_definition_goes_with_its_schema(folder: Path) -> None:
    """What is registered from the command line holds the schema that lay beside it."""
    from evenweave.cli.files import check_files

    (folder / "in.json").write_text('{"type": "object", "required": ["age"]}')
    flow = "dataInputSchema: file://in.json\nstates: [{name: a, type: inject, data: {ok: true}, end: true}]\n"
    (folder / "f.yaml").write_text(HEAD + flow)
    checked = check_files(["f.yaml"])[0]
    assert checked.alone is not None
    (folder / "alone.json").write_bytes(checked.alone)
    (folder / "in.json").unlink()
    assert check_files(["alone.json"])[0].plan is not None
    assert not check_files(["f.yaml"])[0].valid


FUNCTIONS = """
from __future__ import annotations

def add(a, b):
    return {"sum": a + b}

def count(value):
    return len(value)

async def fail(**given):
    raise LookupError(f"no {given}")
"""
ACTION = (
    HEAD
    + """
states:
  - name: s
    type: operation
    actions: [{functionRef: %s}]
    end: true
functions:
  - {name: f, type: custom, operation: %s}
secrets: [key]
"""
)


@pytest.fixture
def callables(folder: Path) -> Iterator[str]:
    """The name of a module with callables in the current folder, imported by nobody before."""
    name = f"callables_{folder.name.replace('-', '_')}"
    (folder / f"{name}.py").write_text(FUNCTIONS)
    yield name
    sys.modules.pop(name, None)
    sys.path[:] = [each for each in sys.path if each != str(folder)]


def test_custom_function_is_a_callable_that_is_given(folder: Path, evenweave: Command, callables: str) -> None:
    """An object becomes keywords; without arguments the state's data is the argument; either way the result counts."""
    (folder / "f.yaml").write_text(ACTION % ('{refName: f, arguments: {a: "${ .n }", b: 2}}', "f"))
    made = evenweave("run", "f.yaml", "--input", '{"n": 1}', "--function", f"f={callables}:add")
    assert (made.code, made.json, made.err) == (0, {"n": 1, "sum": 3}, "")
    (folder / "f.yaml").write_text(ACTION % ("f", "f"))
    made = evenweave("run", "f.yaml", "--input", '{"n": 1}', "--function", f"f={callables}:count")
    assert made.json == {"n": 1, "response": 1}


def test_error_of_a_callable_is_the_fault(folder: Path, evenweave: Command, callables: str) -> None:
    """It exits 1 with the error as JSON, and the secret in its words is hidden."""
    (folder / "f.yaml").write_text(ACTION % ('{refName: f, arguments: {a: "${ $SECRETS.key }"}}', "f"))
    made = evenweave("run", "f.yaml", "--function", f"f={callables}:fail", "--secret", "key=topsecret")
    assert (made.code, made.out) == (1, "")
    error = json.loads(made.err)
    assert (error["type"], error["reference"]) == ("function", "/states/0/actions/0")
    assert "LookupError" in error["title"]
    assert "topsecret" not in made.err


@pytest.mark.parametrize("given", ["f", "f=nothing", "f=os:", "f=os:nothing", "f=no_such_module_of_ours:f", "f=os:sep"])
def test_callable_that_is_not_there_is_a_usage_error(folder: Path, evenweave: Command, given: str) -> None:
    """Nothing is run where a callable cannot be found."""
    (folder / "f.yaml").write_text(ACTION % ("f", "f"))
    made = evenweave("run", "f.yaml", "--function", given)
    assert (made.code, made.out) == (64, "")
    assert "--function" in made.err


def test_sysout_goes_to_standard_error(folder: Path, evenweave: Command) -> None:
    """Standard output has the one JSON value."""
    (folder / "f.yaml").write_text(ACTION % ('{refName: f, arguments: {message: "n is ${ .n }"}}', "sysout:INFO"))
    made = evenweave("run", "f.yaml", "--input", '{"n": 1}')
    assert (made.code, made.json, made.err) == (0, {"n": 1}, "n is 1\n")


def test_instance_id_and_headers_are_variables(folder: Path, evenweave: Command) -> None:
    """`--instance-id` and `--header` are in $WORKFLOW."""
    state = '{name: s, type: inject, data: {}, stateDataFilter: {output: "${ $WORKFLOW }"}, end: true}'
    (folder / "f.yaml").write_text(f"{HEAD}states: [{state}]\n")
    made = evenweave("run", "f.yaml", "--instance-id", "mine", "--header", "X-User=ann", "--header", "b=c=d")
    assert made.json["instanceId"] == "mine"
    assert made.json["headers"] == {"X-User": "ann", "b": "c=d"}


def test_jumping_clock_does_not_wait(folder: Path, evenweave: Command) -> None:
    """A year of sleep takes no time; the real clock still waits, and prints the data so far."""
    (folder / "f.yaml").write_text(
        f"{HEAD}states: [{{name: i, type: inject, data: {{a: 1}}, transition: s}},"
        " {name: s, type: sleep, duration: P1Y, end: true}]\n"
    )
    began = time.monotonic()
    made = evenweave("run", "f.yaml", "--clock", "jump")
    assert (made.code, made.json) == (0, {"a": 1})
    waiting = evenweave("run", "f.yaml", "--timeout", "0.01")
    assert (waiting.code, waiting.json) == (3, {"a": 1})
    assert time.monotonic() - began < 60


def test_functions_may_stand_in_the_settings(folder: Path, evenweave: Command, callables: str) -> None:
    """evenweave.toml says what flags say."""
    (folder / "f.yaml").write_text(ACTION % ('{refName: f, arguments: {a: "${ $SECRETS.key }", b: "!"}}', "f"))
    (folder / "secrets.json").write_text('{"key": "hello"}')
    (folder / "evenweave.toml").write_text(f'[run]\nfunctions = ["f={callables}:add"]\nsecrets = "secrets.json"\n')
    made = evenweave("run", "f.yaml")
    assert (made.code, made.json) == (0, {"sum": "hello!"})


def test_subflows_run_with_the_definition(folder: Path, evenweave: Command) -> None:
    """Subflows are the definitions given beside it: waited for, continued, told events, cancelled with it."""
    flows = {
        "f": "- {name: a, type: operation, actions: [{subFlowRef: one}, {subFlowRef: told}], end: true}",
        "one": "- {name: a, type: inject, data: {one: 1}, end: {continueAs: two}}",
        "two": "- {name: a, type: sleep, duration: PT1H, transition: b}\n"
        "  - {name: b, type: inject, data: {two: 2}, end: true}",
        "told": "- {name: a, type: callback, action: {subFlowRef: two}, eventRef: came, end: true}\n"
        "events: [{name: came, type: org.came, source: /s}]",
    }
    for name, states in flows.items():
        (folder / f"{name}.yaml").write_text(HEAD.replace("id: f", f"id: {name}") + f"states:\n  {states}\n")
    came = json.dumps(event(1, "org.came", "/s", data={"came": True}))
    given = [part for name in ("one", "two", "told") for part in ("--subflow", f"{name}.yaml")]
    outcome = evenweave("run", "f.yaml", *given, "--clock", "jump", "--event", came)
    assert (outcome.code, outcome.json) == (0, {"one": 1, "two": 2, "came": True})
    without = evenweave("run", "f.yaml", *given[:2], "--clock", "jump")
    error = json.loads(without.err)
    assert (without.code, error["type"], error["reference"]) == (1, "unknown-workflow", "/states/0/actions/0")
    waits = evenweave("run", "f.yaml", *given, "--clock", "jump")
    assert (waits.code, "still waiting for came" in waits.err) == (3, True)


def test_subflow_that_is_no_definition_is_refused(folder: Path, evenweave: Command) -> None:
    """A subflow with mistakes is not valid, like the definition itself."""
    (folder / "f.yaml").write_text(HEAD + "states: [{name: a, type: inject, data: {}, end: true}]\n")
    (folder / "g.yaml").write_text(HEAD + "states: [{name: a, type: inject, data: {}}]\n")
    outcome = evenweave("run", "f.yaml", "--subflow", "g.yaml")
    assert (outcome.code, "g.yaml" in outcome.err) == (2, True)


@pytest.mark.parametrize("clock", ["real", "jump"])
def test_loop_that_sleeps_for_no_time_is_given_up_in_time(folder: Path, evenweave: Command, clock: str) -> None:
    """A loop of sleeps without a duration runs until the time-out and no longer."""
    state = "{name: A, type: sleep, duration: PT0S, transition: A}"
    (folder / "flow.yaml").write_text(f"{{id: x, specVersion: '0.8', states: [{state}]}}")
    assert evenweave("run", "flow.yaml", "--timeout", "0.2", "--clock", clock).code == 3


BOTH = (
    HEAD
    + """
states:
  - name: both
    type: event
    exclusive: false
    timeouts: {eventTimeout: PT1H}
    onEvents:
      - {eventRefs: [asked], eventDataFilter: {toStateData: .asked}}
      - {eventRefs: [paid], eventDataFilter: {toStateData: .paid}}
    end: true
events:
  - {name: asked, type: people.asked, source: /desk, correlation: [{contextAttributeName: order}]}
  - {name: paid, type: people.paid, source: /bank, correlation: [{contextAttributeName: order}]}
"""
)


def test_an_instance_that_needs_several_events_begins_with_the_last(folder: Path, evenweave: Command) -> None:
    """In any order all of them start it, with the input; one of another order, or one alone, does not."""
    (folder / "f.yaml").write_text(BOTH)
    asked = event(1, "people.asked", "/desk", order="7", data=1)
    paid = event(2, "people.paid", "/bank", order="7", data=2)
    for events in ([asked, paid], [paid, asked, asked]):
        done = evenweave("run", "f.yaml", "--input", '{"own": 0}', "--event", put(folder, "e", events))
        assert (done.code, done.json) == (0, {"own": 0, "asked": 1, "paid": 2})
    other = paid | {"order": "8"}
    waiting = evenweave("run", "f.yaml", "--timeout", "0", "--event", put(folder, "e", [asked, other]))
    assert (waiting.code, waiting.json) == (3, {})
    assert "still waiting for paid\n" in waiting.err
    assert "nothing took the event 2" in waiting.err
    assert evenweave("run", "f.yaml", "--timeout", "0").err == "still waiting for asked, paid\n"


def test_an_instance_that_does_not_get_all_its_events_is_cancelled(folder: Path, evenweave: Command) -> None:
    """When the time for the next event is over it exits with 4, and says which event did not come."""
    (folder / "f.yaml").write_text(BOTH)
    asked = put(folder, "e", event(1, "people.asked", "/desk", order="7", data=1))
    done = evenweave("run", "f.yaml", "--event", asked, "--clock", "jump")
    assert done.code == 4
    assert json.loads(done.err) == {
        "type": "timeout",
        "title": "paid did not come within PT1H (eventTimeout)",
        "reference": "/states/0/timeouts/eventTimeout",
    }


@pytest.mark.parametrize(
    ("limit", "data"),
    [
        ("{duration: PT5M, interrupt: true}", {"n": 1}),
        ("{duration: PT5M, interrupt: false, runBefore: tell}", {"n": 1, "told": True}),
    ],
)
def test_workflow_time_out_exits_4(folder: Path, evenweave: Command, limit: str, data: dict[str, Any]) -> None:
    """An instance whose time is over is cancelled: its data so far is printed, and the time-out as JSON on stderr."""
    (folder / "f.yaml").write_text(
        f"{HEAD}timeouts: {{workflowExecTimeout: {limit}}}\n"
        "states:\n"
        "  - {name: begin, type: inject, data: {n: 1}, transition: rest}\n"
        "  - {name: rest, type: sleep, duration: PT1H, end: true}\n"
        "  - {name: tell, type: inject, data: {told: true}, end: true}\n"
    )
    outcome = evenweave("run", "f.yaml", "--clock", "jump")
    assert (outcome.code, outcome.json) == (4, data)
    error = json.loads(outcome.err.splitlines()[-1])
    assert (error["type"], error["title"]) == ("timeout", "it took longer than PT5M (workflowExecTimeout)")
    assert error["reference"].startswith("/timeouts/workflowExecTimeout")


def test_time_out_that_continue_as_gives_exits_4(folder: Path, evenweave: Command) -> None:
    """The instance that goes on for the first one is what the command reports."""
    other = "{workflowId: two, workflowExecTimeout: {duration: PT5M, interrupt: true}}"
    (folder / "one.yaml").write_text(
        "id: one\nspecVersion: '0.8'\n"
        f"states: [{{name: a, type: inject, data: {{n: 1}}, end: {{continueAs: {other}}}}}]\n"
    )
    (folder / "two.yaml").write_text(
        "id: two\nspecVersion: '0.8'\nstates: [{name: b, type: sleep, duration: PT1H, end: true}]\n"
    )
    outcome = evenweave("run", "one.yaml", "--subflow", "two.yaml", "--clock", "jump")
    assert (outcome.code, outcome.json) == (4, {"n": 1})
    assert "workflowExecTimeout of one's continueAs" in outcome.err
