"""Instances that need several events to begin: `exclusive: false` in the first state."""

from typing import Any

import pytest
from engine_driver import HEAD, World, make_plan

from evenweave.engine import Arrival, Begin, Instance, codec, correlate
from evenweave.engine.burst import Burst
from evenweave.engine.causes import Migrate
from evenweave.engine.migration import CannotMigrate, find_opening
from evenweave.plan.nodes import Plan

RULE = "correlation: [{contextAttributeName: order}]"
EVENTS = f"""
events:
  - {{name: Paid, type: paid, source: '', {RULE}}}
  - {{name: Packed, type: packed, source: '', {RULE}}}
  - {{name: Signed, type: signed, source: '', {RULE}}}
  - {{name: Sent, type: sent, source: '', {RULE}}}
  - {{name: Told, type: told, kind: produced}}
"""
PLAIN = EVENTS.replace(RULE, "metadata: {}")
BOTH = """states:
  - name: Ready
    type: event
    exclusive: false
    timeouts: {eventTimeout: PT10M}
    onEvents:
      - {eventRefs: [Paid], eventDataFilter: {toStateData: .paid}, actions: [{functionRef: first}]}
      - {eventRefs: [Packed], eventDataFilter: {toStateData: .packed}, actions: [{functionRef: second}]}
    transition: Ship
  - name: Ship
    type: event
    onEvents: [{eventRefs: [Sent], eventDataFilter: {toStateData: .sent}}]
    end: true
functions:
  - {name: first, type: expression, operation: '{order: [.paid.n, .packed.n]}'}
  - {name: second, type: expression, operation: '{seen: .order}'}
"""
THREE = """states:
  - name: Ready
    type: event
    exclusive: false
    timeouts: {eventTimeout: PT10M}
    onEvents: [{eventRefs: [Paid, Packed, Signed]}]
    end: true
"""


def plan(states: str = BOTH, events: str = EVENTS, head: str = HEAD) -> Plan:
    """The plan of a definition."""
    return make_plan(states, events=events, head=head)


def gather(made: Plan, first: str, data: Any = None, **attributes: Any) -> World:
    """An instance that has its first event."""
    world = World(made)
    begin(world, first, data, **attributes)
    return world


def begin(world: World, channel: str, data: Any = None, **attributes: Any) -> dict[str, Any]:
    """Let the first event come."""
    event = world.event(channel, data, **attributes)
    start = next(each for each, one in enumerate(world.plan.starts) if correlate.fits(one.accept.match, channel, event))
    world.begin(None, event, start)
    return event


@pytest.mark.parametrize("order", [("paid", "packed"), ("packed", "paid")])
@pytest.mark.parametrize("events", [EVENTS, PLAIN])
def test_actions_run_in_declared_order_once_all_events_are_there(order: tuple[str, str], events: str) -> None:
    """It is pending until the last event is there, in any order, and then does all actions in their order."""
    world = gather(plan(events=events), order[0], {"n": order[0]}, order="o1")
    assert (world.status, world.published, world.instance.data) == ("pending", [], {})
    assert world.deliver(order[1], {"n": order[1]}, order="o1")
    assert world.status == "waiting"
    assert world.deliver("sent", 7, order="o1")
    assert (world.status, world.data) == (
        "completed",
        {
            "paid": {"n": "paid"},
            "packed": {"n": "packed"},
            "order": ["paid", "packed"],
            "seen": ["paid", "packed"],
            "sent": 7,
        },
    )


def test_several_events_of_one_entry_are_all_needed() -> None:
    """All events that one entry of onEvents names have to come."""
    world = gather(plan(THREE), "packed", {"b": 2}, order="o1")
    assert world.deliver("signed", {"c": 3}, order="o1")
    assert world.status == "pending"
    assert world.deliver("paid", {"a": 1}, order="o1")
    assert (world.status, world.data) == ("completed", {"a": 1, "b": 2, "c": 3})


def test_one_event_named_twice_begins_alone() -> None:
    """Where all entries mean the same event, one of it is enough."""
    states = BOTH.replace("eventRefs: [Packed]", "eventRefs: [Paid]")
    world = gather(plan(states), "paid", {"n": 1}, order="o1")
    assert (world.status, world.plan.gathers) == ("waiting", None)


def test_it_stands_for_the_key_of_its_events_from_the_first_on() -> None:
    """The first event claims the key and says which others are meant; those of another key are not."""
    world = gather(plan(), "paid", order="o1")
    (key,) = world.claims
    assert key == correlate.key({"order": "o1"})
    assert [(each.channel, each.key) for each in world.listening.values()] == [("packed", key)]
    assert not world.move(Arrival("packed", world.event("packed", {}, order="o2")))
    assert not world.move(Arrival("packed", world.event("packed", {})))
    assert world.deliver("packed", {}, order="o1")
    assert (world.status, world.claims) == ("waiting", [key])


def test_events_with_rules_of_their_own_give_it_a_key_each() -> None:
    """Events that correlate by different attributes: each that joins adds its key and its values."""
    events = EVENTS.replace(RULE, "correlation: [{contextAttributeName: parcel}]", 2)
    events = events.replace("contextAttributeName: parcel", "contextAttributeName: order", 1)
    world = gather(plan(events=events), "paid", order="o1")
    assert [(each.channel, each.key) for each in world.listening.values()] == [("packed", "")]
    assert world.deliver("packed", {}, parcel="p1")
    assert world.claims == [correlate.key({"order": "o1"}), correlate.key({"parcel": "p1"})]
    assert world.instance.correlation == {"order": "o1", "parcel": "p1"}


def test_constant_of_a_rule_says_which_event_is_meant() -> None:
    """A value that the definition names is demanded of the events that are missing."""
    rule = "correlation: [{contextAttributeName: order}, {contextAttributeName: size, contextAttributeValue: big}]"
    events = EVENTS.replace(f"type: packed, source: '', {RULE}", f"type: packed, source: '', {rule}")
    world = gather(plan(events=events), "paid", order="o1")
    assert not world.move(Arrival("packed", world.event("packed", {}, order="o1", size="small")))
    assert world.deliver("packed", {}, order="o1", size="big")
    assert world.status == "waiting"


def test_the_same_event_twice_is_one() -> None:
    """An event that it has already is taken and changes nothing, but with other data it is another one."""
    world = World(plan())
    first = begin(world, "paid", {"n": 1}, order="o1")
    state = codec.encode(world.instance)
    assert world.move(Arrival("paid", first))
    assert world.instance.fibers[0].frames[0].waiting == codec.decode(state).fibers[0].frames[0].waiting
    assert not world.move(Arrival("paid", {**first, "data": {"n": 2}}))


def test_time_counts_from_one_event_to_the_next() -> None:
    """The eventTimeout is the time between two events, not that of all."""
    world = gather(plan(THREE), "paid", order="o1")
    for channel in ("packed", "signed"):
        world.sleep(599)
        assert world.deliver(channel, {}, order="o1")
    assert world.status == "completed"


@pytest.mark.parametrize(("states", "missing"), [(BOTH, "Packed"), (THREE, "Packed and Signed")])
def test_events_are_given_up_when_the_next_one_does_not_come(states: str, missing: str) -> None:
    """At the time-out what came is given up with the reason; nothing began, and nothing stays."""
    world = World(plan(states))
    first = begin(world, "paid", {"n": 1}, order="o1")
    assert world.wait() == 600
    (given,) = world.given_up
    assert (given.channel, given.event) == ("paid", first)
    assert given.reason == f"no instance of flow began: {missing} did not come within PT10M (eventTimeout)"
    assert (world.status, world.wait(), world.status) == ("pending", 0, "cancelled")
    assert world.removed
    reason = world.instance.reason
    assert reason is not None
    assert (reason.type, reason.title) == ("timeout", f"{missing} did not come within PT10M (eventTimeout)")
    assert reason.reference == "/states/0/timeouts/eventTimeout"


def test_what_came_behind_begins_anew_after_the_time_out() -> None:
    """An event that had to wait in the inbox takes the place of the one that was given up."""
    world = gather(plan(), "paid", {"n": 1}, order="o1")
    behind = world.event("paid", {"n": 2}, order="o1")
    assert not world.move(Arrival("paid", behind))
    world.wait()
    assert world.move(Arrival("paid", behind))
    assert (world.instance.due, world.instance.reason) == (world.now + 600, None)
    assert world.deliver("packed", {"n": 3}, order="o1")
    assert (world.status, [each.event["data"] for each in world.given_up]) == ("waiting", [{"n": 1}])


def test_without_a_time_out_it_waits_on() -> None:
    """Without an eventTimeout there is no deadline."""
    world = gather(plan(BOTH.replace("timeouts: {eventTimeout: PT10M}", "metadata: {}")), "paid", order="o1")
    assert world.instance.due is None


def test_time_out_of_the_workflow_stands_where_the_state_has_none() -> None:
    """The eventTimeout of the workflow holds for its first state too; its own time begins with all events."""
    states = BOTH.replace("timeouts: {eventTimeout: PT10M}", "metadata: {}")
    states = states.replace("name: Ship\n", "name: Ship\n    timeouts: {eventTimeout: PT2H}\n")
    head = f"{HEAD}timeouts: {{eventTimeout: PT1M, workflowExecTimeout: PT1H}}\n"
    world = gather(plan(states, head=head), "paid", order="o1")
    assert world.instance.due == world.now + 60
    world.sleep(59)
    assert world.deliver("packed", {}, order="o1")
    assert (world.status, world.instance.due) == ("waiting", world.now + 3600)


def test_kept_instance_has_its_time_from_when_it_began() -> None:
    """With keepActive it waits for its first events again, and its time counts from when it had the first ones."""
    head = f"{HEAD}keepActive: true\ntimeouts: {{workflowExecTimeout: PT1H}}\n"
    world = gather(plan(THREE, head=head), "paid", order="o1")
    world.sleep(300)
    world.deliver("packed", {}, order="o1")
    world.deliver("signed", {}, order="o1")
    assert (world.status, world.instance.due) == ("waiting", world.now + 600)
    world.wait()
    assert world.status == "waiting"
    assert world.instance.due is not None
    assert world.instance.due <= world.instance.started + 300 + 3600
    while world.status != "cancelled":
        world.wait()
    assert world.now == world.instance.started + 300 + 3600


def test_suspended_and_resumed_it_goes_on_gathering() -> None:
    """Suspended, it takes nothing; resumed, it is pending again and begins with the last event."""
    world = gather(plan(), "paid", order="o1")
    world.command("suspend")
    assert (world.status, world.instance.due) == ("suspended", None)
    assert not world.move(Arrival("packed", world.event("packed", {}, order="o1")))
    world.command("resume")
    assert (world.status, world.instance.due) == ("pending", world.now + 600)
    assert world.deliver("packed", {}, order="o1")
    assert world.status == "waiting"


@pytest.mark.parametrize("suspended", [False, True])
def test_cancelled_it_gives_its_events_up(suspended: bool) -> None:
    """Who cancels it before it began finds its events among the dead letters."""
    world = gather(plan(THREE), "paid", {"n": 1}, order="o1")
    world.deliver("packed", {"n": 2}, order="o1")
    if suspended:
        world.command("suspend")
    world.command("cancel")
    assert (world.status, world.removed) == ("cancelled", False)
    assert [(each.channel, each.event["data"]["n"]) for each in world.given_up] == [("paid", 1), ("packed", 2)]
    assert {each.reason for each in world.given_up} == {"instance i1 was cancelled before it began"}


def test_started_by_a_command_it_waits_in_its_first_state() -> None:
    """A subflow begins without events: it waits for them in the state, and its eventTimeout leads on."""
    world = World(plan()).begin({"given": True})
    assert world.status == "waiting"
    world.wait()
    assert (world.status, world.given_up) == ("waiting", [])
    assert world.deliver("sent", 7, order="o1")
    assert (world.status, world.data) == ("completed", {"given": True, "sent": 7})


def test_it_does_not_migrate_before_it_began() -> None:
    """An instance that has not begun stays with its version."""
    world = gather(plan(), "paid", order="o1")
    for status in ("pending", "suspended"):
        burst = Burst(plan(), world.instance, now=world.now, find_plan=lambda _id, _digest: plan())
        with pytest.raises(CannotMigrate, match="cannot migrate"):
            burst.apply(Migrate("d2", "2", "d1"))
        if status == "pending":
            world.command("suspend")


def test_opening_moves_to_another_version_with_all_its_events() -> None:
    """An instance that has all its events and stands before their state takes them along, by their names."""
    old, new = plan(THREE), plan(THREE.replace("[Paid, Packed, Signed]", "[Signed, Paid, Packed]"))
    opening = _opened(old).opening
    assert opening is not None
    moved = find_opening(opening, old, new)
    assert moved is not None
    by_name = {new.starts[index].accept.match.name: event["type"] for index, event in moved.gathered.items()}
    assert by_name == {"Paid": "paid", "Packed": "packed", "Signed": "signed"}
    assert new.starts[moved.start].accept.match.name == "Signed"
    assert find_opening(opening, old, plan(THREE.replace("Packed, Signed", "Signed"))) is None
    assert find_opening(opening, old, plan(THREE.replace("exclusive: false", "exclusive: true"))) is None


def test_fork_at_the_first_state_has_all_its_events() -> None:
    """A fork that begins in the first state is given the events that the other instance began with."""
    made = plan(THREE)
    opening = _opened(made).opening
    assert opening is not None
    forked = World(made, name="i2")
    forked.move(Begin({}, opening.event, opening.start, at="/states/0", gathered=opening.gathered))
    assert (forked.status, forked.data) == ("completed", {"a": 1, "b": 2, "c": 3})


def _opened(made: Plan) -> Instance:
    """An instance at the moment at which it has all its events, and has not entered their state."""
    world = gather(made, "paid", {"a": 1}, order="o1")
    world.deliver("packed", {"b": 2}, order="o1")
    burst = Burst(made, world.instance, now=world.now)
    burst._left = 0  # it pauses before its first node
    assert burst.apply(Arrival("signed", world.event("signed", {"c": 3}, order="o1")))
    assert burst.instance.status == "running"
    return burst.instance
