"""Faulted steps are passed over, and instances move to other plans, wherever they stand."""

from typing import Any

import pytest
from engine_driver import World, make_plan
from test_engine_states import EACH_WAITS, PARALLEL

from evenweave.engine import Command, Migrate, codec, step
from evenweave.engine.migration import CannotMigrate, find_missing
from evenweave.engine.patching import BadPatch
from evenweave.plan.nodes import Plan

FUNCTIONS = """
functions:
  - {name: bad, type: expression, operation: '.n.x'}
  - {name: double, type: expression, operation: '.n * 2'}
  - {name: fine, type: expression, operation: '.m'}
  - {name: pay, type: asyncapi, operation: 'file://pay.yaml#pay'}
"""
BEHIND = "{name: Behind, type: inject, data: {behind: true}, end: true}"
TO = "actionDataFilter: {toStateData: .r}"
ASK = "eventRef: {triggerEventRef: pay, resultEventRef: paid, data: '${ .n * {} }'}"


def world_of(states: str) -> World:
    """A world for some states."""
    return World(make_plan(f"states:\n  {states.strip()}\n  - {BEHIND}\n{FUNCTIONS}"))


SKIPPED: dict[str, tuple[str, dict[str, Any]]] = {
    "an inject state's output": (
        "- {name: A, type: inject, data: {m: 1}, stateDataFilter: {output: '${ .n * {} }'}",
        {},
    ),
    "a state's input": ("- {name: A, type: inject, data: {m: 1}, stateDataFilter: {input: '${ .n * {} }'}", {}),
    "a function": (f"- {{name: A, type: operation, actions: [{{functionRef: bad, {TO}}}]", {}),
    "a condition of an action": (
        f"- {{name: A, type: operation, actions: [{{functionRef: double, condition: '${{ .n }}', {TO}}}]",
        {},
    ),
    "a result": (
        "- {name: A, type: operation, actions: [{functionRef: double, actionDataFilter: {toStateData: .n.x}}]",
        {},
    ),
    "a trigger that would be answered": (f"- {{name: A, type: operation, actions: [{{{ASK}}}]", {}),
    "an action of several": (
        f"- {{name: A, type: operation, actions: [{{functionRef: bad}}, {{functionRef: double, {TO}}}]",
        {"r": 8},
    ),
    "a trigger of a callback state": (
        (
            "- {name: A, type: callback, eventRef: paid, "
            "action: {functionRef: {refName: pay, arguments: {sum: '${ .n * {} }'}}}"
        ),
        {},
    ),
    "a branch of a parallel state": (
        (
            "- {name: A, type: parallel, branches: [{name: one, actions: [{functionRef: bad}]}, "
            f"{{name: two, actions: [{{functionRef: double, {TO}}}]}}]"
        ),
        {"r": 8},
    ),
    "the number of branches": (
        (
            "- {name: A, type: parallel, completionType: atLeast, numCompleted: '${ .x }', "
            "branches: [{name: one, actions: [{functionRef: double}]}]"
        ),
        {},
    ),
    "a collection": ("- {name: A, type: foreach, inputCollection: '${ .n }', actions: [{functionRef: double}]", {}),
    "an action of each iteration": (
        (
            "- {name: A, type: foreach, inputCollection: '${ [1] }', outputCollection: '${ .r }', "
            "iterationParam: i, actions: [{functionRef: bad}]"
        ),
        {"r": [None]},
    ),
    "where results go": (
        (
            "- {name: A, type: foreach, inputCollection: '${ [1] }', outputCollection: '${ .n.x }', "
            "actions: [{functionRef: double}]"
        ),
        {},
    ),
}


@pytest.mark.parametrize("where", SKIPPED)
def test_skip_goes_on_behind_what_failed(where: str) -> None:
    """Whatever stops, it is passed over without a result, nothing is published, and the next state follows."""
    states, made = SKIPPED[where]
    world = world_of(f"{states}, transition: Behind}}").begin({"n": 4})
    assert world.status == "faulted"
    world.command("skip")
    assert world.status == "completed", world.instance.reason
    assert world.data == {"n": 4, "behind": True, **made}
    assert world.published == []


def test_skip_drops_an_event_that_cannot_be_merged() -> None:
    """The event is consumed, and the way of it is taken."""
    world = world_of(
        """- name: A
    type: event
    onEvents: [{eventRefs: [paid], eventDataFilter: {toStateData: .n.x}, actions: [{functionRef: double}]}]
    transition: Behind"""
    )
    world.begin({"n": 4}, event=world.event("pay/paid", {"a": 1}))
    assert world.status == "faulted"
    world.command("skip")
    assert (world.status, world.data["behind"]) == ("completed", True)


def test_skip_takes_the_default_of_a_switch() -> None:
    """A condition that fails is no condition."""
    world = world_of(
        """- name: A
    type: switch
    dataConditions: [{condition: '${ .n }', end: true}]
    defaultCondition: {transition: Behind}"""
    ).begin({"n": 4})
    world.command("skip")
    assert world.data == {"n": 4, "behind": True}


def test_skip_faults_anew_where_what_is_around_cannot_end() -> None:
    """The next reason is that of the state around, and can be skipped as well."""
    world = world_of(
        "- {name: A, type: operation, actions: [{functionRef: bad}], "
        "stateDataFilter: {output: '${ .n * {} }'}, transition: Behind}"
    ).begin({"n": 4})
    world.command("skip")
    assert world.status == "faulted"
    assert world.instance.reason is not None
    assert world.instance.reason.reference == "/states/0/stateDataFilter/output"
    world.command("skip")
    assert world.data == {"n": 4, "behind": True}


def test_patch_reaches_the_stopped_branch_only() -> None:
    """Data is mended in the fiber that stopped; what has no place for it is left alone."""
    world = world_of(
        "- {name: A, type: parallel, branches: ["
        "{name: one, actions: [{functionRef: double, actionDataFilter: {toStateData: .a}}]}, "
        "{name: two, actions: [{functionRef: fine, actionDataFilter: {toStateData: .b}}]}"
        "], transition: Behind}"
    ).begin({"n": {}, "m": 1})
    assert world.status == "faulted"
    before = codec.encode(world.instance)
    with pytest.raises(BadPatch):
        step(world.plan, world.instance, [Command("retry", patch={".[0]": 1})], now=world.now)
    assert codec.encode(world.instance) == before
    world.move(Command("retry", patch={".n": 3}))
    assert world.data == {"n": 3, "m": 1, "a": 6, "b": 1, "behind": True}


def plan_of(states: str) -> Plan:
    """A plan with another digest."""
    from dataclasses import replace

    return replace(make_plan(states + FUNCTIONS), digest="d2", version="2")


def migrate(world: World, new: Plan) -> None:
    """Move a world to another plan."""
    made = step(
        world.plan,
        world.instance,
        [Migrate(new.digest, new.version, world.plan.digest)],
        now=world.now,
        find_plan=lambda _, digest: new if digest == new.digest else None,
    )
    world.keep(made)
    world.plan = new


def test_migration_goes_on_inside_of_branches_and_items() -> None:
    """Fibers of forks and loops keep their places; answers to what was asked before are taken."""
    states = PARALLEL % "completionType: allOf"
    world = World(make_plan(states + FUNCTIONS)).begin({"n": 4})
    migrate(world, plan_of(states))
    assert world.answer({"a": 1}, to=1)
    assert world.answer({"b": 1}, to=0)
    assert (world.status, world.instance.digest) == ("completed", "d2")
    states = EACH_WAITS % "batchSize: 2"
    world = World(make_plan(states + FUNCTIONS)).begin({"orders": [1, 2, 3]})
    migrate(world, plan_of(states))
    for answered in range(3):
        assert world.answer(answered, to=answered)
    assert world.data["results"] == [0, 1, 2]


def test_migration_names_places_that_moved() -> None:
    """A branch that is not there, and a step that is inside of something else, are missing."""
    world = World(make_plan(PARALLEL % "completionType: allOf" + FUNCTIONS)).begin({"n": 4})
    fewer = PARALLEL.replace("      - name: two", "      - name: two\n        actions: []\n      - name: old")
    missing = find_missing(world.instance, world.plan, plan_of(fewer % "completionType: allOf"))
    assert [each.reference for each in missing] == ["/states/0/branches/1/actions/0"]
    before = codec.encode(world.instance)
    with pytest.raises(CannotMigrate):
        migrate(world, plan_of(f"states: [{BEHIND}]"))
    assert codec.encode(world.instance) == before


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_ended_instance_does_not_migrate(status: Any) -> None:
    """What has ended keeps the version that it ended by."""
    world = World(
        make_plan(f"states: [{{name: A, type: sleep, duration: PT1S, transition: Behind}}, {BEHIND}]")
    ).begin()
    if status == "completed":
        world.sleep(1)
    else:
        world.command("cancel")
    with pytest.raises(CannotMigrate, match=status):
        migrate(world, plan_of(f"states: [{BEHIND}]"))
