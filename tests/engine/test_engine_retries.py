"""Actions are run again after the delays that their policy says (0.8, "Retry Definition")."""

from collections.abc import Iterator

import pytest
from engine_driver import EPOCH, World, make_plan

from evenweave.engine.chance import draw

AT = int(EPOCH)


def world_of(
    policy: str,
    *,
    beside: str = "retryRef: again, retryableErrors: [broken]",
    until: int = AT + 10**9,
    more: str = "",
    chance: Iterator[float] | None = None,
) -> World:
    """A world with an action that fails until a moment, under a policy."""
    drawn: dict[str, float] = {}

    def choose(seed: str) -> float:
        if seed not in drawn:
            assert chance is not None
            drawn[seed] = next(chance)
        return drawn[seed]

    text = f"""
{more}
states:
  - name: A
    type: operation
    actions: [{{functionRef: late, {beside}}}]
    onErrors: [{{errorRef: broken, transition: Gave up}}]
    end: true
  - {{name: Gave up, type: inject, data: {{gave: up}}, end: true}}
functions:
  - {{name: late, type: expression, operation: 'if now < {until} then error("not yet") else {{done: true}} end'}}
retries: [{{name: again, {policy}}}]
errors: [{{name: broken, code: expression}}, {{name: other}}]
"""
    return World(make_plan(text), chance=choose if chance is not None else draw).begin({"n": 1})


def delays(world: World) -> list[float]:
    """How long it waits before each attempt."""
    found = []
    while world.status == "waiting":
        found.append(round(world.wait(), 6))
    return found


POLICIES = [
    ("delay: PT10S, increment: PT2S, maxAttempts: 4", [10, 12, 14, 16]),
    ("delay: PT10S, multiplier: 2, maxAttempts: 4", [10, 20, 40, 80]),
    ("delay: PT10S, multiplier: '2', maxAttempts: '4'", [10, 20, 40, 80]),
    ("delay: PT10S, multiplier: 2, increment: PT1S, maxAttempts: 3", [10, 21, 43]),
    ("delay: PT10S, multiplier: 2, maxDelay: PT30S, maxAttempts: 4", [10, 20, 30, 30]),
    ("delay: PT10S, maxAttempts: 2", [10, 10]),
    ("delay: PT0.001S, maxAttempts: 1", [0.001]),
]


@pytest.mark.parametrize(("policy", "seconds"), POLICIES)
def test_retry_waits_as_its_policy_says(policy: str, seconds: list[float]) -> None:
    """The delays grow as the specification has it; after the last attempt the state handles the error."""
    world = world_of(policy)
    assert delays(world) == seconds
    assert (world.status, world.data) == ("completed", {"n": 1, "gave": "up"})


def test_retry_has_jitter_and_a_cap() -> None:
    """The specification's own example: 11, 43, 100 and 100 seconds."""
    chance = iter([1.0, -1.0, 0.0, -1.0])
    world = world_of("delay: PT10S, maxDelay: PT100S, multiplier: 4, jitter: PT1S, maxAttempts: 4", chance=chance)
    assert delays(world) == [11, 43, 100, 100]


def test_jitter_may_be_a_share_of_the_delay() -> None:
    """A number is how much of the delay is added or taken away at most."""
    chance = iter([0.5, -1.0])
    world = world_of("delay: PT10S, multiplier: 2, jitter: 0.3, maxAttempts: 2", chance=chance)
    assert delays(world) == [11.5, 16.1]


def test_jitter_differs_between_instances_and_not_between_runs() -> None:
    """What chance draws depends on the instance and the attempt alone, and is spread over the whole range."""
    drawn = [draw(f"i{index}:1:0") for index in range(200)]
    assert drawn == [draw(f"i{index}:1:0") for index in range(200)]
    assert len(set(drawn)) == 200
    assert -1 <= min(drawn) < -0.8
    assert 0.8 < max(drawn) < 1


def test_retry_that_succeeds_goes_on() -> None:
    """The attempt that succeeds gives the action's result, as if the others had not been."""
    world = world_of("delay: PT10S, maxAttempts: 4", until=AT + 15)
    assert delays(world) == [10, 10]
    assert (world.status, world.data) == ("completed", {"n": 1, "done": True})


def test_retry_without_a_delay_is_at_once() -> None:
    """A policy without a delay runs the action again in the same burst."""
    world = world_of("maxAttempts: 3")
    assert (world.status, world.data, world.bursts) == ("completed", {"n": 1, "gave": "up"}, 1)


@pytest.mark.parametrize("beside", ["retryRef: again", "retryRef: again, retryableErrors: [other]"])
def test_only_retryable_errors_are_retried(beside: str) -> None:
    """Without autoRetries nothing is retried that the action does not name."""
    world = world_of("delay: PT10S, maxAttempts: 4", beside=beside)
    assert (world.status, world.data) == ("completed", {"n": 1, "gave": "up"})


def test_automatic_retries_are_for_every_error() -> None:
    """With autoRetries an action is retried without being told, after 1 s, 2 s, 4 s and so on."""
    world = world_of("maxAttempts: 1", beside="name: Try", more="autoRetries: true", until=AT + 20)
    assert delays(world) == [1, 2, 4, 8, 16]
    assert world.data == {"n": 1, "done": True}


def test_automatic_retries_end_some_day() -> None:
    """A policy of ours retries 100 times, an hour apart in the end, and then the error is one."""
    world = world_of("maxAttempts: 1", beside="name: Try", more="autoRetries: true")
    waited = delays(world)
    assert (len(waited), waited[-1]) == (100, 3600)
    assert world.data == {"n": 1, "gave": "up"}


def test_automatic_retries_leave_out_what_the_action_names() -> None:
    """NonRetryableErrors go to the state's handlers at once."""
    beside = "retryRef: again, nonRetryableErrors: [broken]"
    world = world_of("delay: PT10S, maxAttempts: 4", beside=beside, more="autoRetries: true")
    assert (world.status, world.data) == ("completed", {"n": 1, "gave": "up"})


def test_retry_whose_policy_fails_is_an_error_of_its_own() -> None:
    """A policy that yields no number cannot be followed, and says so."""
    world = world_of("delay: PT10S, multiplier: '${ .n | tostring }', maxAttempts: 4")
    assert delays(world) == [10]
    assert world.status == "faulted"
    assert world.instance.reason is not None
    assert world.instance.reason.reference == "/retries/0/multiplier"


ASK = """
states:
  - name: A
    type: operation
    timeouts: {actionExecTimeout: PT10S}
    actions:
      - {eventRef: {triggerEventRef: pay, resultEventRef: paid}, retryRef: again, retryableErrors: [late]}
    end: true
retries: [{name: again, delay: PT5S, maxAttempts: 2}]
errors: [{name: late, code: timeout}]
"""


def test_every_attempt_has_the_time_of_the_action_and_its_activation() -> None:
    """An attempt that takes too long is retried; each publishes its own event under the same activation."""
    world = World(make_plan(ASK)).begin({"n": 1})
    assert [world.wait() for _ in range(4)] == [10, 5, 10, 5]
    assert len({event["id"] for event in world.published}) == 3
    assert len({event["workflowtaskinstanceid"] for event in world.published}) == 1
    assert world.answer({"ok": 1}, to=0)
    assert (world.status, world.data) == ("completed", {"n": 1, "ok": 1})


def test_action_that_is_late_once_too_often_stops_the_instance_and_can_be_run_again() -> None:
    """Who retries a stopped action by hand gets a new attempt with its whole time."""
    world = World(make_plan(ASK)).begin({"n": 1})
    for _ in range(5):
        world.wait()
    assert world.status == "faulted"
    assert world.instance.reason is not None
    assert (world.instance.reason.type, world.instance.reason.reference) == (
        "timeout",
        "/states/0/timeouts/actionExecTimeout",
    )
    assert world.instance.due is None
    world.now += 1000
    world.command("retry")
    assert world.status == "waiting"
    assert world.instance.due == world.now + 10
    assert world.answer({"ok": 1})
    assert world.data == {"n": 1, "ok": 1}


def test_retry_is_taken_back_when_it_is_left() -> None:
    """A branch that waits to be run again is dropped when enough others have ended."""
    text = """
states:
  - name: A
    type: parallel
    completionType: atLeast
    numCompleted: 1
    branches:
      - {name: one, actions: [{functionRef: bad, retryRef: again, retryableErrors: [broken]}]}
      - {name: two, actions: [{eventRef: {triggerEventRef: pay, resultEventRef: paid}}]}
    end: true
functions: [{name: bad, type: expression, operation: '.n.x'}]
retries: [{name: again, delay: PT5S, maxAttempts: 2}]
errors: [{name: broken, code: expression}]
"""
    world = World(make_plan(text)).begin({"n": 1})
    assert world.instance.due == EPOCH + 5
    world.answer({"ok": 1})
    assert (world.status, world.data, world.instance.due) == ("completed", {"n": 1, "ok": 1}, None)


def test_retry_survives_suspension() -> None:
    """A retry that is due while the instance is suspended comes when it is resumed."""
    world = world_of("delay: PT10S, maxAttempts: 4", until=AT + 5)
    world.command("suspend")
    assert world.instance.due is None
    world.now += 60
    world.command("resume")
    assert (world.status, world.data) == ("completed", {"n": 1, "done": True})
