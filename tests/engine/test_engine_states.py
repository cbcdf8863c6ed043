"""Each state of Serverless Workflow 0.8, compiled by the real loader and run."""

from typing import Any

import pytest
from engine_driver import HEAD, World, make_plan

from evenweave.engine import Begin, Burst

EXPRESSIONS = """
functions:
  - {name: double, type: expression, operation: '.n * 2'}
  - {name: name, type: expression, operation: '{greeting: ("hello " + .name)}'}
  - {name: fail, type: expression, operation: 'error("no")'}
  - {name: pay, type: asyncapi, operation: 'file://pay.yaml#pay'}
  - {name: paid, type: asyncapi, operation: 'file://pay.yaml#paid'}
"""


def run(states: str, data: Any = None, **options: Any) -> World:
    """Start an instance of the states by a command."""
    return World(make_plan(states + EXPRESSIONS, **options)).begin(data)


def asked(world: World, data: Any, **attributes: Any) -> World:
    """Start an instance by the event `asked`."""
    return world.begin(event=world.event("shop/asked", data, **attributes))


# Inject and the data filters of states.


def test_inject_merges_into_the_input() -> None:
    """What is injected is merged into the state's data, deeply, and wins."""
    world = run(
        "states: [{name: A, type: inject, data: {a: {x: 1}, b: [1, 2]}, end: true}]", {"a": {"y": 2}, "b": [2, 3]}
    )
    assert (world.status, world.data) == ("completed", {"a": {"y": 2, "x": 1}, "b": [2, 3, 1]})


@pytest.mark.parametrize(
    ("filters", "output"),
    [
        ("{input: '${ {fruits: .fruits} }'}", {"fruits": ["apple"], "x": 1}),
        ("{output: '${ {v: [.vegetables[] | select(.liked)]} }'}", {"v": [{"n": "potato", "liked": True}]}),
        ("{input: '${ {v: .vegetables[] | select(.liked)} }'}", {"v": {"n": "potato", "liked": True}, "x": 1}),
        ("{output: '${ .fruits[0] }'}", "apple"),
        ("{output: '${ .nothing }'}", None),
    ],
)
def test_state_data_filters(filters: str, output: Any) -> None:
    """Input narrows what the state reads, output what it hands on; one that selects nothing does not filter."""
    data = {"fruits": ["apple"], "vegetables": [{"n": "potato", "liked": True}, {"n": "broccoli", "liked": False}]}
    world = run(f"states: [{{name: A, type: inject, data: {{x: 1}}, stateDataFilter: {filters}, end: true}}]", data)
    assert world.data == ({**data, "x": 1} if output is None else output)


# Operation.


def test_operation_calls_expressions_one_after_the_other() -> None:
    """Each action sees what the one before made; a result that is no object goes under `response` or where sent."""
    world = run(
        """
states:
  - name: A
    type: operation
    actions:
      - {functionRef: double}
      - {functionRef: double, actionDataFilter: {toStateData: '${ .made.twice }'}}
      - {functionRef: {refName: name, arguments: {name: '${ "Ada \\(.made.twice)" }'}}}
      - {functionRef: double, actionDataFilter: {useResults: false}}
      - {functionRef: double, condition: '${ .n > 100 }', actionDataFilter: {toStateData: .skipped}}
    end: true
""",
        {"n": 4},
    )
    assert world.data == {"n": 4, "response": 8, "made": {"twice": 8}, "greeting": "hello Ada 8"}


def test_operation_filters_what_an_action_sees_and_gives() -> None:
    """The specification's bread and pasta: results select, toStateData says where."""
    world = run(
        """
states:
  - name: A
    type: operation
    actions:
      - functionRef: double
        actionDataFilter:
          fromStateData: '${ {n: .deep.n} }'
          results: '${ [., . + 1] }'
          toStateData: '${ .itemsToBuyAtStore }'
    end: true
""",
        {"deep": {"n": 1}, "itemsToBuyAtStore": [2, 0]},
    )
    assert world.data == {"deep": {"n": 1}, "itemsToBuyAtStore": [2, 0, 3]}


def test_operation_with_an_event_waits_for_its_answer() -> None:
    """A trigger carries the task's activation; the answer that echoes it is the action's result."""
    world = run(
        """
states:
  - name: A
    type: operation
    actions:
      - eventRef:
          triggerEventRef: pay
          resultEventRef: paid
          data: {sum: '${ .n }'}
          contextAttributes: {orderId: '${ .id }'}
        actionDataFilter: {results: '${ .receipt }', toStateData: '${ .receipt }'}
    end: true
""",
        {"n": 4, "id": "o1"},
    )
    trigger = world.published[0]
    assert trigger == {
        "specversion": "1.0",
        "id": "i1:6",
        "source": "/evenweave/flow",
        "type": "pay.message",
        "subject": "pay/pay",
        "time": "2027-01-15T08:00:00.000000Z",
        "datacontenttype": "application/json",
        "orderid": "o1",
        "workflowinstanceid": "i1",
        "workflowtaskinstanceid": "i1:4",
        "sequence": "0000000006",
        "data": {"sum": 4},
    }
    assert (world.status, world.listening) == ("waiting", {})
    assert not world.deliver("pay/paid", {"receipt": 0})
    assert not world.deliver("ship/shipped", {"receipt": 0}, answers=trigger)
    assert world.answer({"receipt": {"no": 7}})
    assert (world.status, world.data) == ("completed", {"n": 4, "id": "o1", "receipt": {"no": 7}})
    assert not world.answer({"receipt": 1})


def test_operation_with_a_trigger_only_goes_on() -> None:
    """An asynchronous event action publishes the action's input and does not wait."""
    world = run(
        """
states:
  - name: A
    type: operation
    actions:
      - eventRef: {triggerEventRef: pay, resultEventRef: paid, invoke: async}
        actionDataFilter: {fromStateData: '${ .n }'}
    end: true
""",
        {"n": 4},
    )
    assert (world.status, world.sent, world.data) == ("completed", [("pay/pay", 4)], {"n": 4})


def test_operation_in_parallel_runs_actions_side_by_side() -> None:
    """Both triggers go out at once; answers in any order merge in declared order, and neither undoes the other."""
    world = run(
        """
states:
  - name: A
    type: operation
    actionMode: parallel
    actions:
      - {eventRef: {triggerEventRef: pay, resultEventRef: paid}}
      - {eventRef: {triggerEventRef: ship, resultEventRef: shipped}}
    end: true
""",
        {"both": 0, "kept": [1]},
    )
    assert [channel for channel, _ in world.sent] == ["pay/pay", "ship/ship"]
    assert world.answer({"both": "ship", "shipped": True}, to=1)
    assert world.status == "waiting"
    assert world.answer({"both": "pay", "paid": True}, to=0)
    assert world.data == {"both": "ship", "kept": [1], "paid": True, "shipped": True}


def test_operation_with_asyncapi_functions_publishes_and_waits() -> None:
    """A function publishes on an operation that the service receives and waits on one that it sends."""
    world = run(
        """
states:
  - name: A
    type: operation
    actions:
      - {functionRef: {refName: pay, arguments: {order: {id: '${ .id }'}}}}
      - {functionRef: paid, actionDataFilter: {toStateData: '${ .receipt }'}}
    end: true
""",
        {"id": "o1"},
        located="$message.payload#/order/id",
    )
    assert world.sent == [("pay/pay", {"order": {"id": "o1"}})]
    assert [row.key for row in world.listening.values()] == ['[["correlationid","o1"]]']
    assert not world.deliver("pay/paid", {"order": {"id": "o2"}})
    assert world.deliver("pay/paid", {"order": {"id": "o1"}, "ok": True})
    assert world.data == {"id": "o1", "receipt": {"order": {"id": "o1"}, "ok": True}}


def test_reply_is_found_by_the_asyncapi_correlation_id() -> None:
    """Without an echo, a reply finds its action by the id that the trigger went out with, whichever came before."""
    world = run(
        """
states:
  - name: A
    type: operation
    actionMode: parallel
    actions:
      - eventRef: {triggerEventRef: pay, resultEventRef: paid, data: {order: {id: o1}}}
        actionDataFilter: {toStateData: .one}
      - eventRef: {triggerEventRef: pay, resultEventRef: paid, data: {order: {id: o2}}}
        actionDataFilter: {toStateData: .two}
    end: true
""",
        located="$message.payload#/order/id",
    )
    assert world.deliver("pay/paid", {"order": {"id": "o2"}})
    assert world.deliver("pay/paid", {"order": {"id": "o1"}})
    assert world.data == {"one": {"order": {"id": "o1"}}, "two": {"order": {"id": "o2"}}}


def test_reply_to_an_earlier_task_is_not_taken_for_this_one() -> None:
    """A service that answers twice does not answer the next question, even where the correlation id is the same."""
    world = run(
        """
states:
  - name: A
    type: operation
    actions:
      - {eventRef: {triggerEventRef: pay, resultEventRef: paid, data: {order: {id: o1}}}}
      - {eventRef: {triggerEventRef: pay, resultEventRef: paid, data: {order: {id: o1}}}}
    end: true
""",
        located="$message.payload#/order/id",
    )
    assert world.answer({"order": {"id": "o1"}, "first": 1})
    assert len(world.published) == 2
    assert not world.answer({"order": {"id": "o1"}, "again": 1}, to=0)
    assert world.answer({"order": {"id": "o1"}, "second": 1})
    assert world.data == {"order": {"id": "o1"}, "first": 1, "second": 1}


# Switch.

SWITCH = """
states:
  - name: A
    type: switch
    stateDataFilter: {output: '${ .order }'}
    dataConditions:
      - {condition: '${ .order.sum >= 100 }', transition: Large}
      - condition: '${ .order.sum >= 10 }'
        transition: {nextState: Middle, produceEvents: [{eventRef: told, data: '${ .sum }'}]}
      - {condition: '${ .order.sum == 0 }', end: {produceEvents: [{eventRef: told}]}}
    defaultCondition: {transition: Small}
  - {name: Large, type: inject, data: {size: large}, end: true}
  - {name: Middle, type: inject, data: {size: middle}, end: true}
  - {name: Small, type: inject, data: {size: small}, end: true}
"""


@pytest.mark.parametrize(
    ("amount", "output", "sent"),
    [
        (500, {"sum": 500, "size": "large"}, []),
        (50, {"sum": 50, "size": "middle"}, [("org.told", 50)]),
        (5, {"sum": 5, "size": "small"}, []),
        (0, {"sum": 0}, [("org.told", {"sum": 0})]),
    ],
)
def test_switch_takes_the_first_true_condition(amount: int, output: Any, sent: Any) -> None:
    """Declared order decides, then the default; the way publishes its events with the state's output."""
    world = run(SWITCH, {"order": {"sum": amount}})
    assert (world.status, world.data, world.sent) == ("completed", output, sent)


def test_switch_condition_must_be_a_boolean() -> None:
    """A condition that yields something else is an error of the workflow, at the condition."""
    world = run(
        """
states:
  - {name: A, type: switch, dataConditions: [{condition: .n, end: true}], defaultCondition: {end: true}}
""",
        {"n": 4},
    )
    assert world.status == "faulted"
    assert world.instance.reason is not None
    assert world.instance.reason.reference == "/states/0/dataConditions/0/condition"
    assert world.instance.reason.title == "the condition ${ .n } yields 4, it must yield true or false"


def test_switch_waits_for_one_of_several_events() -> None:
    """The first event decides the way; the other is waited for no more, and the data filter is the way's own."""
    world = run(
        """
states:
  - name: A
    type: switch
    stateDataFilter: {input: '${ {id: .id} }', output: '${ {came: .} }'}
    eventConditions:
      - {eventRef: paid, transition: B, eventDataFilter: {data: '${ .receipt }', toStateData: '${ .receipt }'}}
      - {eventRef: shipped, end: true}
    defaultCondition: {end: true}
  - {name: B, type: inject, data: {b: 1}, end: true}
""",
        {"id": "o1", "other": 1},
    )
    assert len(world.listening) == 2
    assert world.deliver("pay/paid", {"receipt": 7})
    assert (world.data, world.listening) == ({"came": {"id": "o1", "receipt": 7}, "b": 1}, {})


# Event.

COLLECT = """
states:
  - {name: First, type: inject, data: {}, transition: A}
  - name: A
    type: event
    exclusive: %s
    onEvents:
      - eventRefs: [paid]
        eventDataFilter: {toStateData: '${ .paid }'}
        actions: [{functionRef: double, actionDataFilter: {toStateData: '${ .afterPaid }'}}]
      - eventRefs: [shipped]
        eventDataFilter: {useData: false}
        actions: [{functionRef: double, actionDataFilter: {toStateData: '${ .afterShipped }'}}]
    end: true
"""


def test_event_state_exclusive_does_the_actions_of_the_event_that_came() -> None:
    """Any event is enough in the middle of a flow; only its own actions run."""
    world = run(COLLECT % "true", {"n": 1})
    assert world.deliver("ship/shipped", {"x": 1})
    assert (world.status, world.data) == ("completed", {"n": 1, "afterShipped": 2})


def test_event_state_not_exclusive_waits_for_all_events() -> None:
    """All events first, in any order, then all actions in declared order; a second event of a kind is not taken."""
    world = run(COLLECT % "false", {"n": 1})
    assert world.deliver("ship/shipped", {"x": 1})
    assert not world.deliver("ship/shipped", {"x": 2})
    assert world.status == "waiting"
    assert world.deliver("pay/paid", {"n": 5})
    assert world.data == {"n": 1, "paid": {"n": 5}, "afterPaid": 2, "afterShipped": 2}


def test_event_state_starts_an_instance_and_consumes_the_event() -> None:
    """The event that started the instance is the state's first, its payload becomes the data."""
    world = World(
        make_plan(
            """
states:
  - name: A
    type: event
    onEvents: [{eventRefs: [asked], actions: [{eventRef: {triggerEventRef: pay, resultEventRef: paid}}]}]
    end: true
"""
        )
    )
    asked(world, {"order": 1}, traceparent="00-aa-bb-01")
    assert world.sent == [("pay/pay", {"order": 1})]
    assert world.published[0]["traceparent"] == "00-aa-bb-01"
    assert world.answer({"ok": True})
    assert world.data == {"order": 1, "ok": True}


def test_event_state_that_starts_waits_for_an_event_of_its_own_when_it_comes_back() -> None:
    """A cycle through the start waits for the next event; its channel is needed as long as instances run."""
    plan = make_plan(
        """
states:
  - {name: A, type: event, onEvents: [{eventRefs: [asked]}], transition: B}
  - {name: B, type: switch, dataConditions: [{condition: '${ .more }', transition: A}], defaultCondition: {end: true}}
"""
    )
    assert plan.later_channels == {"shop/asked"}
    world = asked(World(plan), {"more": True, "seen": [1]})
    assert (world.status, len(world.listening)) == ("waiting", 1)
    assert world.deliver("shop/asked", {"more": False, "seen": [2]})
    assert world.data == {"more": False, "seen": [1, 2]}


def test_plan_needs_the_channel_of_a_start_no_longer_than_it_starts() -> None:
    """Where no way leads back to it, a start's channel is not among those of running instances."""
    plan = make_plan("states: [{name: A, type: event, onEvents: [{eventRefs: [asked]}], end: true}]\n")
    assert (plan.start_channels, plan.later_channels) == ({"shop/asked"}, set())


NOTED = """
states:
  - {name: A, type: event, onEvents: [{eventRefs: [noted], eventDataFilter: {toStateData: .first}}], transition: B}
  - {name: B, type: event, onEvents: [{eventRefs: [noted], eventDataFilter: {toStateData: .second}}], end: true}
"""


def test_event_state_correlates_by_the_value_of_the_first_event() -> None:
    """A rule without a value: the first event's value is the instance's own from then on (0.8, "Correlation")."""
    world = World(make_plan(NOTED))
    note = world.event("org.note", 1, source="/notes", orderid="o1")
    world.begin(event=note)
    assert (world.claims, world.instance.claims) == (['[["orderid","o1"]]'], ['[["orderid","o1"]]'])
    assert [row.key for row in world.listening.values()] == world.claims
    assert not world.deliver("org.note", 2, source="/notes", orderid="o2")
    assert not world.deliver("org.note", 2, source="/elsewhere", orderid="o1")
    assert world.deliver("org.note", 2, source="/notes", orderid="o1")
    assert world.data == {"first": 1, "second": 2}


def test_event_state_correlates_by_fixed_and_computed_values() -> None:
    """Values that the definition demands are demanded, also while others are not known yet."""
    events = """
events:
  - name: noted
    type: org.note
    source: /notes/+
    dataOnly: false
    correlation:
      - {contextAttributeName: patient}
      - {contextAttributeName: ward, contextAttributeValue: '${ .ward }'}
"""
    states = "states: [{name: A, type: event, onEvents: [{eventRefs: [noted]}], transition: B}, {name: B, type: event, "
    states += "onEvents: [{eventRefs: [noted], eventDataFilter: {data: '${ {patient, n: .data} }'}}], end: true}]\n"
    world = World(make_plan(states, events=events))
    world.move(Begin({"ward": "w1"}))
    assert [row.key for row in world.listening.values()] == [""]
    assert not world.deliver("org.note", 1, source="/notes/a", patient="p1", ward="w2")
    assert not world.deliver("org.note", 1, source="/notes/a", patient="p1")
    assert world.deliver("org.note", 1, source="/notes/a", patient="p1", ward="w1")
    assert [row.key for row in world.listening.values()] == ['[["patient","p1"],["ward","w1"]]']
    assert not world.deliver("org.note", 1, source="/notes/a", patient="p2", ward="w1")
    assert world.deliver("org.note", 5, source="/notes/b", patient="p1", ward="w1")
    assert (world.data["patient"], world.data["n"]) == ("p1", 5)


def test_event_state_merges_the_whole_event_where_data_only_is_false() -> None:
    """With dataOnly false the filter sees the context attributes too."""
    events = "events: [{name: noted, type: org.note, source: /notes, dataOnly: false}]\n"
    states = "states: [{name: A, type: event, onEvents: [{eventRefs: [noted], eventDataFilter: "
    states += "{data: '${ {who: .source, what: .data} }'}}], end: true}]\n"
    world = World(make_plan(states, events=events))
    world.begin(event=world.event("org.note", [1], source="/notes"))
    assert world.data == {"who": "/notes", "what": [1]}


def test_instance_never_takes_its_own_event() -> None:
    """An event that the instance published does not satisfy its own wait, though type and source would."""
    events = """
events:
  - {name: told, type: org.note, source: /notes, kind: produced}
  - {name: noted, type: org.note, source: /notes, kind: consumed}
"""
    states = """
states:
  - name: A
    type: operation
    actions: [{eventRef: {triggerEventRef: told, resultEventRef: noted}}]
    end: true
"""
    world = World(make_plan(states, events=events)).begin({"a": 1})
    assert not any(world.move(cause) for cause in world.ways("org.note", world.published[0]))
    assert world.deliver("org.note", {"b": 1}, source="/notes", answers=world.published[0])
    assert world.data == {"a": 1, "b": 1}


# Sleep and callback.


def test_sleep_waits_for_its_time() -> None:
    """The deadline is absolute; nothing happens before it."""
    world = run("states: [{name: A, type: sleep, duration: PT1M, end: true}]", {"a": 1})
    assert (world.status, world.instance.due) == ("waiting", world.now + 60)
    assert not world.sleep(59)
    assert world.sleep(1)
    assert (world.status, world.data) == ("completed", {"a": 1})


def test_action_sleeps_before_and_after() -> None:
    """An action pauses before and after its function."""
    world = run(
        """
states:
  - name: A
    type: operation
    actions: [{functionRef: pay, sleep: {before: PT10S, after: PT20S}}]
    end: {terminate: true}
"""
    )
    assert world.sent == []
    world.sleep(10)
    assert (world.sent, world.status) == ([("pay/pay", {})], "waiting")
    world.sleep(20)
    assert world.status == "completed"


CALLBACK = """
states:
  - name: A
    type: callback
    action: {functionRef: {refName: pay, arguments: {sum: '${ .n }'}}%s}
    eventRef: paid
    eventDataFilter: {toStateData: '${ .decision }'}
    end: true
"""


def test_callback_does_its_action_and_waits_for_the_event() -> None:
    """The trigger carries the state's activation, so that the decision may echo it."""
    world = run(CALLBACK % "", {"n": 4})
    assert world.sent == [("pay/pay", {"sum": 4})]
    assert world.answer("yes")
    assert world.data == {"n": 4, "decision": "yes"}


def test_callback_expects_an_answer_that_comes_before_its_wait() -> None:
    """A decision that comes while the action still sleeps is expected, so that it can be kept for the instance."""
    world = run(CALLBACK % ", sleep: {after: PT1S}", {"n": 4})
    trigger = world.published[0]
    assert not world.answer("yes")
    early = world.ways(
        "pay/paid", world.event("pay/paid", "yes") | {"workflowtaskinstanceid": trigger["workflowtaskinstanceid"]}
    )
    assert Burst(world.plan, world.instance, now=world.now).expects(early[0])
    assert not Burst(world.plan, world.instance, now=world.now).expects(early[1])
    world.sleep(1)
    assert world.answer("yes")
    assert world.status == "completed"


# Parallel.

PARALLEL = """
states:
  - name: A
    type: parallel
    %s
    branches:
      - name: one
        actions: [{eventRef: {triggerEventRef: pay, resultEventRef: paid}, actionDataFilter: {toStateData: .one}}]
      - name: two
        actions: [{eventRef: {triggerEventRef: ship, resultEventRef: shipped}, actionDataFilter: {toStateData: .two}}]
      - {name: three, actions: [{functionRef: double, actionDataFilter: {toStateData: .three}}]}
    end: true
"""


def test_parallel_joins_all_branches() -> None:
    """Every branch begins with the same data; the join has what each changed."""
    world = run(PARALLEL % "completionType: allOf", {"n": 4, "list": [1]})
    assert world.answer({"a": 1}, to=1)
    assert world.status == "waiting"
    assert world.answer({"b": 1}, to=0)
    assert world.data == {"n": 4, "list": [1], "one": {"b": 1}, "two": {"a": 1}, "three": 8}


@pytest.mark.parametrize("needed", ["2", "'${ .n / 2 }'", "'${ \"2\" }'"])
def test_parallel_goes_on_after_enough_branches(needed: str) -> None:
    """With atLeast the rest is cancelled and what comes late is not taken."""
    world = run(PARALLEL % f"completionType: atLeast\n    numCompleted: {needed}", {"n": 4})
    assert world.answer({"a": 1}, to=1)
    assert (world.status, world.data) == ("completed", {"n": 4, "two": {"a": 1}, "three": 8})
    assert not world.answer({"b": 1}, to=0)


@pytest.mark.parametrize("needed", ["'${ .n }'", "'${ 0 }'", "'${ true }'", "'${ 1.5 }'"])
def test_parallel_number_that_is_none_faults(needed: str) -> None:
    """A number of branches that cannot be counted is an error at its expression."""
    world = run(PARALLEL % f"completionType: atLeast\n    numCompleted: {needed}", {"n": "x"})
    assert world.status == "faulted"
    assert world.instance.reason is not None
    assert world.instance.reason.reference == "/states/0/numCompleted"


def test_parallel_with_empty_branches_ends_at_once() -> None:
    """A branch without actions yields its data; a state of such branches does not wait."""
    world = run(
        "states: [{name: A, type: parallel, branches: [{name: x, actions: []}, {name: y, actions: []}], end: true}]",
        {"n": 4},
    )
    assert (world.status, world.data) == ("completed", {"n": 4})


# ForEach.

FOREACH = """
states:
  - name: A
    type: foreach
    inputCollection: '${ .orders }'
    outputCollection: '${ .results }'
    iterationParam: order
    %s
    actions:
      - {functionRef: {refName: double, arguments: {n: '${ .order.n }'}}}
      - {functionRef: {refName: double, arguments: {n: '${ $order.n }'}}, condition: '${ .order.n > 1 }'}
    end: true
"""


@pytest.mark.parametrize("mode", ["mode: sequential", "mode: parallel", "batchSize: 2", "batchSize: '${ .size }'"])
def test_foreach_collects_the_last_results_in_order(mode: str) -> None:
    """Results stand in the order of the items, behind what was there; the item is a key and a variable."""
    orders = [{"n": number} for number in range(5)]
    world = run(FOREACH % mode, {"orders": orders, "results": ["old"], "size": 3})
    assert world.data == {"orders": orders, "results": ["old", 0, 2, 4, 6, 8], "size": 3}


EACH_WAITS = """
states:
  - name: A
    type: foreach
    inputCollection: '${ .orders }'
    outputCollection: '${ .results }'
    iterationParam: order
    %s
    actions: [{eventRef: {triggerEventRef: pay, resultEventRef: paid, data: '${ .order }'}}]
    end: true
"""


@pytest.mark.parametrize(("mode", "window"), [("mode: sequential", 1), ("batchSize: 2", 2), ("mode: parallel", 5)])
def test_foreach_runs_as_many_items_as_its_window(mode: str, window: int) -> None:
    """So many triggers are out at a time; each answer lets the next item start."""
    world = run(EACH_WAITS % mode, {"orders": list(range(5))})
    for answered in range(5):
        assert len(world.published) == min(5, answered + window)
        assert world.answer(answered * 10, to=answered)
    assert world.data == {"orders": [0, 1, 2, 3, 4], "results": [0, 10, 20, 30, 40]}


def test_foreach_answers_in_any_order_stand_in_the_order_of_the_items() -> None:
    """The order of the answers does not matter."""
    world = run(EACH_WAITS % "mode: parallel", {"orders": [1, 2, 3]})
    for index in (2, 0, 1):
        assert world.answer({"n": index}, to=index)
    assert world.data["results"] == [{"n": 0}, {"n": 1}, {"n": 2}]


@pytest.mark.parametrize("orders", [[], None, {"a": 1}])
def test_foreach_without_items(orders: Any) -> None:
    """An empty collection is done at once and makes its output; none at all is an error at its expression."""
    world = run(FOREACH % "mode: parallel", {"orders": orders})
    if orders == []:
        assert (world.status, world.data) == ("completed", {"orders": [], "results": []})
    else:
        assert world.status == "faulted"
        assert world.instance.reason is not None
        assert world.instance.reason.reference == "/states/0/inputCollection"


def test_foreach_without_actions_counts_its_items() -> None:
    """A body without actions yields nothing for each item."""
    world = run(
        "states: [{name: A, type: foreach, inputCollection: .orders, outputCollection: .out, actions: [], end: true}]",
        {"orders": [1, 2]},
    )
    assert world.data == {"orders": [1, 2], "out": [None, None]}


@pytest.mark.parametrize("mode", ["mode: sequential", "mode: parallel"])
def test_foreach_over_ten_thousand_items_that_never_wait(mode: str) -> None:
    """Neither recursion nor quadratic work, and a state that stays small while the burst pauses."""
    orders = [{"n": number} for number in range(10_000)]
    world = World(make_plan(FOREACH % mode + EXPRESSIONS), strict=False).begin({"orders": orders})
    assert world.data["results"] == [2 * number for number in range(10_000)]
    assert world.bursts > 3


# Ends and transitions.


def test_end_terminates_whatever_else_goes_on() -> None:
    """A terminating end completes the instance with the data so far, also when an event led to it."""
    world = run(
        """
states:
  - {name: A, type: event, onEvents: [{eventRefs: [paid]}], end: {terminate: true, produceEvents: [{eventRef: told}]}}
"""
    )
    assert world.deliver("pay/paid", {"x": 1})
    assert (world.status, world.data, world.sent) == ("completed", {"x": 1}, [("org.told", {"x": 1})])


def test_constants_and_workflow_are_variables() -> None:
    """`$CONST` and `$WORKFLOW` are there in every expression."""
    head = HEAD + "version: '7'\nname: Flow\nconstants: {rate: 3}\n"
    plan = make_plan(
        "states: [{name: A, type: inject, data: {n: 2}, end: true, "
        "stateDataFilter: {output: '${ {n: (.n * $CONST.rate), w: $WORKFLOW} }'}}]",
        head=head,
        events="",
    )
    world = World(plan).begin()
    assert world.data == {"n": 6, "w": {"id": "flow", "name": "Flow", "version": "7", "instanceId": "i1"}}


def test_expression_that_fails_faults_the_instance() -> None:
    """The reason says what failed and where; nothing else happens to the instance."""
    world = run("states: [{name: A, type: operation, actions: [{functionRef: fail}], end: true}]")
    assert world.status == "faulted"
    assert world.instance.reason is not None
    assert world.instance.reason.title == 'no in ${ error("no") }'
