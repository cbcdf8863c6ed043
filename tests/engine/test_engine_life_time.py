"""How long an instance lives: the time-out of the workflow, and keepActive."""

import pytest
from engine_driver import World, make_plan

ASK = "{eventRef: {triggerEventRef: pay, resultEventRef: paid}}"
REPORT = """
  - {name: Report, type: operation, actions: [{eventRef: {triggerEventRef: told}}], transition: Reported}
  - {name: Reported, type: inject, data: {reported: true}, end: true}
functions: [{name: bad, type: expression, operation: .n.x}]
errors: [{name: broken, code: expression}]
retries: [{name: again, delay: PT1H, maxAttempts: 9}]
"""


def world_of(states: str, limit: str) -> World:
    """A world of some states in an instance whose time is bounded."""
    text = f"timeouts: {{workflowExecTimeout: {limit}}}\nstates:\n  {states.strip()}{REPORT}"
    return World(make_plan(text)).begin({"n": 1})


WAITING = {
    "an event": "- {name: A, type: event, onEvents: [{eventRefs: [noted]}], end: true}",
    "a switch": (
        "- {name: A, type: switch, eventConditions: [{eventRef: noted, end: true}], defaultCondition: {end: true}}"
    ),
    "a time": "- {name: A, type: sleep, duration: PT2H, end: true}",
    "a callback": "- {name: A, type: callback, action: {eventRef: {triggerEventRef: pay}}, eventRef: paid, end: true}",
    "a retry": (
        "- {name: A, type: operation, actions: [{functionRef: bad, retryRef: again, retryableErrors: [broken]}], "
        "end: true}"
    ),
    "branches": (
        "- {name: A, type: parallel, branches: [{name: one, actions: [{functionRef: bad, retryRef: again, "
        "retryableErrors: [broken]}]}, {name: two, actions: []}], end: true}"
    ),
}
FIRST = "- {name: First, type: sleep, duration: PT1M, transition: A}\n  "


@pytest.mark.parametrize("what", WAITING)
@pytest.mark.parametrize("limit", ["PT5M", "{duration: PT5M, interrupt: true}", "{duration: PT5M, interrupt: false}"])
def test_instance_that_only_waits_ends_when_its_time_is_over(what: str, limit: str) -> None:
    """Counted from its beginning; it ends as cancelled, with the time-out as its reason, and waits for nothing."""
    world = world_of(FIRST + WAITING[what], limit)
    assert world.wait() == 60
    assert world.wait() == 240
    assert (world.status, world.data, world.instance.due) == ("cancelled", {"n": 1}, None)
    assert world.instance.reason is not None
    assert world.instance.reason.type == "timeout"
    assert world.instance.reason.reference.startswith("/timeouts/workflowExecTimeout")
    assert not world.listening


@pytest.mark.parametrize("what", WAITING)
def test_state_may_run_before_the_end(what: str) -> None:
    """The states of runBefore run on the data that is there, and then it ends as cancelled."""
    world = world_of(FIRST + WAITING[what], "{duration: PT5M, runBefore: Report}")
    world.wait()
    world.wait()
    assert (world.status, world.data) == ("cancelled", {"n": 1, "reported": True})
    assert world.sent[-1] == ("org.told", {"n": 1})
    assert not world.listening


ASKING = f"""- {{name: A, type: operation, actions: [{ASK}, {ASK}], transition: B}}
  - {{name: B, type: inject, data: {{b: 1}}, end: true}}"""


@pytest.mark.parametrize("before", ["", ", runBefore: Report"])
def test_what_runs_may_come_to_its_end(before: str) -> None:
    """Without interrupt a state whose action runs goes on to its end; the next state does not begin."""
    world = world_of(ASKING, f"{{duration: PT5M{before}}}")
    assert world.wait() == 300
    assert world.status == "waiting"
    world.command("suspend")
    world.command("resume")
    assert world.answer({"one": 1})
    assert world.status == "waiting"
    assert world.answer({"two": 2})
    reported = {"reported": True} if before else {}
    assert (world.status, world.data) == ("cancelled", {"n": 1, "one": 1, "two": 2, **reported})


@pytest.mark.parametrize("end", ["end: true", "end: {terminate: true}"])
def test_last_state_of_an_instance_whose_time_is_over(end: str) -> None:
    """A state that ends the instance by itself ends it as one whose time was over."""
    state = f"- {{name: A, type: operation, actions: [{ASK}], {end}}}"
    world = world_of(state, "{duration: PT5M, runBefore: Report}")
    world.wait()
    assert world.answer({"one": 1})
    assert (world.status, world.data) == ("cancelled", {"n": 1, "one": 1, "reported": True})


def test_what_runs_is_left_where_the_definition_says_so() -> None:
    """With interrupt an answer that comes later finds nobody."""
    world = world_of(ASKING, "{duration: PT5M, interrupt: true}")
    world.wait()
    assert (world.status, world.data) == ("cancelled", {"n": 1})
    assert not world.answer({"one": 1})


def test_time_of_a_stopped_instance_is_not_given_back() -> None:
    """A retry does not give the instance its time again."""
    world = world_of("- {name: A, type: operation, actions: [{functionRef: bad}], end: true}", "PT5M")
    assert world.status == "faulted"
    world.now += 1000
    world.command("skip")
    assert world.status == "completed"
    world = world_of(f"- {{name: A, type: operation, actions: [{{functionRef: bad}}, {ASK}], end: true}}", "PT5M")
    world.now += 1000
    world.command("skip")
    assert world.status == "waiting"
    assert world.answer({"one": 1})
    assert world.status == "cancelled"


KEPT = """
keepActive: true
%s
states:
  - name: Collect
    type: event
    onEvents: [{eventRefs: [noted], eventDataFilter: {data: '${ [.] }', toStateData: .all}}]
    transition: Enough
  - name: Enough
    type: switch
    dataConditions: [{condition: '${ .all | length >= 3 }', end: {terminate: true}}]
    defaultCondition: {end: true}
"""


def test_kept_instance_waits_for_its_first_events_again() -> None:
    """An instance that is kept collects the events of its correlation until it terminates."""
    world = World(make_plan(KEPT % ""))
    event = world.event("org.note", 1, source="/notes", orderid="o1")
    world.begin({}, event)
    assert (world.status, world.data) == ("waiting", {"all": [1]})
    assert world.plan.later_channels == {"org.note"}
    assert not world.deliver("org.note", 7, source="/notes", orderid="o2")
    assert world.deliver("org.note", 2, source="/notes", orderid="o1")
    assert world.status == "waiting"
    assert world.deliver("org.note", 3, source="/notes", orderid="o1")
    assert (world.status, world.data) == ("completed", {"all": [1, 2, 3]})


@pytest.mark.parametrize(
    "kept", [KEPT, "keepActive: true\n%s\nstates: [{name: A, type: inject, data: {}, end: true}]\n"]
)
def test_kept_instance_ends_when_its_time_is_over(kept: str) -> None:
    """However often it has begun anew, its time is counted from the beginning."""
    world = World(make_plan(kept % "timeouts: {workflowExecTimeout: PT1H}"))
    if kept is KEPT:
        world.begin({}, world.event("org.note", 1, source="/notes", orderid="o1"))
        world.now += 600
        world.deliver("org.note", 2, source="/notes", orderid="o1")
        assert world.wait() == 3000
        assert world.data == {"all": [1, 2]}
    else:
        world.begin({})
        assert world.status == "waiting"
        assert world.wait() == 3600
    assert world.status == "cancelled"
    assert not world.listening
