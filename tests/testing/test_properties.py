"""Properties of a 0.8 definition that nothing else proves, each in a flow of its own that is rehearsed."""

import json
from pathlib import Path
from typing import Any

import pytest

from evenweave.plan.duration import Duration
from evenweave.plan.nodes import Call
from evenweave.plan.template import Array, Constant, Object
from evenweave.testing import Flow, Rehearsal

JSON = '{"id": "flow", "version": "1.0", "specVersion": "0.8", "name": "Flow", '
HEAD = "id: flow\nversion: '1.0'\nspecVersion: '0.8'\nname: Flow\n"
EVENTS = """
events:
  - {name: Asked, type: asked, source: /people}
  - {name: Ask, type: ask, kind: produced}
  - {name: Answered, type: answered, source: /people}
  - {name: Told, type: told, kind: produced}
"""
BUSY = "actions: [{eventRef: {triggerEventRef: Ask, resultEventRef: Answered}}]"


def load(folder: Path, text: str, *, head: str = HEAD, events: str = EVENTS) -> Flow:
    """The flow of a definition, given its states and whatever goes beside them."""
    path = folder / "flow.yaml"
    path.write_text(head + text + events)
    return Flow.load(path)


def run(flow: Flow, data: Any = None, **events: Any) -> Rehearsal:
    """Run a flow to its end: with its input, and the data of events by their names."""
    run = flow.rehearse()
    run.start(data)
    for name, payload in events.items():
        run.send(name, payload)
    run.finish()
    return run


STATES = {
    "event": "onEvents: [{eventRefs: [Asked]}]",
    "operation": "actions: [{functionRef: say}]",
    "switch": "dataConditions: []",
    "sleep": "duration: PT1S",
    "parallel": "branches: [{name: one, actions: [{functionRef: say}]}]",
    "inject": "data: {}",
    "foreach": "inputCollection: '${ [1] }'\n    actions: [{functionRef: say}]",
    "callback": "action: {functionRef: say}\n    eventRef: Asked",
}
SAY = "functions: [{name: say, type: expression, operation: 'null'}]\n"


@pytest.mark.parametrize("kind", STATES)
def test_every_state_leads_on_and_ends(tmp_path: Path, kind: str) -> None:
    """`transition` leads to the next state, `end` to the end of the path; a switch has them in its default."""
    head = f"{SAY}states:\n  - name: first\n    type: inject\n    data: {{}}\n    transition: this\n  - name: this\n"
    own = f"    type: {kind}\n    {STATES[kind]}\n"
    for way, path in (("transition: last", ["first", "this", "last"]), ("end: true", ["first", "this"])):
        leave = f"    defaultCondition: {{{way}}}\n" if kind == "switch" else f"    {way}\n"
        last = "  - {name: last, type: inject, data: {}, end: true}\n" if "last" in way else ""
        events = {"Asked": {}} if kind in {"event", "callback"} else {}
        made = run(load(tmp_path, head + own + leave + last), **events)
        assert (made.status, made.path) == ("completed", path)


@pytest.mark.parametrize("kind", [kind for kind in STATES if kind != "event"])
def test_every_state_but_event_may_compensate(tmp_path: Path, kind: str) -> None:
    """A state with `usedForCompensation` runs where the one that names it is compensated, and leads nowhere."""
    default = "\n    defaultCondition: {end: true}" if kind == "switch" else ""
    flow = load(
        tmp_path,
        f"""
{SAY}
states:
  - {{name: done, type: inject, data: {{}}, compensatedBy: undo, transition: last}}
  - {{name: last, type: inject, data: {{}}, end: {{compensate: true}}}}
  - name: undo
    type: {kind}
    usedForCompensation: true
    {STATES[kind]}{default}
""",
    )
    made = run(flow, **({"Asked": {}} if kind == "callback" else {}))
    assert (made.status, made.path) == ("completed", ["done", "last", "undo"])


def test_what_is_for_people_changes_nothing(tmp_path: Path) -> None:
    """Names, ids, descriptions, annotations and metadata may stand wherever they are allowed, and affect nothing."""
    flow = load(
        tmp_path,
        """
description: what it is for
annotations: [tidy]
metadata: {owner: me}
errors: [{name: Down, code: '503', description: it is down}]
functions: [{name: price, type: custom, operation: price, metadata: {unit: euro}}]
auth:
  - {name: basic, scheme: basic, properties: {username: u, password: p, metadata: {a: b}}}
  - {name: bearer, scheme: bearer, properties: {token: t, metadata: {a: b}}}
  - {name: oauth2, scheme: oauth2, properties: {grantType: password, clientId: c, metadata: {a: b}}}
states:
  - name: decide
    id: s1
    type: switch
    metadata: {color: red}
    dataConditions: [{name: yes, condition: '${ .go }', metadata: {a: b}, transition: both}]
    defaultCondition: {end: true}
  - name: both
    id: s2
    type: parallel
    metadata: {color: blue}
    branches: [{name: left, actions: [{id: a1, name: ask the price, functionRef: price}]}]
    transition: wait
  - name: wait
    id: s3
    type: switch
    metadata: {color: green}
    eventConditions: [{name: asked, eventRef: Asked, metadata: {a: b}, end: true}]
    defaultCondition: {end: true}
""",
        events="events: [{name: Asked, type: asked, source: /people, metadata: {a: b}}]\n",
    )
    made = flow.rehearse()
    made.function("price", {"price": 7})
    made.start({"go": True})
    made.send("Asked", {"n": 1})
    assert (made.status, made.path) == ("completed", ["decide", "both", "wait"])
    assert made.output == {"go": True, "price": 7, "n": 1}


def test_start_names_the_first_state(tmp_path: Path) -> None:
    """Instances begin in the state that `start` names, else in the first one; `key` may stand in place of `id`."""
    states = """
states:
  - {name: one, type: inject, data: {n: 1}, transition: {nextState: two}}
  - {name: two, type: inject, data: {m: 2}, end: true}
"""
    key = "key: flow\nspecVersion: '0.8'\nname: Flow\nversion: '2'\n"
    assert run(load(tmp_path, states)).path == ["one", "two"]
    assert run(load(tmp_path, f"start: two\n{states}", head=key)).path == ["two"]
    flow = load(tmp_path, states, head=key)
    assert (flow.plan.id, flow.plan.version, flow.plan.name) == ("flow", "2", "Flow")


def test_events_on_the_way_have_data_and_attributes(tmp_path: Path) -> None:
    """`produceEvents` of a transition and an end publish with `data` and `contextAttributes`, before what follows."""
    produce = "produceEvents: [{eventRef: Told, data: {n: '${ .n }'}, contextAttributes: {orderid: '${ .id }'}}]"
    flow = load(
        tmp_path,
        f"""
states:
  - {{name: one, type: inject, data: {{n: 1, id: o1}}, transition: {{nextState: two, {produce}}}}}
  - {{name: two, type: inject, data: {{n: 2}}, end: {{{produce}}}}}
""",
    )
    made = run(flow)
    assert [(each.data, each.event["orderid"]) for each in made.published] == [({"n": 1}, "o1"), ({"n": 2}, "o1")]


def test_trigger_has_attributes_and_nobody_may_wait(tmp_path: Path) -> None:
    """`contextAttributes` of an action go out with its trigger; with `invoke: async` its answer is not waited for."""
    flow = load(
        tmp_path,
        """
states:
  - name: ask
    type: operation
    actions:
      - eventRef:
          triggerEventRef: Ask
          resultEventRef: Answered
          invoke: async
          data: {n: 1}
          contextAttributes: {orderid: '${ .id }'}
    end: true
""",
    )
    made = run(flow, {"id": "o1"})
    assert (made.status, made.output) == ("completed", {"id": "o1"})
    assert [(each.data, each.event["orderid"]) for each in made.published] == [({"n": 1}, "o1")]


def test_answer_that_takes_too_long_is_an_error(tmp_path: Path) -> None:
    """`resultEventTimeout` bounds the wait for an answer; the state may handle that by `errorRefs`, and end there."""
    flow = load(
        tmp_path,
        """
errors: [{name: late, code: timeout}, {name: down, code: '503'}]
states:
  - name: ask
    type: operation
    actions: [{eventRef: {triggerEventRef: Ask, resultEventRef: Answered, resultEventTimeout: PT5M}}]
    onErrors: [{errorRefs: [down, late], end: true}]
    transition: last
  - {name: last, type: inject, data: {answered: true}, end: true}
""",
    )
    made = run(flow)
    assert (made.status, made.path, made.took_s) == ("completed", ["ask"], 300)
    in_time = flow.rehearse()
    in_time.reply("Ask", {"a": 1}, after=Duration(0, 299_000))
    in_time.start()
    in_time.finish()
    assert (in_time.output, in_time.took_s) == ({"a": 1, "answered": True}, 299)


@pytest.mark.parametrize("where", ["branch", "state", "workflow"])
def test_branch_that_takes_too_long_is_an_error(tmp_path: Path, where: str) -> None:
    """`branchExecTimeout` bounds a branch: its own goes before that of its state, and that before the workflow's."""
    limit = "timeouts: {branchExecTimeout: PT1M}"
    longer = "timeouts: {branchExecTimeout: PT1H}"
    own = f"{limit}, " if where == "branch" else ""
    state = {"branch": longer, "state": limit, "workflow": ""}[where]
    flow = load(
        tmp_path,
        f"""
{limit if where == "workflow" else longer}
states:
  - name: both
    type: parallel
    {state}
    branches: [{{name: left, {own}{BUSY}}}, {{name: right, {own}actions: []}}]
    end: true
""",
    )
    made = run(flow)
    assert made.error is not None
    assert (made.status, made.error.type, made.took_s) == ("faulted", "timeout", 60)


def test_event_that_decides_is_filtered(tmp_path: Path) -> None:
    """A switch by events filters the event that decides, and goes where that one leads."""
    flow = load(
        tmp_path,
        """
states:
  - name: wait
    type: switch
    eventConditions:
      - {eventRef: Asked, eventDataFilter: {data: .inner, toStateData: .asked}, transition: last}
      - {eventRef: Answered, eventDataFilter: {useData: false}, end: true}
    defaultCondition: {end: true}
  - {name: last, type: inject, data: {}, end: true}
""",
    )
    made = run(flow, Asked={"inner": 1})
    assert (made.path, made.output) == (["wait", "last"], {"asked": 1})
    made = run(flow, Answered={"inner": 1})
    assert (made.path, made.output) == (["wait"], {})


def test_constants_are_values_of_expressions(tmp_path: Path) -> None:
    """`constants` are `$CONST` in every expression."""
    flow = load(
        tmp_path,
        """
constants: {limit: {high: 5}}
states:
  - name: decide
    type: switch
    dataConditions: [{condition: '${ .n > $CONST.limit.high }', transition: much}]
    defaultCondition: {end: true}
  - {name: much, type: inject, data: {}, stateDataFilter: {output: '${ $CONST.limit }'}, end: true}
""",
    )
    assert run(flow, {"n": 6}).output == {"high": 5}
    assert run(flow, {"n": 5}).output == {"n": 5}


def test_credentials_reach_the_call(tmp_path: Path) -> None:
    """`authRef` names the credentials of a function; all that they consist of is there when it is called."""
    written: dict[str, dict[str, Any]] = {
        "basic": {"username": "u", "password": "p"},
        "bearer": {"token": "t"},
        "oauth2": {
            "authority": "http://example.org",
            "grantType": "tokenExchange",
            "clientId": "c",
            "clientSecret": "x",
            "scopes": ["a"],
            "username": "u",
            "password": "p",
            "audiences": ["b"],
            "subjectToken": "s",
            "requestedSubject": "r",
            "requestedIssuer": "i",
        },
    }
    auth = [{"name": f"my-{scheme}", "scheme": scheme, "properties": own} for scheme, own in written.items()]
    functions = [{"name": scheme, "operation": "get:/x", "authRef": f"my-{scheme}"} for scheme in written]
    actions = [{"functionRef": scheme} for scheme in written]
    states = [{"name": "s", "type": "operation", "actions": actions, "end": True}]
    flow = load(
        tmp_path,
        json.dumps({"auth": auth, "functions": functions, "states": states})[1:-1] + "}\n",
        head=JSON,
        events="",
    )
    found = {}
    for node in flow.plan.nodes.values():
        if isinstance(node, Call):
            assert node.outside is not None
            assert node.outside.auth is not None
            assert isinstance(node.outside.auth.properties, Object)
            found[node.outside.auth.name] = node.outside.auth.scheme, dict(node.outside.auth.properties.items)
    assert found == {
        f"my-{scheme}": (scheme, {name: _template(value) for name, value in own.items()})
        for scheme, own in written.items()
    }


def _template(value: Any) -> Constant | Array:
    return Array(tuple(map(Constant, value))) if isinstance(value, list) else Constant(value)


def test_selection_reaches_the_call(tmp_path: Path) -> None:
    """`selectionSet` says what of the result of a GraphQL function is wanted."""
    flow = load(
        tmp_path,
        """
functions: [{name: pet, type: graphql, operation: 'http://example.org/graphql#query#pet'}]
states:
  - name: ask
    type: operation
    actions: [{functionRef: {refName: pet, selectionSet: '{ name }'}}]
    end: true
""",
    )
    assert [node.select for node in flow.plan.nodes.values() if isinstance(node, Call)] == [Constant("{ name }")]
