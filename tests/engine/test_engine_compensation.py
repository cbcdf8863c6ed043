"""What was done is undone, the last first (0.8, "Workflow Compensation")."""

import msgspec
import pytest
from engine_driver import World, make_plan

from evenweave.engine import Begin
from evenweave.engine.recording import Recorder
from evenweave.ports.store import HistoryEntry
from evenweave.worker.replay import replay

NOTE = "actions: [{functionRef: {refName: note, arguments: {said: '${ .said }', more: %s}}}]"
FUNCTIONS = """
functions:
  - {name: note, type: expression, operation: '{said: [.more]}'}
  - {name: bad, type: expression, operation: '.said.x'}
errors: [{name: broken, code: expression}]
"""


def step(name: str, then: str, by: str = "") -> str:
    """A state that notes its name, and may be compensated."""
    return f"{{name: {name}, type: operation, {NOTE % name}, {f'compensatedBy: {by}, ' if by else ''}{then}}}"


def undo(name: str, then: str = "") -> str:
    """A state that compensates."""
    more = f", {then}" if then else ""
    return f"{{name: {name}, type: operation, usedForCompensation: true, {NOTE % name}{more}}}"


def world_of(*states: str) -> World:
    """A world of some states, begun."""
    lines = "".join(f"\n  - {state}" for state in states)
    return World(make_plan(f"states:{lines}{FUNCTIONS}")).begin({"said": []})


def said(world: World) -> str:
    """What the states noted, in order."""
    return " ".join(world.instance.data["said"])


UNDONE = [undo("B1", "transition: B2"), undo("B2"), undo("D1", "end: true"), undo("C1")]


def test_states_are_compensated_in_reverse_order_with_the_data_that_is_there() -> None:
    """The specification's picture: A, B, D, E ran, C did not; then D1, B1, B2 run on one another's data."""
    world = world_of(
        step("A", "transition: B"),
        step("B", "transition: D", "B1"),
        step("C", "transition: D", "C1"),
        step("D", "transition: E", "D1"),
        step("E", "end: {compensate: true}"),
        *UNDONE,
    )
    assert world.status == "completed"
    assert said(world) == "A B D E D1 B1 B2"


def test_transition_may_compensate_before_it_is_taken() -> None:
    """Compensation comes first, then the events of the transition, then the next state; nothing is undone twice."""
    world = world_of(
        step("B", "transition: D", "B1"),
        step("D", "transition: {nextState: E, compensate: true, produceEvents: [{eventRef: told}]}", "D1"),
        step("E", "end: {compensate: true}"),
        *UNDONE,
    )
    assert said(world) == "B D D1 B1 B2 E"
    assert world.sent == [("org.told", {"said": ["B", "D", "D1", "B1", "B2"]})]


def test_end_compensates_then_publishes_then_continues() -> None:
    """At an end compensation is first, then the events, then another instance goes on."""
    world = world_of(
        step("B", "end: {compensate: true, produceEvents: [{eventRef: told}], continueAs: other}", "B1"), *UNDONE
    )
    assert world.status == "completed"
    assert world.sent == [("org.told", {"said": ["B", "B1", "B2"]})]
    assert world.instance.continued > 0


def test_state_that_ran_twice_is_compensated_once() -> None:
    """A loop leaves one entry for each state, at its last completion."""
    switch = (
        "{name: Again, type: switch, dataConditions: [{condition: '${ .said | length < 3 }', transition: T}], "
        "defaultCondition: {end: {compensate: true}}}"
    )
    undone = [undo("B1", "transition: {nextState: B2, produceEvents: [{eventRef: told}]}"), *UNDONE[1:]]
    world = world_of(
        step("B", "transition: D", "B1"),
        step("D", "transition: Again", "D1"),
        switch,
        step("T", "transition: B"),
        *undone,
    )
    assert said(world) == "B D T D1 B1 B2"
    assert len(world.sent) == 1


def test_state_that_failed_is_not_compensated() -> None:
    """Only what has completed is undone: an error leaves nothing to compensate for its state."""
    failing = (
        "{name: F, type: operation, actions: [{functionRef: bad}], compensatedBy: D1, transition: E, "
        "onErrors: [{errorRef: broken, transition: {nextState: E, compensate: true}}]}"
    )
    world = world_of(step("B", "transition: F", "B1"), failing, step("E", "end: true"), *UNDONE)
    assert said(world) == "B B1 B2 E"


def test_switch_may_be_compensated() -> None:
    """Whatever way a switch takes, it has completed."""
    switch = (
        "{name: S, type: switch, compensatedBy: D1, dataConditions: [{condition: '${ true }', transition: E}], "
        "defaultCondition: {end: true}}"
    )
    assert said(world_of(switch, step("E", "end: {compensate: true}"), *UNDONE)) == "E D1"


def test_compensation_waits_like_any_other_state() -> None:
    """A state that compensates may ask a service, survive a suspension, and fail and be mended."""
    ask = (
        "{name: U, type: operation, usedForCompensation: true, actions: [{eventRef: {triggerEventRef: pay, "
        "resultEventRef: paid}}, {functionRef: bad}]}"
    )
    world = world_of(step("A", "transition: B", "D1"), step("B", "end: {compensate: true}", "U"), ask, *UNDONE)
    assert world.status == "waiting"
    world.command("suspend")
    world.command("resume")
    assert world.answer({"back": True})
    assert world.status == "faulted"
    world.command("skip")
    assert (world.status, said(world)) == ("completed", "A B D1")


def test_nothing_to_compensate_is_no_error() -> None:
    """Where nothing was done that can be undone, the way goes on."""
    world = world_of(step("A", "end: {compensate: true}"))
    assert (world.status, said(world)) == ("completed", "A")


@pytest.mark.parametrize(("at", "expected"), [("/states/1", "X D1 B1 B2"), ("/states/2", "X B1 B2")])
def test_fork_takes_along_what_can_be_compensated(at: str, expected: str) -> None:
    """An instance that begins at a step on the way, or amid compensation, undoes what was done before."""
    states = [step("B", "transition: D", "B1"), step("D", "end: {compensate: true}", "D1"), *UNDONE[:2], UNDONE[2]]
    world = world_of(*states)
    recorder = Recorder()
    history = [HistoryEntry(1, world.now, msgspec.msgpack.encode([Begin({"said": []})]))]
    plan = world.plan
    replay(world.instance, history, find_plan=lambda _, __: plan, limits=world.limits, recorder=recorder)
    entry = next(each for each in recorder.entries if each.position == at)
    fork = World(plan, name="i2")
    fork.move(Begin({"said": ["X"]}, at=at, compensation=entry.compensation, compensating=entry.compensating))
    assert fork.status == "completed"
    assert " ".join(fork.data["said"]).replace("X D ", "X ") == expected
