"""Errors of a workflow are handled where the definition says so, and stop the instance elsewhere."""

import pytest
from engine_driver import World, make_plan

from evenweave.engine.fault import Fault
from evenweave.engine.limits import LIMITS, Limits
from evenweave.plan.guards import ErrorMatch
from evenweave.plan.swf08.guards import _pattern

FUNCTIONS = """
functions:
  - {name: bad, type: expression, operation: '.n.x'}
  - {name: double, type: expression, operation: '{twice: (.n * 2)}'}
errors:
  - {name: broken expression, code: expression}
  - {name: timeout}
  - {name: not found, code: '404'}
"""
BEHIND = "{name: Behind, type: inject, data: {behind: true}, end: true}"
MENDED = "{name: Mended, type: inject, data: {mended: true}, end: true}"
CATCH = (
    "onErrors: [{errorRef: not found, transition: Behind}, {errorRefs: [timeout, broken expression], transition: %s}]"
)


def world_of(states: str, way: str = "Mended", limits: Limits = LIMITS) -> World:
    """A world for some states, each of which handles errors."""
    text = states.replace("CATCH", CATCH % way)
    return World(make_plan(f"states:\n  {text.strip()}\n  - {BEHIND}\n  - {MENDED}\n{FUNCTIONS}"), limits=limits)


FAILING: dict[str, str] = {
    "an action": "- {name: A, type: operation, actions: [{functionRef: bad}], CATCH, transition: Behind}",
    "an action side by side": (
        "- {name: A, type: operation, actionMode: parallel, actions: [{functionRef: double}, {functionRef: bad}], "
        "CATCH, transition: Behind}"
    ),
    "the input of a state": (
        "- {name: A, type: operation, stateDataFilter: {input: '${ .n.x }'}, actions: [], CATCH, transition: Behind}"
    ),
    "the output of a state": (
        "- {name: A, type: operation, stateDataFilter: {output: '${ .n.x }'}, actions: [], CATCH, transition: Behind}"
    ),
    "a branch": (
        "- {name: A, type: parallel, branches: [{name: one, actions: [{functionRef: bad}]}, {name: two, actions: "
        "[{eventRef: {triggerEventRef: pay, resultEventRef: paid}}]}], CATCH, transition: Behind}"
    ),
    "an item": (
        "- {name: A, type: foreach, inputCollection: '${ [1, 2, 3] }', iterationParam: it, "
        "actions: [{functionRef: bad}], CATCH, transition: Behind}"
    ),
    "a collection that is none": (
        "- {name: A, type: foreach, inputCollection: '${ .n.x }', actions: [], CATCH, transition: Behind}"
    ),
    "a condition": (
        "- {name: A, type: switch, dataConditions: [{condition: '${ .n.x }', end: true}], "
        "defaultCondition: {end: true}, CATCH}"
    ),
}


@pytest.mark.parametrize("what", FAILING)
def test_error_takes_the_way_that_its_state_names(what: str) -> None:
    """Wherever in a state it happens, an error leads to the state of the first handler that names it."""
    world = world_of(FAILING[what]).begin({"n": 4})
    assert world.status == "completed"
    assert world.data["mended"] is True
    assert "behind" not in world.data
    assert world.data["n"] == 4


@pytest.mark.parametrize("what", FAILING)
def test_error_that_no_handler_names_stops_the_instance(what: str) -> None:
    """Without a handler for it the error is the instance's reason, and a retry or a skip leaves it as ever."""
    text = FAILING[what].replace("CATCH", "onErrors: [{errorRef: not found, transition: Mended}]")
    world = world_of(text).begin({"n": 4})
    assert world.status == "faulted"
    assert world.instance.reason is not None
    assert world.instance.reason.type == "expression"
    world.command("retry")
    assert world.status == "faulted"
    world.command("cancel")
    assert world.status == "cancelled"


def test_handler_sees_the_data_as_far_as_the_state_got() -> None:
    """What actions did before the error is there for the state that handles it; what the failed one did is not."""
    world = world_of(
        "- {name: A, type: operation, actions: [{functionRef: double}, {functionRef: bad}], CATCH, transition: Behind}"
    ).begin({"n": 4})
    assert world.data == {"n": 4, "twice": 8, "mended": True}


def test_handler_may_end_the_path_and_publish_on_its_way() -> None:
    """An error may lead to an end, with the events that it produces."""
    world = World(
        make_plan(
            "states: [{name: A, type: operation, actions: [{functionRef: bad}], transition: B, onErrors: "
            "[{errorRef: broken expression, end: {terminate: true, produceEvents: [{eventRef: told}]}}]}, "
            f"{{name: B, type: inject, data: {{b: 1}}, end: true}}]\n{FUNCTIONS}"
        )
    ).begin({"n": 4})
    assert (world.status, world.data, world.sent) == ("completed", {"n": 4}, [("org.told", {"n": 4})])


def test_error_in_a_branch_takes_back_what_the_others_wait_for() -> None:
    """A branch that still waits is dropped with its wait, and a late answer finds nobody."""
    world = World(
        make_plan(
            "states: [{name: A, type: parallel, branches: [{name: one, actions: [{eventRef: {triggerEventRef: pay, "
            "resultEventRef: paid}, actionDataFilter: {toStateData: .n.x}}]}, {name: two, actions: "
            "[{eventRef: {triggerEventRef: ship, resultEventRef: shipped}}]}], onErrors: [{errorRef: no place, "
            f"transition: Mended}}], transition: Mended}}, {MENDED}]\n{FUNCTIONS}"
            "  - {name: no place, code: expression}\n"
        )
    ).begin({"n": 4})
    assert world.status == "waiting"
    assert world.answer({"ok": 1}, to=0)
    assert (world.status, world.data) == ("completed", {"n": 4, "mended": True})
    assert not world.answer({"late": 1}, to=1)


def test_cycle_of_errors_is_bounded() -> None:
    """A state whose error leads back to itself is stopped like any loop that never waits."""
    world = world_of(
        "- {name: A, type: operation, actions: [{functionRef: bad}], CATCH, transition: Behind}",
        way="A",
        limits=Limits(nodes=100, bursts=5),
    ).begin({"n": 4})
    assert world.status == "suspended"
    assert world.instance.reason is not None
    assert world.instance.reason.type == "limit"


MATCHES = [
    ("404", ("http", ["HTTP:404", "404"], "not found"), True),
    ("HTTP:404", ("http", ["HTTP:404", "404"], "not found"), True),
    ("http:404", ("http", ["HTTP:404", "404"], "not found"), True),
    ("400", ("http", ["HTTP:404", "404"], "not found"), False),
    ("HTTP:4..", ("http", ["HTTP:404", "404"], "not found"), True),
    ("4..", ("http", ["HTTP:4044", "4044"], "not found"), False),
    ("timeout", ("timeout", [], "it took too long"), True),
    ("ValueError", ("function", ["shop.ValueError", "ValueError"], "no number"), True),
    (".*number", ("function", [], "no number"), True),
    ("no number", ("function", [], "no number"), True),
    ("(", ("function", [], "no number"), False),
]


@pytest.mark.parametrize(("code", "error", "fits"), MATCHES)
def test_code_of_an_error_is_matched(code: str, error: tuple[str, list[str], str], fits: bool) -> None:
    """A code is a status, a name of ours, a class, the very message, or as a last resort a pattern for one of them."""
    type_, codes, title = error
    assert ErrorMatch("e", code, _pattern(code)).fits(type_, codes, title) is fits


def test_pattern_that_never_ends_is_given_up() -> None:
    """A pattern that would take for ever does not match."""
    code = "(a+)+b"
    assert not ErrorMatch("e", code, _pattern(code)).fits("x", [], "a" * 60 + "c")


def test_fault_keeps_what_it_may_be_known_by() -> None:
    """An error of the workflow carries its codes."""
    assert Fault("http", "not found", "/states/0", ["HTTP:404", "404"]).codes == ("HTTP:404", "404")
