"""The time that an instance gives the one that goes on for it: `workflowExecTimeout` of `continueAs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from engine_driver import World, make_plan

from evenweave.engine import Command, Migrate, codec, step
from evenweave.engine.migration import CannotMigrate

if TYPE_CHECKING:
    from evenweave.plan.nodes import Plan

ASK = "{eventRef: {triggerEventRef: pay, resultEventRef: paid}}"
NEXT = """
timeouts: {workflowExecTimeout: {duration: %s, runBefore: Mine}}
states:
  - {name: Wait, type: sleep, duration: PT2H, transition: Ask}
  - {name: Ask, type: operation, actions: [%s], transition: Done}
  - {name: Done, type: inject, data: {done: true}, end: true}
  - {name: Undo, type: inject, data: {undone: true}, usedForCompensation: true}
  - {name: Mine, type: inject, data: {mine: true}, end: true}
  - {name: Report, type: inject, data: {reported: true}, end: true}
"""


def following(duration: str = "P1D", *, text: str = NEXT) -> Plan:
    """What goes on; its own time-out is the duration."""
    return make_plan(text % (duration, ASK), head='id: next\nspecVersion: "0.8"\n')


def giving(limit: str) -> World:
    """An instance that has ended, and gives the next one its time."""
    other = f"{{workflowId: next, workflowExecTimeout: {limit}}}"
    plan = make_plan(f"states: [{{name: A, type: sleep, duration: PT1M, end: {{continueAs: {other}}}}}]\n")
    world = World(plan).begin({"n": 1})
    assert world.wait() == 60
    assert (world.status, len(world.launched)) == ("completed", 1)
    return world


@pytest.mark.parametrize(("own", "given"), [("P1D", "PT5M"), ("PT1M", "PT5M"), ("P1D", "{duration: PT5M}")])
def test_time_of_the_one_that_goes_on_is_the_given_one(own: str, given: str) -> None:
    """The workflowExecTimeout of continueAs takes the place of the definition's own, be it longer or shorter."""
    world = giving(given).follow(following(own))
    assert world.wait() == 300
    assert (world.status, world.data) == ("cancelled", {"n": 1})
    assert world.instance.reason is not None
    assert (world.instance.reason.type, world.instance.reason.reference) == ("timeout", "")
    assert world.instance.reason.title == "it took longer than PT5M (workflowExecTimeout of flow's continueAs)"


def test_what_runs_before_the_end_is_the_given_one() -> None:
    """RunBefore names a state of the definition that goes on; without one none runs, whatever that says itself."""
    world = giving("{duration: PT5M, runBefore: Report}").follow(following())
    world.wait()
    assert (world.status, world.data) == ("cancelled", {"n": 1, "reported": True})


@pytest.mark.parametrize(("interrupt", "data"), [("true", {"n": 1}), ("false", {"n": 1, "paid": 1})])
def test_interrupt_is_the_given_one(interrupt: str, data: dict[str, Any]) -> None:
    """With interrupt an action that runs is left at once, else it comes to its end."""
    world = giving(f"{{duration: PT3H, interrupt: {interrupt}}}").follow(following())
    assert world.wait() == 7200
    assert world.wait() == 3600
    assert world.answer({"paid": 1}) == (interrupt == "false")
    assert (world.status, world.data) == ("cancelled", data)


def test_time_is_given_to_the_next_one_only() -> None:
    """The one after that has its own time again, unless it is given some too."""
    text = NEXT.replace("data: {done: true}, end: true", "data: {}, end: {continueAs: next}").replace("PT2H", "PT1M")
    world = giving("PT5M").follow(following("P1D", text=text))
    assert world.instance.lifetime is not None
    world.wait()
    assert world.answer({"paid": 1})
    assert world.status == "completed"
    last = world.follow(following("PT30S"))
    assert last.instance.lifetime is None
    assert last.wait() == 30
    assert last.data == {"n": 1, "paid": 1, "mine": True}


def test_given_time_is_kept_with_the_state() -> None:
    """Written down and read again in the middle, suspended and resumed, the instance has the time it was given."""
    world = giving("{duration: PT5M, runBefore: Report}").follow(following())
    world.now += 120
    world.command("suspend")
    world.instance = codec.decode(codec.encode(world.instance))
    world.command("resume")
    assert world.wait() == 180
    assert world.data == {"n": 1, "reported": True}


def test_retry_does_not_give_the_time_again() -> None:
    """A retry after a fault goes on with what is left of the given time."""
    text = NEXT.replace("type: sleep, duration: PT2H", "type: operation, actions: [{functionRef: bad}]")
    world = giving("{duration: PT5M, interrupt: true}").follow(
        following("P1D", text=text + "functions: [{name: bad, type: expression, operation: .n.x}]\n")
    )
    assert world.status == "faulted"
    world.now += 200
    world.command("skip")
    assert world.status == "waiting"
    assert world.wait() == 100
    assert world.status == "cancelled"


def test_kept_instance_has_the_given_time_from_its_beginning() -> None:
    """However often it begins anew."""
    kept = make_plan(
        "keepActive: true\nstates: [{name: A, type: inject, data: {}, end: true}]\n",
        head='id: next\nspecVersion: "0.8"\n',
    )
    world = giving("PT5M").follow(kept)
    assert world.status == "waiting"
    assert world.wait() == 300
    assert world.status == "cancelled"


@pytest.mark.parametrize("name", ["Nobody", "Ask", "Undo"])
def test_state_to_run_before_the_end_has_to_be_there(name: str) -> None:
    """A state that is unknown, of the normal flow or for compensation stops it at its beginning, a retry as well."""
    world = giving(f"{{duration: PT5M, runBefore: {name}}}").follow(following())
    for _ in range(2):
        assert world.status == "faulted"
        assert world.instance.reason is not None
        assert world.instance.reason.type == "unknown-state"
        assert f'"runBefore: {name}"' in world.instance.reason.title
        world.command("retry")


def test_version_that_has_the_state_mends_it() -> None:
    """Moved to a version that has the state, a retry goes on; one that has it is not left for one that has not."""
    without, having = following(), following(text=NEXT.replace("name: Mine", "name: Tidy").replace("Mine", "Tidy"))
    world = giving("{duration: PT5M, runBefore: Tidy}").follow(without)
    assert world.status == "faulted"
    causes = [Migrate("d2", "2", "d1"), Command("retry")]
    made = step(without, world.instance, causes, now=world.now, find_plan=lambda _name, _digest: having)
    assert made.instance.status == "waiting"
    world.keep(made)
    world.plan = having
    with pytest.raises(CannotMigrate, match='no state "Tidy" to run before the end'):
        step(having, world.instance, [causes[0]], now=world.now, find_plan=lambda _name, _digest: without)
    assert world.wait() == 300
    assert world.data == {"n": 1, "mine": True}
