"""Faults, repair, pauses and limits: nothing is lost, wherever a burst stops."""

from typing import Any

import pytest
from engine_driver import World, make_plan

from evenweave.engine import Arrival, Begin, Burst, Command, Continue, Deadline, Limits, Publish, codec, fresh, step
from evenweave.engine.life import NotAllowed
from evenweave.plan.nodes import DISCARD, Do, Fork, Into, Leave, Loop, Plan, Raise, Scope, Set
from evenweave.plan.swf08.compiler import collect
from evenweave.plan.template import Constant

FUNCTIONS = """
functions:
  - {name: copy, type: expression, operation: '.'}
  - {name: grow, type: expression, operation: '{a: .}'}
  - {name: spin, type: expression, operation: '[range(100000)] | length'}
  - {name: pay, type: asyncapi, operation: 'file://pay.yaml#pay'}
"""


def world_of(states: str, **options: Any) -> World:
    """A world for some states."""
    return World(make_plan(states + FUNCTIONS), **options)


def reason(world: World) -> tuple[str, str]:
    """Type and reference of why the instance stopped."""
    assert world.instance.reason is not None
    return world.instance.reason.type, world.instance.reason.reference


def mend(world: World, data: Any, depth: int = -1) -> None:
    """Patch the data of the stopped fiber, as an operator would, and run the failed step again."""
    stopped = next(fiber for fiber in world.instance.fibers if fiber.blocked == "fault")
    stopped.frames[depth].data = data
    world.command("retry")


def test_event_is_kept_where_it_cannot_be_folded() -> None:
    """A fold that fails loses no event, leaves the data alone, and is done once the data is mended."""
    world = world_of(
        """
states:
  - {name: First, type: inject, data: {n: 1}, transition: A}
  - name: A
    type: event
    exclusive: false
    onEvents:
      - {eventRefs: [shipped]}
      - {eventRefs: [paid], eventDataFilter: {toStateData: '${ .n.deep }'}}
    end: true
"""
    ).begin()
    assert world.deliver("ship/shipped", {"x": 1})
    assert world.deliver("pay/paid", {"y": 1})
    assert world.status == "faulted"
    assert reason(world) == ("expression", "/states/1/onEvents/1/eventDataFilter/toStateData")
    assert world.instance.fibers[0].frames[-2].data == {"n": 1}
    assert not world.listening
    mend(world, {"n": {}}, depth=-2)
    assert (world.status, world.data) == ("completed", {"n": {"deep": {"y": 1}}, "x": 1})


def test_starting_event_is_kept_where_the_state_cannot_begin() -> None:
    """The event that started an instance survives a fault before anything waited for it."""
    world = world_of(
        """
states:
  - name: A
    type: event
    stateDataFilter: {input: '${ if .ready then . else error("not ready") end }'}
    onEvents: [{eventRefs: [asked]}]
    end: true
"""
    )
    world.begin(event=world.event("shop/asked", {"x": 1}))
    assert reason(world) == ("expression", "/states/0/stateDataFilter/input")
    mend(world, {"ready": True})
    assert (world.status, world.data, world.instance.opening) == ("completed", {"ready": True, "x": 1}, None)


def test_failing_output_of_a_state_does_not_repeat_its_actions() -> None:
    """What is run again is the step that failed: the trigger before it is published once."""
    world = world_of(
        """
states:
  - name: A
    type: operation
    stateDataFilter: {output: '${ if .ready then . else error("not ready") end }'}
    actions: [{functionRef: pay}]
    end: true
"""
    ).begin()
    assert (world.status, len(world.published)) == ("faulted", 1)
    world.command("retry")
    assert (world.status, len(world.published)) == ("faulted", 1)
    mend(world, {"ready": True})
    assert (world.status, world.data, len(world.published)) == ("completed", {"ready": True}, 1)


def test_failing_join_keeps_the_results_of_its_branches() -> None:
    """A loop whose output has no place keeps what its items made."""
    world = world_of(
        """
states:
  - name: A
    type: foreach
    inputCollection: '${ [1, 2] }'
    outputCollection: '${ .out }'
    actions: [{functionRef: copy}]
    end: true
"""
    ).begin({"out": "text"})
    assert reason(world) == ("data", "/states/0/outputCollection")
    mend(world, {"out": []})
    assert world.data == {"out": [{"out": "text"}, {"out": "text"}]}


def test_fault_stops_the_siblings_where_they_are() -> None:
    """A branch that had no turn yet, and one that waits, go on after the retry."""
    world = world_of(
        """
states:
  - name: A
    type: parallel
    branches:
      - {name: one, actions: [{eventRef: {triggerEventRef: pay, resultEventRef: paid}}]}
      - {name: two, actions: [{functionRef: copy, condition: '${ .n }'}]}
      - {name: three, actions: [{functionRef: pay}]}
    end: true
"""
    ).begin({"n": 5})
    assert (world.status, len(world.published)) == ("faulted", 1)
    assert not world.answer({"x": 1})
    mend(world, {"n": True})
    assert (world.status, len(world.published)) == ("waiting", 2)
    assert world.answer({"x": 1}, to=0)
    assert world.data == {"n": True, "x": 1}


def test_command_fault_keeps_what_waits() -> None:
    """A fault from outside (a publish that is refused for good) can be retried; waits are as they were."""
    world = world_of(
        """
states:
  - name: A
    type: operation
    actions: [{eventRef: {triggerEventRef: pay, resultEventRef: paid}}]
    end: true
"""
    ).begin()
    world.command("fault", "refused")
    assert (world.status, world.instance.due) == ("faulted", None)
    world.command("retry")
    assert world.status == "waiting"
    assert world.answer({"x": 1})
    assert world.status == "completed"


def test_deadlines_wait_for_a_suspended_instance() -> None:
    """A suspended instance has no deadline; resumed, an overdue one fires at once."""
    world = world_of("states: [{name: A, type: sleep, duration: PT1M, end: true}]").begin()
    world.command("suspend", "holiday")
    assert (world.instance.due, world.sleep(120)) == (None, False)
    world.command("resume")
    assert world.status == "completed"


def test_suspended_before_it_began_goes_back() -> None:
    """An instance that was suspended before its first burst is pending again when it is resumed, and may begin."""
    world = world_of("states: [{name: A, type: inject, data: {a: 1}, end: true}]")
    world.command("suspend")
    world.command("resume")
    assert world.status == "pending"
    assert world.begin().data == {"a": 1}


def test_long_burst_pauses_and_an_arrival_wakes_all_of_it() -> None:
    """An event for a paused instance does not make it forget the rest of its work."""
    world = world_of(
        """
states:
  - name: A
    type: parallel
    branches:
      - {name: one, actions: [{eventRef: {triggerEventRef: pay, resultEventRef: paid}}]}
      - {name: two, actions: [{functionRef: copy}, {functionRef: copy}, {functionRef: pay}]}
    end: true
""",
        limits=Limits(nodes=10),
    )
    assert world.move(Begin({}))
    assert (world.status, world.instance.due, len(world.published)) == ("running", 0.0, 1)
    trigger = world.published[0]
    event = world.event("pay/paid", {"x": 1}) | {"workflowtaskinstanceid": trigger["workflowtaskinstanceid"]}
    assert world.move(world.ways("pay/paid", event)[0])
    world.settle()
    assert (world.status, world.data, len(world.published)) == ("completed", {"x": 1}, 2)


def test_endless_flow_is_suspended_with_its_reason() -> None:
    """A cycle that never waits runs its share of bursts and is suspended; resumed, it gets another share."""
    plan = make_plan(
        "states: [{name: A, type: inject, data: {}, transition: B}, {name: B, type: inject, data: {}, transition: A}]"
    )
    world = World(plan, limits=Limits(nodes=10, bursts=3)).begin()
    assert (world.status, world.bursts) == ("suspended", 4)
    assert world.instance.reason is not None
    assert world.instance.reason.title == "3 bursts of 10 nodes without waiting"
    assert plan.nodes[world.instance.reason.reference].reference.startswith("/states/")
    world.command("resume")
    assert (world.status, world.bursts) == ("suspended", 8)


def test_fuel_is_shared_by_the_expressions_of_a_burst() -> None:
    """Expressions of one burst draw from the same fuel; the one that runs out is an error of the workflow."""
    actions = "[{functionRef: spin}, {functionRef: spin}, {functionRef: spin}]"
    states = f"states: [{{name: A, type: operation, actions: {actions}, end: true}}]"
    assert world_of(states, limits=Limits(fuel=2_000_000)).begin().status == "completed"
    world = world_of(states, limits=Limits(fuel=250_000)).begin()
    assert reason(world) == ("expression", "/functions/0/operation") or reason(world)[0] == "expression"


def test_effects_are_capped_and_none_is_half_asked_for() -> None:
    """A burst asks for so much and no more."""
    world = world_of(
        """
states:
  - name: A
    type: switch
    eventConditions: [{eventRef: paid, end: true}, {eventRef: shipped, end: true}]
    defaultCondition: {end: true}
""",
        limits=Limits(effects=1),
    ).begin()
    assert reason(world) == ("limit", "/states/0/eventConditions")
    assert not world.listening
    world.limits = Limits()
    world.command("retry")
    assert (world.status, len(world.listening)) == ("waiting", 2)


def test_data_that_grows_too_deep_is_an_error_of_the_workflow() -> None:
    """Nesting beyond what can be written down faults; the state can still be encoded."""
    world = world_of(
        """
states:
  - name: A
    type: operation
    actions: [{functionRef: grow, actionDataFilter: {toStateData: '${ .a }'}}]
    transition: A
"""
    )
    world.strict = False
    world.begin({"a": {}})
    assert world.status == "faulted"
    assert codec.decode(codec.encode(world.instance)).status == "faulted"


def test_whole_numbers_of_any_size_are_kept() -> None:
    """A number that msgpack cannot hold goes through the state unharmed."""
    world = world_of("states: [{name: A, type: event, onEvents: [{eventRefs: [paid]}], end: true}]").begin(
        {"n": 10**30}
    )
    assert world.deliver("pay/paid", {"m": -(10**25), "list": [2**64]})
    assert world.data == {"n": 10**30, "m": -(10**25), "list": [2**64]}


def test_causes_of_one_burst_are_taken_in_order() -> None:
    """Several causes are one burst; what nobody waits for any more is not taken."""
    world = world_of("states: [{name: A, type: event, onEvents: [{eventRefs: [paid]}], end: true}]").begin()
    row = next(iter(world.listening.values()))
    events = [world.event("pay/paid", {"x": number}) for number in range(2)]
    causes = [Deadline(), Continue(), *[Arrival("pay/paid", event, activation=row.activation) for event in events]]
    made = step(world.plan, world.instance, causes, now=world.now)
    assert made.taken == [False, False, True, False]
    assert (made.instance.data, made.instance.revision) == ({"x": 0}, world.instance.revision + 1)


def test_an_instance_begins_once() -> None:
    """A second beginning is refused."""
    world = world_of("states: [{name: A, type: sleep, duration: PT1S, end: true}]").begin()
    with pytest.raises(NotAllowed, match="an instance that is waiting cannot start"):
        world.move(Begin({}))


# Plans as other dialects would make them.


def hand_made(node: Any, **around: Any) -> Plan:
    """A plan of one node."""
    root = Do(position="", body=Scope(first=node.position, nodes={node.position: node}), **around)
    return Plan(id="hand", version="", name="hand", digest="", root=root, nodes=collect(root), starts=())


def test_error_that_is_raised_faults_the_instance() -> None:
    """A raised error is the reason, with its type, detail and node."""
    world = World(hand_made(Raise(position="/do/0", type="declined", detail=Constant("no money")))).begin()
    assert reason(world) == ("declined", "/do/0")
    assert world.instance.reason is not None
    assert world.instance.reason.title == "no money"


@pytest.mark.parametrize("window", [1, 7, None])
def test_loop_with_an_empty_body_needs_no_stack(window: int | None) -> None:
    """Items without anything to do end at once, ten thousand of them in a row."""
    plan = make_plan("states: [{name: A, type: foreach, inputCollection: '.n', actions: [], end: true}]")
    written = next(node for node in plan.nodes.values() if isinstance(node, Loop))
    body = Do(position="/do/0#item", body=Scope(first=None, nodes={}))
    loop = Loop(position="/do/0", items=written.items, body=body, name=None, window=window, into=DISCARD)
    world = World(hand_made(loop), strict=False).begin({"n": [0] * 10_000})
    assert world.status == "completed"


def test_forks_may_be_nested_and_empty() -> None:
    """A fork in a branch of a fork joins inside; what both levels made is there."""

    def put(where: str, value: Any) -> Set:
        return Set(position=where, value=Constant(value), into=Into("merge"))

    def branch(where: str, *nodes: Any) -> Do:
        first = nodes[0].position if nodes else None
        return Do(position=where, body=Scope(first=first, nodes={node.position: node for node in nodes}))

    inner = Fork(
        position="/f/0/f", branches=(branch("/f/0/f/0", put("/p", {"a": 1})), branch("/f/0/f/1", put("/q", {"b": 1})))
    )
    empty = Fork(position="/f/1/f", branches=())
    outer = Fork(
        position="/f", branches=(branch("/f/0", inner), branch("/f/1", empty), branch("/f/2", put("/r", {"c": 1})))
    )
    world = World(hand_made(outer)).begin({"x": 0})
    assert (world.status, world.data) == ("completed", {"x": 0, "a": 1, "b": 1, "c": 1})


def test_branch_that_terminates_ends_the_instance() -> None:
    """A terminating edge inside a branch ends the siblings too, with the data of the outermost frame."""
    stop = Set(position="/s", value=Constant({}), then=Leave.TERMINATE, into=DISCARD)
    branches = tuple(
        Do(
            position=f"/b/{index}",
            body=Scope(first=stop.position, nodes={stop.position: stop}) if index else Scope(first=None, nodes={}),
        )
        for index in range(2)
    )
    world = World(hand_made(Fork(position="/f", branches=branches))).begin({"x": 1})
    assert (world.status, world.data) == ("completed", {"x": 1})


def test_root_may_fault_too() -> None:
    """The outermost node has the empty position, and is run again like any other."""
    plan = make_plan("states: [{name: A, type: inject, data: {}, stateDataFilter: {output: '.n | error'}, end: true}]")
    failing = plan.nodes["/states/0"].output
    node = Set(position="/s", value=Constant(1), into=DISCARD)
    world = World(hand_made(node, output=failing)).begin({"n": 1})
    assert world.status == "faulted"
    assert (world.instance.fibers[0].at, world.instance.fibers[0].again) == ("", True)
    world.command("retry")
    assert world.status == "faulted"


def test_burst_leaves_its_argument_alone() -> None:
    """A burst that is thrown away leaves nothing behind."""
    plan = make_plan("states: [{name: A, type: operation, actions: [{functionRef: pay}], end: true}]" + FUNCTIONS)
    instance = fresh(plan, tenant="default", id="i1", now=0.0)
    before = codec.encode(instance)
    burst = Burst(plan, instance, now=0.0)
    assert burst.apply(Begin({}))
    assert isinstance(burst.effects[0], Publish)
    assert codec.encode(instance) == before
    assert burst.instance.status == "completed"
    with pytest.raises(NotAllowed):
        burst.apply(Command("suspend"))
