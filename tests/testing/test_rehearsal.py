"""Rehearsals: one instance in memory, against stubs, with time that jumps."""

from pathlib import Path

import pytest

from evenweave.cli.demo.stack import find_example
from evenweave.engine import Command
from evenweave.plan.duration import Duration
from evenweave.testing import Flow, NotValid

HEAD = "id: flow\nversion: '1.0'\nspecVersion: '0.8'\nname: Flow\n"
EVENTS = """
events:
  - {name: Asked, type: asked, source: /people/+}
  - {name: Ask, type: ask, kind: produced}
  - {name: Answered, type: answered, source: /people}
  - {name: Told, type: told, kind: produced}
"""
ASKING = "eventRef: {triggerEventRef: Ask, resultEventRef: Answered}"


def load(folder: Path, states: str) -> Flow:
    """The flow of a definition, given its states and whatever goes beside them."""
    path = folder / "flow.yaml"
    path.write_text(HEAD + states + EVENTS)
    return Flow.load(path)


@pytest.fixture
def order() -> Flow:
    """The store's order."""
    return Flow.load(find_example() / "storeorderworkflow.yaml")


def test_rehearsal_plays_the_services(order: Flow) -> None:
    """Triggers are answered by what they echo, and the flow is seen from outside: path, output, events."""
    run = order.rehearse()
    run.reply("OrderServiceSendEvent", {"order": {"status": "booked"}})
    run.reply(
        "PaymentServiceSendEvent", lambda sent: {"payment": {"status": "success", "amount": sent["order"]["total"]}}
    )
    run.send("NewOrderEvent", {"order": {"id": "o1", "total": 20}})
    assert run.status == "completed"
    assert run.path == ["Receive New Order Event", "Check Payment Status", "Send Order Shipment"]
    assert run.output == {
        "order": {"id": "o1", "total": 20, "status": "booked"},
        "payment": {"status": "success", "amount": 20},
    }
    assert [(one.name, one.event["subject"]) for one in run.published] == [
        ("OrderServiceSendEvent", "order/inbound"),
        ("PaymentServiceSendEvent", "payment/inbound"),
        ("shipOrder", "shipment/inbound"),
    ]
    assert run.error is None
    assert run.took_s == 0


def test_rehearsal_waits_for_what_nobody_answers(order: Flow) -> None:
    """Without an answer the instance waits, and says for what."""
    run = order.rehearse()
    assert run.waits_for == ["NewOrderEvent"]
    run.start()
    assert (run.status, run.path) == ("pending", [])
    run.send("NewOrderEvent", {"order": {}})
    run.finish()
    assert (run.status, run.waits_for) == ("waiting", ["OrderServiceResultEvent"])


def test_time_jumps_to_the_next_deadline(tmp_path: Path) -> None:
    """An hour takes no time; `jump` goes no further than it is told to."""
    flow = load(
        tmp_path,
        """
states:
  - {name: rest, type: sleep, duration: PT1H, transition: more}
  - {name: more, type: sleep, duration: P1M, end: true}
""",
    )
    run = flow.rehearse()
    run.start()
    run.jump(3599)
    assert run.path == ["rest"]
    run.jump(1)
    assert run.path == ["rest", "more"]
    run.finish()
    assert (run.status, run.took_s) == ("completed", 3600 + 31 * 86_400)


def test_answers_take_their_turn_and_their_time(tmp_path: Path) -> None:
    """Several answers are given in turn, the last one from then on, each after its time."""
    flow = load(
        tmp_path,
        f"""
states:
  - name: ask
    type: operation
    actions:
      - {{ {ASKING}, actionDataFilter: {{toStateData: .one}} }}
      - {{ {ASKING}, actionDataFilter: {{toStateData: .two}} }}
      - {{ {ASKING}, actionDataFilter: {{toStateData: .three}} }}
    end: true
""",
    )
    run = flow.rehearse()
    run.reply("Ask", {"n": 1}, after=Duration(0, 60_000))
    run.reply("Ask", {"n": 2})
    run.start()
    assert run.status == "waiting"
    run.finish()
    assert run.output == {"one": {"n": 1}, "two": {"n": 2}, "three": {"n": 2}}
    assert run.took_s == 60
    assert [one.at_s for one in run.published] == [0, 60, 60]


def test_events_come_when_they_are_told_to(tmp_path: Path) -> None:
    """An event comes at its time, one that comes early is kept, and a source with wildcards is one that fits."""
    flow = load(
        tmp_path,
        """
states:
  - name: rest
    type: sleep
    duration: PT1M
    transition: wait
  - {name: wait, type: event, onEvents: [{eventRefs: [Asked]}], end: true}
""",
    )
    run = flow.rehearse()
    run.send("Asked", {"early": True}, orderId="7")
    run.finish()
    assert (run.status, run.output, run.took_s) == ("completed", {"early": True}, 60)
    assert run.history[-1].cause.event["orderid"] == "7"  # type: ignore[union-attr]
    run = flow.rehearse()
    run.send("Asked", {"late": True}, after=Duration(0, 3_600_000))
    run.finish()
    assert (run.output, run.took_s) == ({"late": True}, 3600)


def test_callback_is_answered_by_its_event(tmp_path: Path) -> None:
    """The reply to a callback's action is the event that the state waits for, or the one that is named."""
    flow = load(
        tmp_path,
        """
states:
  - {name: call, type: callback, action: {eventRef: {triggerEventRef: Ask}}, eventRef: Answered, end: true}
""",
    )
    run = flow.rehearse()
    run.reply("Ask", {"yes": True})
    run.start()
    assert (run.status, run.output) == ("completed", {"yes": True})
    run = flow.rehearse()
    run.reply("Ask", {"no": True}, event="Answered")
    run.start()
    assert run.output == {"no": True}


def test_subflows_are_stubbed(tmp_path: Path) -> None:
    """A subflow ends with the output or the error that it is told, and without any as one that nobody knows."""
    flow = load(tmp_path, "states: [{name: s, type: operation, actions: [{subFlowRef: other}], end: true}]")
    run = flow.rehearse()
    run.subflow("other", lambda data: {"twice": data["n"] * 2}, after=Duration(0, 5000))
    run.start({"n": 4})
    run.finish()
    assert (run.status, run.output, run.took_s) == ("completed", {"n": 4, "twice": 8}, 5)
    for told in (("bad",), ()):
        run = flow.rehearse()
        for error in told:
            run.subflow("other", error=error, title="it broke")
        run.start()
        assert run.status == "faulted"
        assert run.error is not None
        assert run.error.type == (told[0] if told else "unknown-workflow")


def test_functions_are_stubbed(tmp_path: Path) -> None:
    """A function returns what it is told, made from its arguments where that is a callable; all calls are noted."""
    flow = load(
        tmp_path,
        """
functions: [{name: price, type: custom, operation: price}, {name: add, type: expression, operation: .a + 1}]
states:
  - name: ask
    type: operation
    actions:
      - {functionRef: {refName: price, arguments: {sku: '${ .sku }'}}, actionDataFilter: {toStateData: .first}}
      - {functionRef: {refName: price, invoke: async}}
      - {functionRef: price, actionDataFilter: {toStateData: .last}}
    end: true
""",
    )
    run = flow.rehearse()
    run.function("price", lambda given: {"of": given["sku"]}, after=Duration(0, 2000))
    run.function("price", 7)
    run.start({"sku": "x"})
    run.finish()
    assert (run.status, run.took_s) == ("completed", 2)
    assert run.output == {"sku": "x", "first": {"of": "x"}, "last": 7}
    assert [(call.function, call.arguments, call.at_s) for call in run.calls] == [
        ("price", {"sku": "x"}, 0),
        ("price", {"sku": "x", "first": {"of": "x"}}, 2),
        ("price", {"sku": "x", "first": {"of": "x"}}, 2),
    ]
    with pytest.raises(LookupError, match="calls no function add; it calls price"):
        run.function("add", 1)


def test_functions_fail_as_they_are_told(tmp_path: Path) -> None:
    """A function ends with an error, and without a stub with one that says so."""
    flow = load(
        tmp_path,
        """
functions: [{name: price, type: custom, operation: price}]
states: [{name: ask, type: operation, actions: [{functionRef: price}], end: true}]
""",
    )
    run = flow.rehearse()
    run.function("price", error="404", title="no such thing")
    run.start()
    assert run.error is not None
    assert (run.status, run.error.type, run.error.title) == ("faulted", "404", "no such thing")
    run = flow.rehearse()
    run.start()
    assert run.error is not None
    assert (run.status, run.error.title) == ("faulted", "no stub for the function price")


def test_continuing_is_seen(tmp_path: Path) -> None:
    """The definition that goes on, its version and its input are told."""
    flow = load(
        tmp_path,
        "states: [{name: s, type: inject, data: {n: 1},"
        " end: {continueAs: {workflowId: next, version: '2', data: {m: '${ .n }'}}}}]",
    )
    run = flow.rehearse()
    run.start()
    assert (run.status, run.continued) == ("completed", ("next", "2", {"m": 1}))


def test_errors_and_history_are_told(tmp_path: Path) -> None:
    """A fault has its reason, and the history says what happened when, by the names of the definition."""
    flow = load(
        tmp_path,
        """
states:
  - {name: rest, type: sleep, duration: PT1M, transition: fail}
  - {name: fail, type: inject, data: {a: 1}, stateDataFilter: {output: '${ .a.b }'}, end: true}
""",
    )
    run = flow.rehearse()
    run.start()
    run.finish()
    assert run.error is not None
    assert (run.status, run.error.type) == ("faulted", "expression")
    told = run.explain().splitlines()
    assert [line.strip() for line in told[:-1]] == [
        "+0 s  begins",
        "rest (/states/0)",
        "+60 s  its time has come",
        "fail (/states/1)",
        "failed: fail (/states/1)",
    ]
    assert told[-1].strip().startswith("+60 s  faulted: expression: ")


def test_names_that_are_not_there_are_pointed_out(order: Flow, tmp_path: Path) -> None:
    """What the definition neither publishes nor waits for cannot be answered or sent."""
    run = order.rehearse()
    with pytest.raises(LookupError, match="publishes no event Nothing; it publishes OrderServiceSendEvent"):
        run.reply("Nothing", {})
    with pytest.raises(LookupError, match="waits for no event Nothing"):
        run.send("Nothing", {})
    with pytest.raises(LookupError, match="waits for no event Nothing"):
        run.reply("OrderServiceSendEvent", {}, event="Nothing")
    with pytest.raises(LookupError, match="nothing waits for a reply to shipOrder"):
        run.reply("shipOrder", {})
    with pytest.raises(RuntimeError, match="has not begun"):
        _ = run.status


def test_a_flow_without_end_is_stopped(tmp_path: Path) -> None:
    """A definition that goes on and on is told, not waited for."""
    flow = load(tmp_path, "states: [{name: s, type: sleep, duration: PT1S, transition: s}]")
    run = flow.rehearse()
    with pytest.raises(RuntimeError, match="has not ended"):
        run.finish()


def test_mistakes_of_a_definition_are_drawn(tmp_path: Path) -> None:
    """A definition with mistakes, one that is not there, and a document of another kind are no flows."""
    (tmp_path / "bad.yaml").write_text(HEAD + "states: [{name: s, type: inject, data: {}, transition: t}]\n")
    with pytest.raises(NotValid, match=r"bad.yaml:5:\d+: error\[SW104\]"):
        Flow.load(tmp_path / "bad.yaml")
    with pytest.raises(NotValid, match="No such file"):
        Flow.load(tmp_path / "none.yaml")
    with pytest.raises(NotValid, match="is an AsyncAPI document, not a definition"):
        Flow.load(find_example() / "orderService.yaml")


def test_rehearsals_are_the_same_each_time(order: Flow) -> None:
    """Nothing in a rehearsal depends on the time of day or on chance: events and ids come out alike."""

    def play() -> list[object]:
        run = order.rehearse()
        run.reply("OrderServiceSendEvent", {"order": {"status": "booked"}})
        run.send("NewOrderEvent", {"order": {"id": "o1"}})
        return [one.event for one in run.published]

    assert play() == play()


def test_interruptions_change_nothing(order: Flow) -> None:
    """Suspended, stored, loaded and resumed at each wait, a flow comes to the same end with the same events."""

    def play(*, interrupted: bool) -> tuple[object, ...]:
        run = order.rehearse(interrupted=interrupted)
        run.reply("OrderServiceSendEvent", {"order": {"status": "booked"}}, after=Duration(0, 1000))
        run.reply("PaymentServiceSendEvent", {"payment": {"status": "success"}}, after=Duration(0, 1000))
        run.send("NewOrderEvent", {"order": {"id": "o1"}})
        run.finish()
        resumed = sum(isinstance(each.cause, Command) and each.cause.verb == "resume" for each in run.history)
        return resumed, run.status, run.output, run.path, [each.event for each in run.published], run.took_s

    assert play(interrupted=False)[0] == 0
    assert play(interrupted=True)[0] == 3
    assert play(interrupted=True)[1:] == play(interrupted=False)[1:]
