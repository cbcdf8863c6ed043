"""Who gets an event: PROTOCOL section 3, rule by rule."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import structlog
from worker_house import ANSWER, ASK, House, answer, asking, consumed, event, flow, sleeping, waiting

from evenweave.worker.routing import CROWD, TOGETHER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ORDERED = flow(
    "order", waiting("begin", "A"), waiting("then", "B"), events=[consumed("A", "orderid"), consumed("B", "orderid")]
)
PLAIN = flow("plain", waiting("begin", "A"), waiting("then", "B"), events=[consumed("A"), consumed("B")])
ASKING = flow("asking", waiting("begin", "A"), asking("ask"), events=[consumed("A"), ASK, ANSWER])


async def test_start_event_begins_one_instance(house: House) -> None:
    """A start event begins an instance that waits for what comes next."""
    await house.register(PLAIN)
    await house.publish(event("1", "a"))
    assert await house.statuses() == ["waiting"]


async def test_start_event_twice_in_one_batch_begins_one_instance(house: House) -> None:
    """The same event published twice at once begins one instance."""
    await house.register(PLAIN)
    await house.publish(event("1", "a"), event("1", "a"))
    assert len(await house.instances()) == 1


async def test_start_event_again_after_its_instance_was_deleted_begins_none(house: House) -> None:
    """A tombstone keeps a repeated start event from beginning a deleted instance anew."""
    await house.register(flow("short", waiting("begin", "A"), events=[consumed("A")]))
    await house.publish(event("1", "a"))
    (one,) = await house.instances()
    await house.engine.delete_instance(one.id)
    group = next(each for each in await house.broker.subscriptions() if each.group == "evenweave.engine")
    await house.broker.unsubscribe(group.id, ["a"])
    await house.broker.subscribe("evenweave.engine", ["a"], mode="read")
    await house.settle()
    assert await house.instances() == []


async def test_same_id_with_other_data_is_another_event(house: House) -> None:
    """The same source and id with other content begin another instance."""
    await house.register(PLAIN)
    await house.publish(event("1", "a"), event("1", "a", data={"other": True}))
    assert len(await house.instances()) == 2


async def test_correlation_finds_the_instance_that_waits(house: House) -> None:
    """An event goes to the instance that stands for its key, and to no other."""
    await house.register(ORDERED)
    await house.publish(event("1", "a", orderid="x"), event("2", "a", orderid="y"), event("3", "b", orderid="y"))
    assert await house.statuses() == ["waiting", "completed"]


async def test_correlation_goes_before_start(house: House) -> None:
    """A second start event under a key that a live instance stands for begins none: it is in that instance's inbox."""
    await house.register(ORDERED)
    await house.publish(event("1", "a", orderid="x"), event("2", "a", orderid="x"))
    (one,) = await house.instances()
    assert (one.status, one.held) == ("waiting", 1)


async def test_correlated_event_comes_early_and_is_taken_later(house: House) -> None:
    """An event for an instance that does not wait for it yet is held and taken when it does."""
    await house.register(
        flow(
            "order",
            waiting("begin", "A"),
            sleeping("rest", "PT10S"),
            waiting("then", "B"),
            events=[consumed("A", "orderid"), consumed("B", "orderid")],
        )
    )
    await house.publish(event("1", "a", orderid="x"))
    await house.publish(event("2", "b", orderid="x"))
    (one,) = await house.instances()
    assert (one.status, one.held) == ("waiting", 1)
    await house.jump(10)
    (one,) = await house.instances()
    assert (one.status, one.held) == ("completed", 0)


async def test_held_events_go_before_newer_ones_of_the_same_batch(house: House) -> None:
    """An event that is held is taken before one of its kind that came later, even where both are at hand."""
    await house.register(
        flow(
            "order",
            waiting("begin", "A"),
            waiting("next", "C"),
            waiting("then", "B"),
            events=[consumed("A", "orderid"), consumed("B", "orderid"), consumed("C", "orderid")],
        )
    )
    await house.publish(event("1", "a", orderid="x"), event("early", "b", orderid="x"))
    await house.publish(event("3", "c", orderid="x"), event("late", "b", orderid="x"))
    (one,) = await house.instances()
    assert one.status == "completed"
    assert one.data["n"] == "early"


async def test_inbox_of_an_ended_instance_is_dead_lettered(house: House) -> None:
    """What an instance held and never took goes to the dead letters when it ends, with the reason."""
    await house.register(ORDERED)
    await house.publish(event("1", "a", orderid="x"), event("2", "a", orderid="x"), event("3", "b", orderid="x"))
    assert await house.statuses() == ["completed"]
    (reason,) = await house.reasons("a")
    assert "ended without it" in reason


async def test_key_is_free_again_within_the_batch_in_which_its_instance_ends(house: House) -> None:
    """A key is released by the end of its instance: the next event under it begins another, in the same batch."""
    await house.register(ORDERED)
    await house.publish(
        event("1", "a", orderid="x"),
        event("2", "b", orderid="x"),
        event("3", "a", orderid="x"),
        event("4", "b", orderid="x"),
    )
    assert await house.statuses() == ["completed", "completed"]
    await house.publish(event("5", "a", orderid="x"))
    assert await house.statuses() == ["completed", "completed", "waiting"]


async def test_fixed_correlation_values_say_which_event_is_meant(house: House) -> None:
    """An event that lacks a value that the definition names is no event of that kind: nobody consumes it."""
    await house.register(flow("vip", waiting("begin", "A"), events=[consumed("A", tier="gold")]))
    await house.publish(event("1", "a", tier="tin"), event("2", "a", tier="gold"), event("3", "a"))
    assert await house.statuses() == ["completed"]
    await house.jump(3700)
    assert await house.reasons("a") == []


async def test_start_event_without_its_correlation_value_begins_none(house: House) -> None:
    """A start event that lacks the value that it should correlate by begins nothing, and is kept."""
    await house.register(ORDERED)
    await house.publish(event("1", "a"))
    assert await house.instances() == []
    await house.jump(3700)
    assert len(await house.reasons("a")) == 1


async def test_wait_without_key_is_met_in_every_instance(house: House) -> None:
    """An event without correlation goes to every instance that waits for it, once each."""
    await house.register(PLAIN)
    await house.publish(event("1", "a"), event("2", "a"), event("3", "b"))
    assert await house.statuses() == ["completed", "completed"]


async def test_wait_of_very_many_is_met_in_turns(house: House) -> None:
    """An event that very many wait for moves some in its transaction and the others in turns, and says so once."""
    await house.register(PLAIN)
    many = CROWD + 1
    await house.publish(*(event(f"a{number}", "a") for number in range(many)))
    await house.until(lambda: house.count(status="waiting", limit=2 * many), many)
    before = sum((await house.engine.figures()).commits.rows.counts)
    with structlog.testing.capture_logs() as logs:
        await house.broker.publish([("b", event("b1", "b"))])
        await house.until(lambda: house.count(status="completed", limit=2 * many), many)
    (said,) = [each for each in logs if "waits" in each]
    assert (said["definition"], said["channel"], said["waits"]) == ("plain", "b", many)
    # One transaction with the first of them, and one for each turn of the others: all are gone before the next.
    assert sum((await house.engine.figures()).commits.rows.counts) - before >= many / TOGETHER
    assert [each.revision for each in await house.instances(limit=2 * many)] == [2] * many


async def test_wait_with_key_is_met_by_its_key_only(house: House) -> None:
    """A wait whose value the definition computes from data is met by events with that value alone."""
    await house.register(
        flow(
            "keyed",
            waiting("begin", "A"),
            waiting("then", "B"),
            events=[consumed("A"), consumed("B", orderid="${ .n }")],
        )
    )
    await house.publish(event("1", "a"), event("2", "a"), event("3", "b", orderid="2"))
    assert await house.statuses() == ["waiting", "completed"]


async def test_several_definitions_get_the_same_event(house: House) -> None:
    """Every definition gets an event by rules of its own."""
    await house.register(PLAIN)
    await house.register(ORDERED)
    await house.publish(event("1", "a", orderid="x"), event("2", "b", orderid="x"))
    assert await house.statuses() == ["completed", "completed"]


async def test_early_event_is_kept_and_given_to_the_first_wait(house: House) -> None:
    """An event that nobody waits for is kept, and the first instance that waits for it gets it, and it alone."""
    await house.register(PLAIN)
    await house.publish(event("0", "b"))
    await house.publish(event("1", "a"), event("2", "a"))
    assert await house.statuses() == ["completed", "waiting"]


async def test_kept_events_are_given_oldest_first(house: House) -> None:
    """Of several kept events the oldest is given first, before newer ones of the batch that registers the wait."""
    await house.register(PLAIN)
    await house.publish(event("old", "b"), event("new", "b"))
    await house.publish(event("1", "a"), event("newest", "b"))
    (one,) = await house.instances()
    assert one.data["n"] == "old"


async def test_event_kept_under_a_key_goes_to_the_instance_that_claims_it(house: House) -> None:
    """An event that came before the instance of its key is in that instance's hands as soon as it begins."""
    await house.register(ORDERED)
    await house.publish(event("0", "b", orderid="x"), event("1", "b", orderid="y"))
    await house.publish(event("2", "a", orderid="x"))
    assert await house.statuses() == ["completed"]


async def test_event_with_several_possible_keys_is_found_by_each(house: House) -> None:
    """Where kinds of event on one channel correlate by different names, what was kept is found by either."""
    events = [
        consumed("A"),
        consumed("B", orderid="${ .n }"),
        {**consumed("B2", customer="${ .n }"), "type": "b"},
    ]
    await house.register(flow("two", waiting("begin", "A"), waiting("then", "B", "B2"), events=events))
    await house.publish(event("0", "b", orderid="9", customer="1"))
    await house.publish(event("1", "a"))
    assert await house.statuses() == ["completed"]


async def test_kept_event_expires_into_the_dead_letters(house: House) -> None:
    """After its time of keeping an event goes to the dead letters with the reason, once."""
    await house.register(PLAIN)
    await house.publish(event("0", "b"))
    await house.jump(3500)
    assert await house.reasons("b") == []
    await house.jump(200)
    (reason,) = await house.reasons("b")
    assert "nobody waited" in reason
    await house.jump(3700)
    assert len(await house.reasons("b")) == 1


@pytest.mark.parametrize("turns", range(12))
async def test_kept_event_is_given_or_given_up_but_never_both(house: House, turns: int) -> None:
    """Wherever its expiry falls between the arrival and the commit of who takes it, a kept event ends in one place."""
    await house.register(PLAIN)
    await house.publish(event("0", "b"))
    taking = asyncio.create_task(house.broker.publish([("a", event("1", "a"))]))
    for _ in range(turns):
        await asyncio.sleep(0)
    house.clock.jump(3700)
    await taking
    await house.settle()
    given, given_up = await house.statuses() == ["completed"], len(await house.reasons("b"))
    assert (given, given_up) in {(True, 0), (False, 1)}


async def test_kept_events_beyond_the_cap_are_given_up_oldest_first(
    open_house: Callable[..., Awaitable[House]],
) -> None:
    """Beyond the cap the oldest kept events go to the dead letters; what is given out makes room."""
    house = await open_house(kept=2)
    await house.register(PLAIN)
    await house.publish(event("0", "b"), event("1", "b"), event("2", "b"))
    assert [each["id"] for each in await house.log("dead-letter/b")] == ["0"]
    await house.publish(event("s", "a"))
    assert (await house.instances())[0].data["n"] == "1"
    await house.publish(event("3", "b"))
    assert len(await house.log("dead-letter/b")) == 1
    await house.publish(event("4", "b"))
    assert [each["id"] for each in await house.log("dead-letter/b")] == ["0", "2"]


async def test_event_that_no_definition_knows_is_ignored(house: House) -> None:
    """An event of a kind that no definition consumes leaves no trace."""
    await house.register(flow("typed", waiting("begin", "A"), asking("ask"), events=[consumed("A"), ASK, ANSWER]))
    await house.publish(event("1", "other", subject="a"), channel="a")
    await house.jump(3700)
    assert await house.instances() == []
    assert await house.reasons("a") == []


async def test_echo_finds_the_activation(house: House) -> None:
    """A reply goes to the activation that it echoes, and to no other instance."""
    await house.register(ASKING)
    await house.publish(event("1", "a"), event("2", "a"))
    asks = await house.log("ask")
    await house.publish(answer(asks[1]), channel="answer")
    assert await house.statuses() == ["waiting", "completed"]


async def test_echo_goes_before_correlation(house: House) -> None:
    """A reply that echoes one instance and carries the key of another belongs to the one that it echoes."""
    answered = {**ANSWER, "correlation": [{"contextAttributeName": "orderid"}]}
    await house.register(
        flow("asking", waiting("begin", "A"), asking("ask"), events=[consumed("A", "orderid"), ASK, answered])
    )
    await house.publish(event("1", "a", orderid="x"), event("2", "a", orderid="y"))
    asks = await house.log("ask")
    await house.publish(answer(asks[0], orderid="y"), channel="answer")
    assert await house.statuses() == ["completed", "waiting"]


async def test_reply_without_echo_is_found_by_its_key(house: House) -> None:
    """A reply that echoes nothing finds its instance by the correlation key."""
    answered = {**ANSWER, "correlation": [{"contextAttributeName": "orderid"}]}
    await house.register(
        flow("asking", waiting("begin", "A"), asking("ask"), events=[consumed("A", "orderid"), ASK, answered])
    )
    await house.publish(event("1", "a", orderid="x"), event("2", "a", orderid="y"))
    await house.publish(event("r", "Answer", orderid="y"), channel="answer")
    assert await house.statuses() == ["waiting", "completed"]


async def test_second_reply_is_dead_lettered_as_late(house: House) -> None:
    """A reply to an activation that is gone goes to the dead letters at once, and says late."""
    await house.register(ASKING)
    await house.publish(event("1", "a"))
    (ask,) = await house.log("ask")
    await house.publish(answer(ask), channel="answer")
    await house.publish(answer(ask, "again"), channel="answer")
    (reason,) = await house.reasons("answer")
    assert reason.startswith("late: instance")
    assert "is completed" in reason


@pytest.mark.parametrize("task", ["nobody:3", "rubbish", ":", "x:y"])
async def test_reply_to_nobody_is_dead_lettered_as_late(house: House, task: str) -> None:
    """A reply that echoes what never was goes to the dead letters at once."""
    await house.register(ASKING)
    await house.publish(
        event("1", "Answer", workflowinstanceid="nobody", workflowtaskinstanceid=task), channel="answer"
    )
    (reason,) = await house.reasons("answer")
    assert reason.startswith("late: ")


async def test_reply_without_echo_and_rule_is_kept_and_expires(house: House) -> None:
    """A reply that nobody can be found for is kept for its time, then dead-lettered; the instance goes on waiting."""
    await house.register(ASKING)
    await house.publish(event("1", "a"), event("r", "Answer"), channel=None)
    await house.publish(event("r", "Answer"), channel="answer")
    assert await house.statuses() == ["waiting"]
    assert await house.reasons("answer") == []
    await house.jump(3700)
    assert len(await house.reasons("answer")) == 1
    assert await house.statuses() == ["waiting"]


async def test_echoed_event_starts_another_definition_too(house: House) -> None:
    """A reply is taken by its instance, and begins an instance of another definition that starts on its channel."""
    await house.register(ASKING)
    starts = {**ANSWER, "name": "Start"}
    await house.register(flow("second", waiting("begin", "Start"), events=[starts]))
    await house.publish(event("1", "a"))
    (ask,) = await house.log("ask")
    await house.publish(answer(ask), channel="answer")
    assert sorted((each.definition, each.status) for each in await house.instances()) == [
        ("asking", "completed"),
        ("second", "completed"),
    ]
    assert await house.reasons("answer") == []


async def test_instance_never_consumes_what_it_published(house: House) -> None:
    """An instance that waits on a channel where it published itself is not met by its own event; another one is."""
    loud = {"name": "Loud", "type": "b", "source": "", "kind": "produced"}
    say = {"name": "say", "type": "operation", "actions": [{"eventRef": {"triggerEventRef": "Loud"}}]}
    await house.register(
        flow("loud", waiting("begin", "A"), say, waiting("then", "B"), events=[consumed("A"), consumed("B"), loud])
    )
    await house.publish(event("1", "a"))
    assert await house.statuses() == ["waiting"]
    assert len(await house.log("b")) == 1
    await house.publish(event("2", "a"))
    assert sorted(await house.statuses()) == ["completed", "completed"]


async def test_event_of_an_earlier_trigger_belongs_to_its_instance_alone(house: House) -> None:
    """An event that echoes a live instance whose plan awaits it elsewhere is its own, and held where it is early."""
    await house.register(
        flow(
            "echoes",
            waiting("begin", "A"),
            {"name": "tell", "type": "operation", "actions": [{"eventRef": {"triggerEventRef": "Ask"}}]},
            sleeping("rest", "PT10S"),
            waiting("then", "Answer"),
            events=[consumed("A"), ASK, ANSWER],
        )
    )
    await house.publish(event("1", "a"))
    await house.jump(5)
    await house.publish(event("2", "a"))
    asks = await house.log("ask")
    await house.jump(6)
    await house.publish(answer(asks[1]), channel="answer")
    assert [(each.status, each.held) for each in await house.instances()] == [("waiting", 0), ("waiting", 1)]
    await house.jump(10)
    assert await house.statuses() == ["waiting", "completed"]
    assert await house.reasons("answer") == []


async def test_suspended_instance_gets_its_events_on_resume_in_order(house: House) -> None:
    """Events for a suspended instance, by key or by echo, are held and taken in order when it is resumed."""
    await house.register(
        flow(
            "order",
            waiting("begin", "A"),
            waiting("first", "B"),
            waiting("second", "B"),
            events=[consumed("A", "orderid"), consumed("B", "orderid")],
        )
    )
    await house.publish(event("1", "a", orderid="x"))
    (one,) = await house.instances()
    await house.command(one.id, "suspend")
    await house.publish(event("2", "b", orderid="x"))
    await house.publish(event("3", "b", orderid="x"))
    (one,) = await house.instances()
    assert (one.status, one.held) == ("suspended", 2)
    await house.command(one.id, "resume")
    (one,) = await house.instances()
    assert (one.status, one.held, one.data["n"]) == ("completed", 0, "3")


async def test_reply_to_a_suspended_instance_is_held(house: House) -> None:
    """A reply that echoes a suspended instance's activation waits in its inbox until it is resumed."""
    await house.register(ASKING)
    await house.publish(event("1", "a"))
    (one,) = await house.instances()
    (ask,) = await house.log("ask")
    await house.command(one.id, "suspend")
    await house.publish(answer(ask), channel="answer")
    assert (await house.instances())[0].held == 1
    await house.command(one.id, "resume")
    assert await house.statuses() == ["completed"]
    assert await house.reasons("answer") == []


async def test_wait_without_key_of_a_suspended_instance_holds_its_event(house: House) -> None:
    """An event that meets the wait of a suspended instance is held for it, and taken on resume."""
    await house.register(PLAIN)
    await house.publish(event("1", "a"))
    (one,) = await house.instances()
    await house.command(one.id, "suspend")
    await house.publish(event("2", "b"))
    await house.command(one.id, "resume")
    assert await house.statuses() == ["completed"]


async def test_instance_does_not_hold_what_it_published_under_its_own_key(house: House) -> None:
    """An event that an instance published under the key that it stands for is not put into its own inbox."""
    loud = {"name": "Loud", "type": "b", "source": "", "kind": "produced"}
    tell = {"eventRef": {"triggerEventRef": "Loud", "contextAttributes": {"orderid": "x"}}}
    say = {"name": "say", "type": "operation", "actions": [tell]}
    events = [consumed("A", "orderid"), consumed("B", "orderid"), loud]
    await house.register(flow("loud", waiting("begin", "A"), say, waiting("then", "B"), events=events))
    await house.publish(event("1", "a", orderid="x"))
    (own,) = await house.log("b")
    assert own["orderid"] == "x"
    (one,) = await house.instances()
    assert (one.status, one.held) == ("waiting", 0)
    await house.publish(event("2", "b", orderid="x"))
    assert await house.statuses() == ["completed"]
