"""Time-outs of states, actions, branches and waits (0.8, "Workflow Timeouts")."""

import pytest
from engine_driver import EPOCH, World, make_plan

ENDS = """
  - {name: Next, type: inject, data: {next: true}, end: true}
  - {name: Late, type: inject, data: {late: true}, end: true}
functions: [{name: fine, type: expression, operation: '{fine: true}'}, {name: bad, type: expression, operation: .n.x}]
errors: [{name: late, code: '408'}, {name: broken, code: expression}]
retries: [{name: again, delay: PT4S, maxAttempts: 9}]
"""
ASK = "{eventRef: {triggerEventRef: pay, resultEventRef: paid}}"
CATCH = "onErrors: [{errorRef: late, transition: Late}]"


def world_of(states: str, top: str = "") -> World:
    """A world of some states, begun."""
    return World(make_plan(f"{top}\nstates:\n  {states.strip()}{ENDS}")).begin({"n": 1})


LEVELS = [
    ("state", f"- {{name: A, type: operation, actions: [{ASK}], timeouts: {{stateExecTimeout: PT9S}}, {CATCH}"),
    ("sleep", f"- {{name: A, type: sleep, duration: PT1M, timeouts: {{stateExecTimeout: {{total: PT9S}}}}, {CATCH}"),
    ("action", f"- {{name: A, type: operation, actions: [{ASK}], timeouts: {{actionExecTimeout: PT9S}}, {CATCH}"),
    (
        "actions side by side",
        (
            f"- {{name: A, type: operation, actionMode: parallel, actions: [{ASK}, {ASK}], "
            f"timeouts: {{actionExecTimeout: PT9S}}, {CATCH}"
        ),
    ),
    (
        "item",
        (
            f"- {{name: A, type: foreach, inputCollection: '${{ [1, 2] }}', actions: [{ASK}], "
            f"timeouts: {{actionExecTimeout: PT9S}}, {CATCH}"
        ),
    ),
    (
        "branch",
        (
            f"- {{name: A, type: parallel, branches: [{{name: one, actions: [{ASK}], timeouts: "
            f"{{branchExecTimeout: PT9S}}}}], timeouts: {{branchExecTimeout: PT5S}}, {CATCH}"
        ),
    ),
    (
        "branch of its state",
        (
            f"- {{name: A, type: parallel, branches: [{{name: one, actions: [{ASK}]}}, {{name: two, actions: []}}], "
            f"timeouts: {{branchExecTimeout: PT9S}}, {CATCH}"
        ),
    ),
    (
        "action of a branch",
        (
            f"- {{name: A, type: parallel, branches: [{{name: one, actions: [{ASK}], timeouts: "
            f"{{actionExecTimeout: PT9S}}}}], {CATCH}"
        ),
    ),
    (
        "result",
        (
            "- {name: A, type: operation, actions: [{eventRef: {triggerEventRef: pay, resultEventRef: paid, "
            f"resultEventTimeout: PT9S}}}}], {CATCH}"
        ),
    ),
    (
        "event, handled",
        f"- {{name: A, type: event, onEvents: [{{eventRefs: [noted]}}], timeouts: {{eventTimeout: PT9S}}, {CATCH}",
    ),
    (
        "callback, handled",
        (
            f"- {{name: A, type: callback, action: {{functionRef: fine}}, eventRef: noted, "
            f"timeouts: {{eventTimeout: PT9S}}, {CATCH}"
        ),
    ),
]


def before(state: str) -> str:
    """A state behind another one, so that it starts nothing, and that goes on to the next."""
    return f"- {{name: First, type: inject, data: {{}}, transition: A}}\n  {state}, transition: Next}}"


@pytest.mark.parametrize(("what", "state"), LEVELS)
def test_timeout_is_an_error_that_the_state_handles(what: str, state: str) -> None:
    """Whatever took too long is left with all that it waits for, and the state's handler goes on."""
    world = world_of(before(state))
    assert world.status == "waiting", what
    assert world.wait() == 9
    assert (world.status, world.data["late"], "next" in world.data) == ("completed", True, False)
    assert not world.listening


UNHANDLED = [level for level in LEVELS if "handled" not in level[0]]


@pytest.mark.parametrize(("what", "state"), UNHANDLED)
def test_timeout_that_nobody_handles_stops_the_instance(what: str, state: str) -> None:
    """The instance is faulted with the time-out's place; a skip goes on behind, a retry gives the whole time again."""
    world = world_of(before(state.replace(f", {CATCH}", "")))
    world.wait()
    assert world.status == "faulted", what
    assert world.instance.reason is not None
    assert world.instance.reason.type == "timeout"
    assert "imeout" in world.instance.reason.reference
    world.now += 1000
    while world.status == "faulted":  # where two took too long, each of them stops it
        world.command("retry")
    assert world.status == "waiting"
    assert world.instance.due == world.now + 9
    world.wait()
    assert world.status == "faulted"
    world.command("skip")
    while world.status == "faulted":
        world.command("skip")
    assert world.status in {"completed", "waiting"}


WAITS = [
    (
        "- {name: A, type: event, onEvents: [{eventRefs: [noted], actions: [{functionRef: fine}]}], "
        "timeouts: {eventTimeout: PT9S}"
    ),
    (
        "- {name: A, type: event, exclusive: false, onEvents: [{eventRefs: [noted, paid], actions: "
        "[{functionRef: fine}]}], timeouts: {eventTimeout: PT9S}"
    ),
    "- {name: A, type: callback, action: {functionRef: pay}, eventRef: noted, timeouts: {eventTimeout: PT9S}",
]


@pytest.mark.parametrize("state", WAITS)
def test_wait_that_is_over_leaves_the_state_without_its_actions(state: str) -> None:
    """Without a handler an event time-out takes the state's own way, and no action is done."""
    world = world_of(before(state.replace("functionRef: pay", "eventRef: {triggerEventRef: pay}")))
    assert world.wait() == 9
    assert (world.status, world.data) == ("completed", {"n": 1, "next": True})
    assert not world.listening


SWITCH = """- {name: A, type: switch,
    eventConditions: [{eventRef: noted, transition: Next}, {eventRef: paid, end: true}],
    defaultCondition: {transition: Late}, timeouts: {%s}, stateDataFilter: {output: '${ {left: .n} }'}}"""


def test_switch_that_waited_too_long_takes_its_default() -> None:
    """The default is the way where no event came in time, through the state's output filter."""
    world = world_of(SWITCH % "eventTimeout: PT9S")
    assert world.wait() == 9
    assert (world.status, world.data) == ("completed", {"left": 1, "late": True})
    assert not world.listening


def test_switch_may_be_over_as_a_state() -> None:
    """The time-out of the state is an error, also where the one of the events is later."""
    world = world_of(SWITCH % "eventTimeout: PT9S, stateExecTimeout: PT3S")
    assert world.wait() == 3
    assert world.status == "faulted"
    assert world.instance.reason is not None
    assert "stateExecTimeout" in world.instance.reason.title


PRECEDENCE = [
    ("timeouts: {stateExecTimeout: PT7S}", "", 7),
    ("timeouts: {stateExecTimeout: PT7S}", "timeouts: {stateExecTimeout: PT3S}", 3),
    ("timeouts: {stateExecTimeout: PT3S}", "timeouts: {stateExecTimeout: PT7S}", 7),
    ("timeouts: {actionExecTimeout: PT7S}", "", 7),
    ("timeouts: {actionExecTimeout: PT7S}", "timeouts: {actionExecTimeout: PT2S}", 2),
    ("timeouts: {actionExecTimeout: PT7S}", "timeouts: {stateExecTimeout: PT9S}", 7),
    ("timeouts: {eventTimeout: PT7S, branchExecTimeout: PT1S}", "timeouts: {stateExecTimeout: PT9S}", 9),
]


@pytest.mark.parametrize(("top", "state", "seconds"), PRECEDENCE)
def test_timeout_of_the_state_goes_before_that_of_the_workflow(top: str, state: str, seconds: float) -> None:
    """What the workflow says holds for states that say nothing."""
    rest = f", {state}" if state else ""
    world = world_of(f"- {{name: A, type: operation, actions: [{ASK}]{rest}, {CATCH}, end: true}}", top)
    assert world.wait() == seconds
    assert world.data["late"] is True


def test_total_time_of_a_state_holds_over_its_retries() -> None:
    """However often its actions are retried, the state ends in its time."""
    state = (
        "- {name: A, type: operation, actions: [{functionRef: bad, retryRef: again, retryableErrors: [broken]}], "
        f"timeouts: {{stateExecTimeout: {{single: PT5S, total: PT9S}}}}, {CATCH}, end: true}}"
    )
    world = world_of(state)
    assert [world.wait() for _ in range(3)] == [4, 4, 1]
    assert (world.now - EPOCH, world.data) == (9, {"n": 1, "late": True})


def test_single_time_of_a_state_begins_anew_with_each_retry() -> None:
    """The time without retries is counted from the last one."""
    ask = ASK[:-1] + ", retryRef: again, retryableErrors: [late]}"
    state = (
        f"- {{name: A, type: operation, actions: [{{functionRef: fine}}, {ask}], timeouts: {{actionExecTimeout: PT4S, "
        f"stateExecTimeout: {{single: PT10S, total: PT1M}}}}, {CATCH}, end: true}}"
    )
    world = world_of(state)
    # Each attempt has 4 s, the delay is 4 s: at 8, 16 and so on the ten seconds begin anew, until the minute is over.
    for _ in range(14):
        world.wait()
    assert world.now - EPOCH == 56
    assert world.status == "waiting"
    assert world.wait() == 4
    assert world.data["late"] is True


def test_answer_in_time_takes_the_deadline_back() -> None:
    """What came in time leaves nothing behind that could fire."""
    state = f"- {{name: A, type: operation, actions: [{ASK}], timeouts: {{actionExecTimeout: PT9S}}, transition: B}}"
    world = world_of(f"{state}\n  - {{name: B, type: sleep, duration: PT1H, end: true}}")
    assert world.answer({"ok": 1})
    assert world.instance.due == world.now + 3600


def test_deadlines_that_are_overdue_fire_in_their_order() -> None:
    """After a long stop the earlier time-out comes first, whichever is the inner one."""
    state = (
        f"- {{name: A, type: operation, actions: [{ASK}], timeouts: {{actionExecTimeout: PT9S, stateExecTimeout: PT5S}}"
    )
    world = world_of(f"{state}, end: true}}")
    world.sleep(100)
    assert world.instance.reason is not None
    assert "stateExecTimeout" in world.instance.reason.title
