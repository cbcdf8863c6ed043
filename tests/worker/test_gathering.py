"""Instances that need several events to begin, from the log to the store: PROTOCOL section 3, rule 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from worker_house import ANSWER, ASK, House, answer, asking, consumed, event, flow, sleeping, waiting

from evenweave.adapters.clocks import JumpingClock
from evenweave.app import Whole
from evenweave.engine.causes import Command
from evenweave.worker.repair import Repair
from evenweave.worker.routing import NEAREST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

WINDOW_S = 600


def gathering(*names: str, timeout: str = "PT10M") -> dict[str, Any]:
    """An event state that needs all of these, each event's data under its name."""
    entries = [{"eventRefs": [each], "eventDataFilter": {"toStateData": f".{each.lower()}"}} for each in names]
    state = {"name": "Ready", "type": "event", "exclusive": False, "onEvents": entries}
    return state | ({"timeouts": {"eventTimeout": timeout}} if timeout else {})


KEYED = flow("keyed", gathering("A", "B"), events=[consumed("A", "orderid"), consumed("B", "orderid")])
PLAIN = flow("plain", gathering("A", "B"), events=[consumed("A"), consumed("B")])
LASTING = flow("plain", gathering("A", "B"), waiting("then", "C"), events=[consumed(name) for name in "ABC"])


async def pairs(house: House) -> list[tuple[str, str]]:
    """The events of each instance that completed, oldest first."""
    return [(each.data["a"]["n"], each.data["b"]["n"]) for each in await house.instances(status="completed")]


async def left(house: House) -> tuple[int, ...]:
    """How many rows are left of what instances that are over needed."""
    census = (await house.engine.figures()).census
    return census.waits, census.kept, census.held, census.parked


@pytest.mark.parametrize("together", [False, True])
async def test_events_of_one_key_begin_one_instance(house: House, together: bool) -> None:
    """The first event makes a pending instance, the other one of its key lets it run; in one batch or in two."""
    await house.register(KEYED)
    events = [
        event("1", "a", orderid="x"),
        event("2", "b", orderid="y"),
        event("3", "a", orderid="y"),
        event("4", "b", orderid="x"),
    ]
    if together:
        await house.publish(*events)
    else:
        await house.publish(*events[:2])
        assert await house.statuses() == ["pending", "pending"]
        await house.publish(*events[2:])
    assert await house.statuses() == ["completed", "completed"]
    assert await pairs(house) == [("1", "4"), ("3", "2")]
    assert await left(house) == (0, 0, 0, 0)
    assert (await house.engine.figures()).figures.started == {"keyed": 2}


async def test_pending_instance_says_what_it_waits_for(house: House) -> None:
    """Who looks at a pending instance sees the events that it still needs, by which key and until when."""
    await house.register(KEYED)
    await house.publish(event("1", "a", orderid="x"))
    (one,) = await house.instances(status="pending", definition="keyed")
    (wait,) = one.waits
    assert (one.revision, one.correlation, wait.kind, wait.reference) == (
        1,
        {"orderid": "x"},
        "event",
        "/states/0/onEvents",
    )
    assert wait.events == [{"event": "B", "channel": "b", "key": '[["orderid","x"]]'}]
    assert wait.until == one.started + WINDOW_S
    assert [each.id for each in await house.engine.instances(key='[["orderid","x"]]')] == [one.id]
    trace = await house.engine.archive.trace(one.id)
    assert [cause.status for burst in trace.bursts for cause in burst.causes] == ["pending"]
    await house.publish(event("2", "a", orderid="x"), event("3", "b", orderid="x"))
    assert await house.engine.archive.check(one.id), "its history leads to another state"


async def test_without_a_rule_an_event_joins_the_oldest_that_misses_it(house: House) -> None:
    """Without correlation events pair in their order: none is used twice, none is left where a partner comes."""
    await house.register(PLAIN)
    await house.publish(*(event(f"a{number}", "a") for number in range(3)))
    assert await house.statuses() == ["pending"] * 3
    await house.publish(*(event(f"b{number}", "b") for number in range(4)))
    assert await pairs(house) == [("a0", "b0"), ("a1", "b1"), ("a2", "b2")]
    assert await house.statuses() == ["completed"] * 3 + ["pending"]
    await house.publish(event("a3", "a"))
    assert (await pairs(house))[3:] == [("a3", "b3")]
    assert await left(house) == (0, 0, 0, 0)


async def test_event_with_a_rule_and_one_without_meet(house: House) -> None:
    """Where only some of the events correlate, the others join whoever misses them."""
    events = [consumed("A", "orderid"), consumed("B")]
    await house.register(flow("mixed", gathering("A", "B"), events=events))
    await house.publish(event("1", "a", orderid="x"), event("2", "b"), event("3", "b"), event("4", "a", orderid="y"))
    assert await pairs(house) == [("1", "2"), ("4", "3")]


async def test_event_finds_the_one_that_it_agrees_with_among_very_many(house: House) -> None:
    """Where the rules of the events differ, an event looks for the instance whose values it shares."""
    events = [consumed("A", "orderid"), consumed("B", "orderid", "customer")]
    await house.register(flow("mixed", gathering("A", "B"), events=events))
    many = 3 * NEAREST
    await house.publish(*(event(f"a{number}", "a", orderid=f"{number}") for number in range(many)))
    order = [many - 2, 0, NEAREST, NEAREST - 1]
    await house.publish(*(event(f"b{number}", "b", orderid=f"{number}", customer="x") for number in order))
    # All four have the customer in common, but none is given to another's order.
    assert await pairs(house) == [(f"a{number}", f"b{number}") for number in sorted(order)]
    assert await house.count(status="pending") == many - len(order)


async def test_the_same_event_again_is_one(house: House) -> None:
    """An event that is offered twice neither counts for two nor begins another instance."""
    for document, attributes in ((KEYED, {"orderid": "x"}), (PLAIN, {})):
        await house.register(document)
        await house.publish(event("1", "a", **attributes), event("1", "a", **attributes))
        group = next(each for each in await house.broker.subscriptions() if each.group == "evenweave.engine")
        await house.broker.unsubscribe(group.id, ["a"])
        await house.broker.subscribe("evenweave.engine", ["a"], mode="read")
        await house.settle()
    assert [(each.definition, each.status, each.held) for each in await house.instances()] == [
        ("keyed", "pending", 0),
        ("plain", "pending", 0),
    ]


async def test_event_of_a_running_instance_begins_no_other_one(house: House) -> None:
    """Once it runs the instance still stands for its key: a further event of it is in its inbox."""
    document = flow(
        "keyed",
        gathering("A", "B"),
        waiting("then", "C"),
        events=[consumed(name, "orderid") for name in "ABC"],
    )
    await house.register(document)
    await house.publish(*(event(each, each, orderid="x") for each in "ab"), event("again", "a", orderid="x"))
    (one,) = await house.instances()
    assert (one.status, one.held) == ("waiting", 1)


@pytest.mark.parametrize(("document", "attributes"), [(KEYED, {"orderid": "x"}), (PLAIN, {})])
async def test_time_out_gives_the_events_up_and_leaves_nothing(
    house: House, document: bytes, attributes: dict[str, str]
) -> None:
    """When the other event does not come, the first is a dead letter with the reason, and there is no instance."""
    await house.register(document)
    await house.publish(event("1", "a", **attributes))
    await house.jump(WINDOW_S - 1)
    assert await house.statuses() == ["pending"]
    await house.jump(1)
    assert await house.instances() == []
    (reason,) = await house.reasons("a")
    assert reason.endswith("began: B did not come within PT10M (eventTimeout)")
    assert await left(house) == (0, 0, 0, 0)
    figures = (await house.engine.figures()).figures
    assert (figures.started, figures.turned, figures.dead_letters) == ({}, {}, {"a": 1})
    # The next ones are as good as any.
    await house.publish(event("2", "a", **attributes), event("3", "b", **attributes))
    assert await pairs(house) == [("2", "3")]


async def test_event_that_was_given_up_begins_anew_where_it_is_replayed(house: House) -> None:
    """A dead letter that is replayed is pending again, as often as it is replayed, and meets its partner."""
    await house.register(KEYED)
    await house.publish(event("1", "a", orderid="x"))
    for round_ in range(2):
        await house.jump(WINDOW_S)
        letters = await house.broker.dead_letters()
        assert len(letters) == 1, round_
        await house.broker.replay(letters[0].id)
        await house.settle()
        assert await house.statuses() == ["pending"]
    await house.publish(event("2", "b", orderid="x"))
    assert await pairs(house) == [("1", "2")]


async def test_event_that_waited_in_the_inbox_takes_the_place_of_one_that_is_given_up(house: House) -> None:
    """A second event of a kind and key waits until the first has begun an instance, or is given up."""
    await house.register(KEYED)
    await house.publish(event("1", "a", orderid="x"))
    await house.jump(WINDOW_S - 60)
    await house.publish(event("2", "a", orderid="x"))
    (one,) = await house.instances()
    assert (one.status, one.held) == ("pending", 1)
    await house.jump(60)
    (one,) = await house.instances()
    assert (one.status, one.held, one.reason) == ("pending", 0, None)
    assert [each["id"] for each in await house.log("dead-letter/a")] == ["1"]
    await house.publish(event("3", "b", orderid="x"))
    assert await pairs(house) == [("2", "3")]


async def test_event_for_a_later_state_does_not_keep_it_from_expiring(house: House) -> None:
    """What came early for a later state goes to the dead letters as well when nothing begins."""
    document = flow(
        "keyed", gathering("A", "B"), waiting("then", "C"), events=[consumed(name, "orderid") for name in "ABC"]
    )
    await house.register(document)
    await house.publish(event("1", "a", orderid="x"), event("2", "c", orderid="x"))
    await house.jump(WINDOW_S)
    assert await house.instances() == []
    assert len(await house.reasons("a")) == 1
    (late,) = await house.reasons("c")
    assert late.startswith("late: ")
    assert await left(house) == (0, 0, 0, 0)


@pytest.mark.parametrize("attributes", [{}, {"orderid": "x"}])
async def test_kept_events_are_taken_by_the_first_that_needs_them(house: House, attributes: dict[str, str]) -> None:
    """What was kept because an earlier version did not begin by it is found by the pending instance that needs it."""
    events = [consumed("A", *attributes), consumed("B", *attributes)]
    await house.register(flow("later", waiting("begin", "A"), waiting("then", "B"), events=events))
    await house.publish(event("0", "b", **attributes))
    await house.register(flow("later", gathering("A", "B"), events=events, version="2"))
    await house.publish(event("1", "a", **attributes))
    assert await pairs(house) == [("1", "0")]
    assert await left(house) == (0, 0, 0, 0)


async def test_definition_that_is_removed_lets_its_pending_instances_begin(house: House) -> None:
    """A pending instance keeps its definition, and its channels, until it has ended; nothing else begins by it."""
    await house.register(LASTING)
    await house.publish(event("1", "a"))
    await house.engine.remove("plain")
    await house.publish(event("2", "a"))
    assert await house.statuses() == ["pending"]
    await house.publish(event("3", "b"))
    assert await house.statuses() == ["waiting"]
    await house.publish(event("4", "b"), event("5", "c"))
    assert await house.statuses() == ["completed"]
    assert list(house.engine.definitions()) == []


async def test_definition_that_is_removed_goes_with_the_time_out_of_its_last_pending_instance(house: House) -> None:
    """When the last pending instance of a removed definition expires, the definition is gone too."""
    await house.register(PLAIN)
    await house.publish(event("1", "a"))
    await house.engine.remove("plain")
    assert [row.active for row in house.engine.definitions()] == [False]
    await house.jump(WINDOW_S)
    assert await house.instances() == []
    await house.settle()
    assert list(house.engine.definitions()) == []
    assert len(await house.reasons("a")) == 1


async def test_new_version_does_not_take_pending_instances_apart(house: House) -> None:
    """A pending instance goes on by the version of its first event; what it does not need is the new version's."""
    await house.register(PLAIN)
    await house.publish(event("1", "a"))
    changed = flow("plain", gathering("A", "B"), waiting("then", "C"), events=[consumed(n) for n in "ABC"], version="2")
    await house.register(changed)
    await house.publish(event("2", "a"), event("3", "b"), event("4", "b"))
    assert [(each.version, each.status) for each in await house.instances()] == [("1", "completed"), ("2", "waiting")]


@pytest.mark.parametrize("verb", ["suspend", "cancel"])
async def test_commands_reach_pending_instances(house: House, verb: Any) -> None:
    """Suspended, it is passed over; resumed, it needs the next one; cancelled, its events are dead letters."""
    await house.register(PLAIN)
    await house.publish(event("1", "a"))
    (one,) = await house.instances()
    await house.command(one.id, verb)
    if verb == "cancel":
        assert await house.statuses() == ["cancelled"]
        assert await house.reasons("a") == [f"instance {one.id} was cancelled before it began"]
        assert await left(house) == (0, 0, 0, 0)
        return
    await house.publish(event("2", "b"))
    assert await house.statuses() == ["suspended", "pending"]
    await house.jump(WINDOW_S - 1)
    await house.engine.command(one.id, Command("resume"))
    await house.publish(event("3", "b"))
    assert await pairs(house) == [("1", "3")]


async def test_pending_instances_do_not_migrate(house: House) -> None:
    """Migration refuses an instance that has not begun, and leaves it as it is."""
    await house.register(PLAIN)
    await house.publish(event("1", "a"))
    await house.register(flow("plain", gathering("A", "B"), events=[consumed("A"), consumed("B")], version="2"))
    (one,) = await house.instances()
    done = await house.engine.workshop.repair_some([one.id], Repair("migrate"))
    assert [each.reason for each in done.left] == ["an instance that is pending cannot migrate"]
    await house.publish(event("2", "b"))
    assert [(each.version, each.status) for each in await house.instances()] == [("1", "completed")]


async def test_state_that_grows_too_large_suspends_it_and_parks_the_event(
    open_house: Callable[..., Awaitable[House]],
) -> None:
    """Events that do not fit into one state: the last one is put aside, and nothing is lost."""
    from evenweave.engine import Limits

    house = await open_house(limits=Limits(state_bytes=1_000))
    await house.register(PLAIN)
    large = {"n": "x" * 600}
    await house.publish(event("1", "a", data=large), event("2", "b", data=large))
    (one,) = await house.instances()
    assert one.status == "suspended"
    assert [each.event["id"] for each in await house.engine.parked()] == ["2"]


async def test_restart_between_the_events_changes_nothing(tmp_path: Path) -> None:
    """Stopped and started again between any two events, and before the deadline, it comes to the same."""
    clock = JumpingClock()
    document = flow("three", gathering("A", "B", "C"), events=[consumed(name, "o") for name in "ABC"])

    async def opened(wanted: list[str], *events: dict[str, Any]) -> list[str]:
        """Start, publish, wait until the instances are as wanted, and stop; why events were given up."""
        whole = await Whole.start(tmp_path / "all.db", clock=clock)
        house = House(whole, clock)
        await house.register(document)
        await house.publish(*events)
        await house.until(house.statuses, wanted)
        reasons = await house.reasons("a")
        await whole.stop()
        return reasons

    assert await opened(["pending"], event("1", "a", o="x")) == []
    assert await opened(["pending"], event("2", "c", o="x")) == []
    assert await opened(["completed"], event("3", "b", o="x")) == []
    assert await opened(["completed", "pending"], event("4", "a", o="y")) == []
    clock.jump(WINDOW_S)
    await opened(["completed"])
    assert await opened(["completed"]) == [
        "no instance of three began: B and C did not come within PT10M (eventTimeout)"
    ]


async def test_wait_of_running_instances_does_not_take_what_a_pending_one_needs(house: House) -> None:
    """An event that begins instances goes to them first; one state later the same kind is waited for as ever."""
    document = flow(
        "again",
        gathering("A", "B"),
        sleeping("rest", "PT1S"),
        waiting("then", "B"),
        events=[consumed("A"), consumed("B")],
    )
    await house.register(document)
    await house.publish(event("1", "a"), event("2", "b"))
    await house.jump(1)
    assert await house.statuses() == ["waiting"]
    await house.publish(event("3", "a"), event("4", "b"))
    assert await house.statuses() == ["waiting", "waiting"]


async def test_event_goes_to_each_definition_by_its_own_rule(house: House) -> None:
    """An event that one definition needs to begin and that answers an instance of another one is given to both."""
    await house.register(
        flow("asking", waiting("begin", "Start"), asking("ask"), events=[consumed("Start"), ASK, ANSWER])
    )
    await house.register(flow("both", gathering("A", "Answer"), events=[consumed("A"), ANSWER]))
    await house.publish(event("1", "start"), event("2", "a"))
    (ask,) = await house.log("ask")
    await house.publish(answer(ask), channel="answer")
    assert [(each.definition, each.status) for each in await house.instances()] == [
        ("asking", "completed"),
        ("both", "completed"),
    ]
    # What nobody asked for begins the next one all the same.
    await house.publish(event("3", "Answer", subject="answer"), channel="answer")
    assert [each.definition for each in await house.instances(status="pending")] == ["both"]


async def test_events_for_a_suspended_instance_of_their_key_are_in_its_inbox(house: House) -> None:
    """While it is suspended events of its key wait for it; resumed it begins by them, also behind its deadline."""
    await house.register(KEYED)
    await house.publish(event("1", "a", orderid="x"))
    (one,) = await house.instances()
    await house.command(one.id, "suspend")
    await house.publish(event("2", "b", orderid="x"))
    await house.jump(WINDOW_S + 1)
    (one,) = await house.instances()
    assert (one.status, one.held) == ("suspended", 1)
    await house.command(one.id, "resume")
    assert await pairs(house) == [("1", "2")]


async def test_fork_begins_in_the_first_state_with_all_its_events(house: House) -> None:
    """A fork of an instance that several events started has all of them."""
    await house.register(KEYED)
    await house.publish(event("1", "a", orderid="x"), event("2", "b", orderid="x"))
    (one,) = await house.instances()
    await house.engine.archive.fork(one.id, "Ready", patch={})
    await house.settle()
    assert await pairs(house) == [("1", "2")] * 2
