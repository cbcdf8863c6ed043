"""Random walks through every kind of state: what holds in whatever state an instance can be."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from engine_driver import World, make_plan
from hypothesis import given, settings
from hypothesis import strategies as st
from test_engine_states import CALLBACK, COLLECT, EACH_WAITS, EXPRESSIONS, FOREACH, NOTED, PARALLEL, SWITCH

from evenweave import source
from evenweave.definitions import swf08
from evenweave.engine import Cause, codec
from evenweave.plan.nodes import Await, Plan
from evenweave.plan.operation import Message, Operation
from evenweave.plan.swf08 import compile as compile_swf08
from evenweave.ports.store import HistoryEntry
from evenweave.worker.replay import agree, replay

ROOT = Path(__file__).parents[2]
MIXED = """
states:
  - {name: Ask, type: operation, actions: [{eventRef: {triggerEventRef: pay, resultEventRef: paid, data: '${ .n * 2 }'},
      actionDataFilter: {toStateData: .paid}}], transition: Rest}
  - {name: Rest, type: sleep, duration: PT5S, transition: Way}
  - name: Way
    type: switch
    dataConditions: [{condition: '${ .paid > 1 }', transition: Ask}, {condition: '${ .paid }', end: {terminate: true}}]
    defaultCondition: {transition: {nextState: Last, produceEvents: [{eventRef: told}]}}
  - {name: Last, type: event, exclusive: false, onEvents: [{eventRefs: [shipped]}, {eventRefs: [noted]}], end: true}
"""
GUARDED = """
timeouts: {actionExecTimeout: PT40S}
states:
  - name: Ask
    type: operation
    actions:
      - {eventRef: {triggerEventRef: pay, resultEventRef: paid, resultEventTimeout: PT7S, data: '${ .n * 2 }'},
          retryRef: again, retryableErrors: [late, wrong], actionDataFilter: {toStateData: .paid}}
    onErrors: [{errorRefs: [late, wrong], transition: {nextState: Both, produceEvents: [{eventRef: told}]}}]
    transition: Both
  - name: Both
    type: parallel
    completionType: atLeast
    numCompleted: 1
    branches:
      - {name: one, actions: [{eventRef: {triggerEventRef: pay, resultEventRef: paid}, retryRef: again,
          retryableErrors: [late]}], timeouts: {branchExecTimeout: PT30S}}
      - {name: two, actions: [{eventRef: {triggerEventRef: ship, resultEventRef: shipped}},
          {functionRef: double, retryRef: again, retryableErrors: [wrong]}]}
    timeouts: {stateExecTimeout: {single: PT20S, total: PT1M}}
    onErrors: [{errorRef: late, transition: Wait}]
    transition: Wait
  - name: Wait
    type: event
    onEvents: [{eventRefs: [noted]}, {eventRefs: [paid]}]
    timeouts: {eventTimeout: PT5S}
    transition: Way
  - name: Way
    type: switch
    eventConditions: [{eventRef: shipped, transition: Ask}]
    defaultCondition: {end: true}
    timeouts: {eventTimeout: PT5S, stateExecTimeout: PT9S}
    onErrors: [{errorRef: wrong, end: {terminate: true}}]
functions: [{name: double, type: expression, operation: '.n * 2'}]
retries: [{name: again, delay: PT3S, multiplier: 2, jitter: 0.5, maxAttempts: 2}]
errors: [{name: late, code: timeout}, {name: wrong, code: 'expression|data'}]
"""
UNDOING = """
timeouts: {workflowExecTimeout: {duration: PT1M, runBefore: Report}}
keepActive: true
states:
  - name: Collect
    type: event
    onEvents: [{eventRefs: [noted]}]
    compensatedBy: Uncollect
    transition: Ask
  - name: Ask
    type: operation
    actions: [{eventRef: {triggerEventRef: pay, resultEventRef: paid, data: '${ .n }'}}]
    timeouts: {stateExecTimeout: PT20S}
    compensatedBy: Unask
    onErrors: [{errorRef: late, transition: {nextState: Pause, compensate: true}}]
    transition: Pause
  - {name: Pause, type: sleep, duration: PT5S, transition: Way}
  - name: Way
    type: switch
    dataConditions: [{condition: '${ .status == "ok" }', transition: {nextState: Ask, compensate: true}},
      {condition: '${ .n == 1 }', end: {terminate: true, compensate: true, produceEvents: [{eventRef: told}]}}]
    defaultCondition: {end: true}
  - {name: Uncollect, type: operation, usedForCompensation: true, actions: [{functionRef: double}], transition: Rest}
  - {name: Rest, type: sleep, duration: PT2S, usedForCompensation: true}
  - {name: Unask, type: operation, usedForCompensation: true, actions: [{eventRef: {triggerEventRef: ship,
      resultEventRef: shipped}}]}
  - {name: Report, type: operation, actions: [{eventRef: {triggerEventRef: ship, resultEventRef: shipped}}], end: true}
functions: [{name: double, type: expression, operation: '.n * 2'}]
errors: [{name: late, code: timeout}]
"""
GATHERED = """
timeouts: {workflowExecTimeout: PT1M}
keepActive: true
states:
  - name: Collect
    type: event
    exclusive: false
    timeouts: {eventTimeout: PT5S}
    onEvents:
      - {eventRefs: [asked, noted], actions: [{eventRef: {triggerEventRef: pay, resultEventRef: paid}}]}
      - {eventRefs: [asked], actions: [{functionRef: double}]}
    transition: Way
  - name: Way
    type: switch
    dataConditions: [{condition: '${ .status == "ok" }', transition: Collect}]
    defaultCondition: {end: true}
functions: [{name: double, type: expression, operation: '{n: (.n * 2)}'}]
"""
STATES: dict[str, str] = {
    "gathered": GATHERED,
    "undoing": UNDOING,
    "guarded": GUARDED,
    "mixed": MIXED,
    "switch": SWITCH + EXPRESSIONS,
    "collect any": COLLECT % "true" + EXPRESSIONS,
    "collect all": COLLECT % "false" + EXPRESSIONS,
    "noted": NOTED,
    "callback": CALLBACK % "" + EXPRESSIONS,
    "parallel": PARALLEL % "completionType: allOf" + EXPRESSIONS,
    "parallel, one": PARALLEL % "completionType: atLeast\n    numCompleted: 1" + EXPRESSIONS,
    "foreach": FOREACH % "mode: sequential" + EXPRESSIONS,
    "foreach that waits": EACH_WAITS % "batchSize: 2" + EXPRESSIONS,
}
VALUES: tuple[Any, ...] = (1, {"n": 2, "total": 3}, None, "text", {"status": "ok", "payment": {"status": "ok"}}, [], 0)


def plan_of_file(path: Path) -> Plan:
    """The plan of an example, whose operations go the way that it needs."""
    document = source.load(path.name, path.read_bytes()).document
    assert document is not None
    workflow = swf08.load(document).workflow
    assert workflow is not None
    found = {}
    for use in workflow.operations():
        service, _, name = use.operation.removeprefix("file://").partition("#")
        found[use.operation] = Operation(
            ref=use.operation,
            service=service,
            version="1",
            operation_id=name,
            channel=f"{service.removesuffix('.yaml')}/{name}",
            direction=use.direction or "publish",
            messages=(Message(name=f"{name}.message"),),
        )
    compiled = compile_swf08(document, workflow, found, digest="d1")
    assert compiled.plan is not None, compiled.diagnostics
    return compiled.plan


def plans() -> dict[str, Plan]:
    """Every plan: those of the tests, and of the repository's examples."""
    found = {name: make_plan(states) for name, states in STATES.items()}
    for path in sorted((ROOT / "examples").glob("*/*workflow*.y*ml")):
        if ".test." not in path.name:
            found[path.name] = plan_of_file(path)
    return found


PLANS = plans()


class Walker(World):
    """A world that walks by chosen numbers, and keeps its history."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.history: list[HistoryEntry] = []

    def move(self, cause: Cause) -> bool:
        """Run a burst, and write it down."""
        taken = super().move(cause)
        causes = msgspec.msgpack.encode([cause] if taken else [])
        self.history.append(HistoryEntry(self.instance.revision, self.now, causes))
        return taken

    def twin(self) -> "Walker":
        """Another world in the same state."""
        other = Walker(self.plan)
        other.now, other.instance, other._count = self.now, self.instance, self._count
        other.published, other.listening = list(self.published), dict(self.listening)
        other.ids, other.history = set(self.ids), list(self.history)
        return other

    def enter(self, number: int) -> None:
        """Begin."""
        data = {"n": number % 3, "order": {"sum": number % 120}, "orders": [{"n": 1}, {"n": 2}]}
        if not self.plan.starts:
            self.begin(data)
            return
        index = number % len(self.plan.starts)
        match = self.plan.starts[index].accept.match
        self.begin({}, self.arriving(match, VALUES[number % len(VALUES)]), index)

    def arriving(self, match: Any, data: Any) -> dict[str, Any]:
        """An event of the kind that is meant."""
        attributes = {rule.name: "k" for rule in match.correlate if rule.location is None}
        attributes["type"] = match.type or match.channel
        if match.source is not None:
            attributes["source"] = match.source
        return self.event(match.channel, data, **attributes)

    def walk(self, number: int) -> None:
        """Do one of the things that can happen now."""
        ways: list[tuple[str, Any]] = []
        for fiber in self.instance.fibers:
            node = self.plan.nodes[fiber.frames[-1].position]
            if fiber.blocked == "await" and isinstance(node, Await):
                ways += [("event", (accept, fiber)) for accept in node.accepts]
        if self.instance.due is not None:
            ways.append(("time", None))
        if self.status == "faulted":
            ways = [("retry", None), ("skip", None)]
        if not ways:
            return
        what, about = ways[number % len(ways)]
        if what == "time":
            assert self.instance.due is not None
            self.sleep(max(0.0, self.instance.due - self.now))
        elif what == "event":
            accept, fiber = about
            event = self.arriving(accept.match, VALUES[number // len(ways) % len(VALUES)])
            activations = {f"{self.instance.id}:{frame.activation}" for frame in fiber.frames}
            if accept.echo:
                asked = [each for each in self.published if each["workflowtaskinstanceid"] in activations]
                for name in ("workflowinstanceid", "workflowtaskinstanceid") if asked else ():
                    event[name] = asked[-1][name]
            any(self.move(cause) for cause in self.ways(accept.match.channel, event))
            self.settle()
        else:
            self.command(what)

    def kill(self) -> None:
        """Suspend, forget everything but what is stored, and resume."""
        self.command("suspend")
        self.instance = codec.decode(codec.encode(self.instance))
        self.command("resume")

    def shape(self) -> tuple[Any, ...]:
        """Everything about it that must not depend on interruptions."""
        instance = self.instance
        whole = msgspec.structs.replace(instance, revision=0, updated=0.0, bursts=0, reason=None)
        return self.status, codec.encode_whole(whole), self.published, sorted(self.listening)


walks = st.lists(st.integers(0, 5000), min_size=1, max_size=25)


@pytest.mark.parametrize("name", PLANS)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(numbers=walks)
def test_cancel_ends_an_instance_from_any_state(name: str, numbers: list[int]) -> None:
    """From wherever it came, a cancelled instance has ended and waits for nothing."""
    world = Walker(PLANS[name])
    world.enter(numbers[0])
    for number in (*numbers[1:], 0):
        if world.status in {"completed", "cancelled"}:
            return
        other = world.twin()
        other.command("cancel")
        assert other.status == "cancelled"
        assert other.instance.fibers == []
        assert other.listening == {}
        assert other.instance.due is None
        world.walk(number)


@pytest.mark.parametrize("name", PLANS)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(numbers=walks)
def test_suspend_kill_resume_gives_the_same_end_and_data(name: str, numbers: list[int]) -> None:
    """An instance that is stopped, forgotten and taken up at every step ends as one that never was."""
    world, other = Walker(PLANS[name]), Walker(PLANS[name])
    world.enter(numbers[0])
    other.enter(numbers[0])
    for number in numbers[1:]:
        if other.status in {"waiting", "pending"}:
            other.kill()
        assert other.shape() == world.shape()
        world.walk(number)
        other.walk(number)
    assert other.shape() == world.shape()


@pytest.mark.parametrize("name", PLANS)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(numbers=walks)
def test_history_leads_to_the_state(name: str, numbers: list[int]) -> None:
    """Running the recorded causes again comes to the state that they led to."""
    plan = PLANS[name]
    world = Walker(plan)
    world.enter(numbers[0])
    for number in numbers[1:]:
        world.walk(number)
    found = replay(world.instance, world.history, find_plan=lambda _, __: plan, limits=world.limits)
    assert agree(world.instance, found)


def test_walks_reach_every_kind_of_end() -> None:
    """The walks are no idle ones: among them instances complete, wait, sleep and fault."""
    import random

    seen: set[str] = set()
    published = 0
    chance = random.Random(1)
    for plan in PLANS.values():
        for _ in range(20):
            world = Walker(plan)
            world.enter(chance.randrange(5000))
            for _ in range(12):
                seen |= {world.status, *(fiber.blocked for fiber in world.instance.fibers)}
                world.walk(chance.randrange(5000))
            seen.add(world.status)
            published += len(world.published)
    assert {"completed", "waiting", "faulted", "await", "sleep", "join", "retry"} <= seen
    assert published > 100
    assert len(PLANS) > len(STATES)
