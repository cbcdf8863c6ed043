"""Property tests: random definitions, random schedules, and what holds for all of them (DESIGN section 4)."""

import copy as copying
import json
from typing import Any

import pytest
from engine_driver import EPOCH, World, make_plan
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenweave.engine import Limits, codec
from evenweave.engine.life import NotAllowed
from evenweave.plan.nodes import Plan

RULES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

FUNCTIONS = [
    {"name": "count", "type": "expression", "operation": "{count: ((.count // 0) + 1)}"},
    {"name": "list", "type": "expression", "operation": "{seen: [.count, 1]}"},
    {"name": "odd", "type": "expression", "operation": 'if .odd then error("odd") else {odd: true} end'},
    {"name": "send", "type": "asyncapi", "operation": "file://pay.yaml#pay"},
    {"name": "await", "type": "asyncapi", "operation": "file://pay.yaml#paid"},
]

ACTIONS = st.sampled_from(
    [
        {"functionRef": "count"},
        {"functionRef": "list", "actionDataFilter": {"toStateData": "${ .lists }"}},
        {"functionRef": "odd"},
        {"functionRef": "count", "condition": "${ (.count // 0) < 3 }"},
        {"functionRef": "count", "sleep": {"before": "PT5S", "after": "PT5S"}},
        {"functionRef": {"refName": "send", "arguments": {"n": "${ .count }"}}},
        {"functionRef": "await", "actionDataFilter": {"toStateData": "${ .got }"}},
        {"eventRef": {"triggerEventRef": "pay", "resultEventRef": "paid"}},
        {"eventRef": {"triggerEventRef": "ship", "resultEventRef": "shipped", "data": {"n": "${ .count }"}}},
        {"eventRef": {"triggerEventRef": "ship", "resultEventRef": "shipped", "invoke": "async"}},
    ]
)
MODES = st.sampled_from(["sequential", "parallel"])


@st.composite
def states(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A few states, one after the other, the last of them perhaps back to the first once."""
    count = draw(st.integers(1, 4))
    made: list[dict[str, Any]] = []
    for index in range(count):
        state = draw(st.one_of(_operation(), _parallel(), _foreach(), _event(), _callback(), _plain()))
        state |= {"name": f"s{index}"}
        if index + 1 < count:
            state["transition"] = {"nextState": f"s{index + 1}"}
            if draw(st.booleans()):
                state["transition"]["produceEvents"] = [{"eventRef": "told", "data": "${ .count }"}]
        else:
            state["end"] = draw(st.sampled_from([True, {"terminate": True}, {"produceEvents": [{"eventRef": "told"}]}]))
        made.append(state)
    return made


def _operation() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"type": st.just("operation"), "actionMode": MODES, "actions": st.lists(ACTIONS, min_size=1, max_size=3)}
    )


@st.composite
def _parallel(draw: st.DrawFn) -> dict[str, Any]:
    bodies = draw(st.lists(st.lists(ACTIONS, max_size=2), min_size=1, max_size=3))
    branches = [{"name": f"b{index}", "actions": actions} for index, actions in enumerate(bodies)]
    if draw(st.booleans()):
        return {"type": "parallel", "branches": branches}
    needed = draw(st.integers(1, len(branches)))
    return {"type": "parallel", "branches": branches, "completionType": "atLeast", "numCompleted": needed}


def _foreach() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "type": st.just("foreach"),
            "inputCollection": st.sampled_from(["${ [range(4)] }", "${ .list }", "${ [] }", "${ [.list[]?, 7] }"]),
            "actions": st.lists(ACTIONS, min_size=1, max_size=2),
        },
        optional={
            "mode": MODES,
            "batchSize": st.sampled_from([2, "${ 3 }"]),
            "iterationParam": st.just("item"),
            "outputCollection": st.just("${ .out }"),
        },
    )


@st.composite
def _event(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(["paid", "shipped", "noted"]), min_size=1, max_size=3, unique=True))
    on = [{"eventRefs": [name], "actions": draw(st.lists(ACTIONS, max_size=2))} for name in names]
    return {"type": "event", "exclusive": draw(st.booleans()), "onEvents": on}


def _callback() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just("callback"), "action": ACTIONS, "eventRef": st.just("paid")})


def _plain() -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(
        [
            {"type": "inject", "data": {"list": [1, 2], "n": {"m": 1}}},
            {"type": "inject", "data": {"list": ["a"]}, "stateDataFilter": {"output": "${ {list, count} }"}},
            {"type": "sleep", "duration": "PT1M"},
        ]
    )


def plan_of(made: list[dict[str, Any]]) -> Plan:
    """Compile the states; a first state that takes events is preceded by one that does not."""
    first = {"name": "begin", "type": "inject", "data": {}, "transition": "s0"}
    head = f'id: flow\nspecVersion: "0.8"\nfunctions: {json.dumps(FUNCTIONS)}\n'
    return make_plan([first, *copying.deepcopy(made)], head=head)


CHOICES = st.lists(st.integers(0, 30), max_size=25)
LIMITS = st.sampled_from([Limits(), Limits(nodes=3, bursts=100_000), Limits(nodes=1, bursts=100_000)])


def moves(world: World) -> list[tuple[str, Any]]:
    """What may happen next, in a fixed order."""
    possible: list[tuple[str, Any]] = []
    if world.instance.due is not None:
        possible.append(("sleep", world.instance.due - world.now))
    asked = {"pay/pay", "ship/ship"}
    possible += [("answer", index) for index, event in enumerate(world.published) if event["subject"] in asked]
    possible += [("deliver", row) for row in sorted(world.listening)]
    return possible


def play(world: World, choices: list[int], *, around: Any = None) -> World:
    """Let things happen as the choices say; `around` is done between any two."""
    for number, choice in enumerate(choices):
        possible = moves(world)
        if not possible:
            break
        if around is not None:
            around(world)
        kind, what = possible[choice % len(possible)]
        match kind:
            case "sleep":
                world.sleep(what)
            case "answer":
                world.answer({"answer": {str(number): choice}, "list": [choice]}, to=what)
            case _:
                row = world.listening[what]
                attributes = {"source": "/notes", "orderid": "o1"} if row.channel == "org.note" else {}
                world.deliver(row.channel, {"event": number, "list": [choice]}, **attributes)
    return world


@RULES
@given(states(), CHOICES, LIMITS)
def test_bursts_are_deterministic_and_balanced(made: list[dict[str, Any]], choices: list[int], limits: Limits) -> None:
    """A burst run again gives the same bytes, also from a decoded state; listens are balanced and ids used once."""
    world = play(World(plan_of(made), limits=limits).begin({"list": [3]}), choices)
    waits = {fiber.frames[-1].activation for fiber in world.instance.fibers if fiber.blocked == "await"}
    assert {activation for activation, _ in world.listening} <= waits
    activations = [frame.activation for fiber in world.instance.fibers for frame in fiber.frames]
    assert len(set(activations)) == len(activations)
    assert not set(activations) & world.ids


@RULES
@given(states(), CHOICES)
def test_cancel_ends_an_instance_from_any_state(made: list[dict[str, Any]], choices: list[int]) -> None:
    """Wherever an instance is, cancel ends it, and nothing is listened for any more."""
    plan = plan_of(made)

    def cancel(world: World) -> None:
        if world.instance.ended:
            return
        other = World(plan)
        other.instance, other.listening, other.now = world.instance, dict(world.listening), world.now
        other.command("cancel", "not wanted")
        assert (other.status, other.listening, other.instance.due) == ("cancelled", {}, None)
        assert other.instance.reason is not None
        assert other.instance.reason.title == "not wanted"

    world = play(World(plan).begin({"list": [3]}), choices, around=cancel)
    cancel(world)


@RULES
@given(states(), CHOICES)
def test_suspend_kill_and_resume_change_nothing(made: list[dict[str, Any]], choices: list[int]) -> None:
    """Suspended, read again from its bytes and resumed at every wait, an instance ends as if nothing had been."""
    plan = plan_of(made)

    def interrupt(world: World) -> None:
        if world.status != "waiting":
            return
        world.command("suspend")
        assert world.instance.due is None
        world.instance = codec.decode(codec.encode(world.instance))
        world.command("resume")
        assert world.status == "waiting"

    plain = play(World(plan).begin({"list": [3]}), choices)
    other = play(World(plan).begin({"list": [3]}), choices, around=interrupt)
    assert (other.status, other.data, other.sent) == (plain.status, plain.data, plain.sent)
    assert other.instance.counter == plain.instance.counter


@RULES
@given(states(), CHOICES)
def test_long_bursts_pause_and_end_the_same(made: list[dict[str, Any]], choices: list[int]) -> None:
    """Where a burst stops after every node and goes on in another, an instance without branches ends the same."""
    lines = [state for state in made if state["type"] in {"inject", "sleep", "callback", "event"}]
    if not lines:
        return
    for index, state in enumerate(lines):
        state["name"] = f"s{index}"
        for key in ("transition", "end"):
            state.pop(key, None)
        state.update({"end": True} if index + 1 == len(lines) else {"transition": f"s{index + 1}"})
    plan = plan_of(lines)
    plain = play(World(plan).begin({"list": [3]}), choices)
    other = play(World(plan, limits=Limits(nodes=1, bursts=100_000)).begin({"list": [3]}), choices)
    assert (other.status, other.data, other.sent) == (plain.status, plain.data, plain.sent)


@RULES
@given(states(), CHOICES)
def test_faulted_instance_can_be_retried_and_cancelled(made: list[dict[str, Any]], choices: list[int]) -> None:
    """A retry goes on from the frames that the fault left, as often as one likes, and a cancel ends it all the same."""
    world = World(plan_of(made)).begin({"list": [3]})
    for _ in range(3):
        play(world, choices)
        if world.status != "faulted":
            break
        world.command("retry")
    if not world.instance.ended:
        world.command("cancel")


def test_play_reaches_the_end_of_a_flow() -> None:
    """The schedules of these tests do end instances."""
    action = {"eventRef": {"triggerEventRef": "pay", "resultEventRef": "paid"}}
    world = play(World(plan_of([{"name": "s0", "type": "operation", "actions": [action], "end": True}])).begin(), [0])
    assert (world.status, world.now) == ("completed", EPOCH)


@pytest.mark.parametrize("verb", ["suspend", "cancel", "resume", "retry", "fault"])
def test_ended_instance_takes_no_command(verb: str) -> None:
    """Nothing can happen to an instance that has ended; the error names status and command."""
    world = World(plan_of([{"name": "s0", "type": "inject", "data": {}, "end": True}])).begin()
    with pytest.raises(NotAllowed, match=f"an instance that is completed cannot {verb}"):
        world.command(verb)
