"""What every broker does, whatever it stands on (`evenweave.ports.broker`, PROTOCOL section 4)."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pytest

from evenweave.ports.broker import Broker, Delivery, Refused, UnknownSubscription


class Clock(Protocol):
    """A clock that is moved by hand."""

    def jump(self, seconds: float) -> None:
        """Move on."""

    async def asked(self) -> None:
        """Return when somebody waits."""


class Bench(Protocol):
    """See conftest."""

    broker: Broker
    clock: Clock


Make = Callable[..., dict[str, Any]]


def _numbers(deliveries: Sequence[Delivery]) -> list[int]:
    return [delivery.event["data"]["n"] for delivery in deliveries]


async def test_an_event_is_delivered_as_it_was_published(bench: Bench, make_event: Make) -> None:
    """Publishing needs no subscriber; a group starts at the earliest event and gets it whole, under a lease."""
    event = make_event(subject="o1", orderid="x", attempt=3, data={"n": 1, "text": "\u20ac"})
    await bench.broker.publish([("order", event)])
    subscription = await bench.broker.subscribe("shop", ["order"])
    [delivery] = await bench.broker.deliveries(subscription.id)
    assert delivery.event == event
    assert (delivery.channel, delivery.attempt) == ("order", 1)
    assert delivery.lease
    assert subscription.positions["order"] == (delivery.log, 0)
    assert delivery.position > 0
    assert await bench.broker.deliveries(subscription.id) == []


async def test_a_group_that_starts_at_the_end_gets_what_comes_later(bench: Bench, make_event: Make) -> None:
    """`end` skips what is there."""
    await bench.broker.publish([("order", make_event())])
    subscription = await bench.broker.subscribe("shop", ["order"], start="end")
    await bench.broker.publish([("order", make_event())])
    assert _numbers(await bench.broker.deliveries(subscription.id)) == [2]


async def test_subscribing_again_adds_channels_and_keeps_positions(bench: Bench, make_event: Make) -> None:
    """Subscribing is idempotent: one id a group, channels are added, what was acknowledged stays so."""
    first = await bench.broker.subscribe("shop", ["a"])
    await bench.broker.publish([("a", make_event())])
    [delivery] = await bench.broker.deliveries(first.id)
    await bench.broker.settle(first.id, ack=[delivery.lease])
    again = await bench.broker.subscribe("shop", ["a", "b"])
    assert again.id == first.id
    assert again.positions == {"a": (delivery.log, delivery.position), "b": (delivery.log, 0)}
    assert await bench.broker.subscribe("shop", []) == again
    assert await bench.broker.subscriptions() == [again]


async def test_concurrent_subscribing_makes_one_group(bench: Bench) -> None:
    """Workers that start together get one and the same subscription."""
    made = await asyncio.gather(*(bench.broker.subscribe("shop", ["a", channel]) for channel in "bcd"))
    assert len({subscription.id for subscription in made}) == 1
    [subscription] = await bench.broker.subscriptions()
    assert set(subscription.positions) == {"a", "b", "c", "d"}


async def test_unsubscribing_takes_channels_or_the_group_away(bench: Bench, make_event: Make) -> None:
    """Channels go one by one, then the group; what is not there is none too many."""
    subscription = await bench.broker.subscribe("shop", ["a", "b"])
    await bench.broker.publish([("a", make_event()), ("b", make_event())])
    await bench.broker.unsubscribe(subscription.id, ["a", "nowhere"])
    assert _numbers(await bench.broker.deliveries(subscription.id)) == [2]
    await bench.broker.unsubscribe(subscription.id)
    await bench.broker.unsubscribe(subscription.id)
    assert await bench.broker.subscriptions() == []
    with pytest.raises(UnknownSubscription):
        await bench.broker.deliveries(subscription.id)
    with pytest.raises(UnknownSubscription):
        await bench.broker.settle(subscription.id)


async def test_a_repeated_publish_is_one_event(bench: Bench, make_event: Make) -> None:
    """The same channel, source, id and digest is dropped; another digest or channel is another event."""
    event = make_event()
    await asyncio.gather(*(bench.broker.publish([("a", event), ("a", event)]) for _ in range(5)))
    await bench.broker.publish([("a", event | {"time": "2026-01-01T00:00:00Z"})])
    subscription = await bench.broker.subscribe("shop", ["a", "b"])
    assert len(await bench.broker.deliveries(subscription.id)) == 1
    await bench.broker.publish([("b", event), ("a", event | {"data": {"n": 9}}), ("a", event | {"source": "/other"})])
    assert _numbers(await bench.broker.deliveries(subscription.id)) == [1, 9, 1]


async def test_every_group_gets_every_event_and_workers_share_them(bench: Bench, make_event: Make) -> None:
    """Each group sees all events; within one, each event goes to one worker, at most `max` at a time."""
    one = await bench.broker.subscribe("one", ["a"])
    two = await bench.broker.subscribe("two", ["a"])
    await bench.broker.publish([("a", make_event()) for _ in range(5)])
    assert _numbers(await bench.broker.deliveries(one.id, max=2)) == [1, 2]
    assert _numbers(await bench.broker.deliveries(one.id, max=2)) == [3, 4]
    assert _numbers(await bench.broker.deliveries(one.id, max=2)) == [5]
    assert len(await bench.broker.deliveries(two.id)) == 5


async def test_broadcast_makes_a_group_for_each(bench: Bench, make_event: Make) -> None:
    """In mode broadcast each subscriber has everything."""
    made = [await bench.broker.subscribe("all", ["a"], mode="broadcast") for _ in range(2)]
    assert made[0].id != made[1].id
    await bench.broker.publish([("a", make_event())])
    for subscription in made:
        assert len(await bench.broker.deliveries(subscription.id)) == 1


async def test_a_poll_waits_for_the_next_event(bench: Bench, make_event: Make) -> None:
    """A poll that finds nothing is answered as soon as something is published."""
    subscription = await bench.broker.subscribe("shop", ["a"])
    poll = asyncio.create_task(bench.broker.deliveries(subscription.id, wait_s=30))
    await bench.clock.asked()
    await bench.broker.publish([("a", make_event())])
    assert _numbers(await poll) == [1]


async def test_a_poll_ends_with_nothing_when_its_time_is_over(bench: Bench) -> None:
    """After `wait_s` a poll returns empty-handed."""
    subscription = await bench.broker.subscribe("shop", ["a"])
    poll = asyncio.create_task(bench.broker.deliveries(subscription.id, wait_s=30))
    await bench.clock.asked()
    bench.clock.jump(30)
    assert await poll == []


async def test_a_failed_delivery_comes_again_with_a_backoff(bench: Bench, make_event: Make) -> None:
    """A failure is tried again after 0.2 s, then after twice as long; the others are not held up."""
    subscription = await bench.broker.subscribe("shop", ["a"])
    await bench.broker.publish([("a", make_event()), ("a", make_event())])
    first, second = await bench.broker.deliveries(subscription.id)
    await bench.broker.settle(subscription.id, ack=[second.lease], retry=[(first.lease, "busy")])
    assert await bench.broker.deliveries(subscription.id) == []
    for attempt, delay_s in ((2, 0.2), (3, 0.4), (4, 0.8)):
        bench.clock.jump(delay_s * 0.9)
        assert await bench.broker.deliveries(subscription.id) == []
        bench.clock.jump(delay_s * 0.2)
        [again] = await bench.broker.deliveries(subscription.id)
        assert (again.position, again.attempt) == (first.position, attempt)
        await bench.broker.settle(subscription.id, retry=[(again.lease, "busy")])
    [subscription] = await bench.broker.subscriptions()
    assert subscription.positions["a"] == (first.log, first.position - 1)


async def test_a_waiting_poll_gets_a_retry_when_it_is_due(bench: Bench, make_event: Make) -> None:
    """A poll that waits is woken by the time of a retry, not only by new events."""
    subscription = await bench.broker.subscribe("shop", ["a"])
    await bench.broker.publish([("a", make_event())])
    [delivery] = await bench.broker.deliveries(subscription.id)
    poll = asyncio.create_task(bench.broker.deliveries(subscription.id, wait_s=30))
    await bench.clock.asked()
    await asyncio.gather(bench.broker.settle(subscription.id, retry=[(delivery.lease, "busy")]), bench.clock.asked())
    bench.clock.jump(0.2)
    [again] = await poll
    assert again.attempt == 2


async def test_the_fifth_failure_is_a_dead_letter(bench: Bench, make_event: Make) -> None:
    """After five attempts the event lies on the dead-letter channel with its reason, and is retired."""
    subscription = await bench.broker.subscribe("shop", ["a"])
    event = make_event(orderid="x")
    await bench.broker.publish([("a", event)])
    for _ in range(5):
        [delivery] = await bench.broker.deliveries(subscription.id)
        await bench.broker.settle(subscription.id, retry=[(delivery.lease, "no\nstock")])
        bench.clock.jump(30)
    assert await bench.broker.deliveries(subscription.id) == []
    [letter] = await bench.broker.dead_letters()
    assert (letter.channel, letter.group, letter.reason, letter.attempts) == ("a", "shop", "no stock", 5)
    assert letter.event == event | {
        "deadletterreason": "no stock",
        "deadlettergroup": "shop",
        "deadletterchannel": "a",
        "deadletterattempts": 5,
    }
    assert await bench.broker.dead_letters(after=letter.id) == []
    readers = await bench.broker.subscribe("undertaker", ["dead-letter/a"])
    [dead] = await bench.broker.deliveries(readers.id)
    assert dead.event == letter.event
    [subscription] = [one for one in await bench.broker.subscriptions() if one.group == "shop"]
    assert subscription.positions["a"] == (delivery.log, delivery.position)


async def test_a_rejected_delivery_is_a_dead_letter_at_once(bench: Bench, make_event: Make) -> None:
    """Rejecting skips the attempts; each group's dead letter of one event is kept."""
    groups = [await bench.broker.subscribe(name, ["a"]) for name in ("one", "two")]
    await bench.broker.publish([("a", make_event())])
    for group in groups:
        [delivery] = await bench.broker.deliveries(group.id)
        await bench.broker.settle(group.id, reject=[(delivery.lease, "not ours")])
    letters = await bench.broker.dead_letters()
    assert [(letter.group, letter.reason, letter.attempts) for letter in letters] == [
        ("one", "not ours", 1),
        ("two", "not ours", 1),
    ]


async def test_an_expired_lease_counts_and_goes_to_another(bench: Bench, make_event: Make) -> None:
    """A worker that dies with a delivery loses it: its lease expires as a failed attempt, and another gets it."""
    subscription = await bench.broker.subscribe("shop", ["a"])
    await bench.broker.publish([("a", make_event())])
    [lost] = await bench.broker.deliveries(subscription.id, lease_s=10)
    bench.clock.jump(9)
    assert await bench.broker.deliveries(subscription.id) == []
    bench.clock.jump(1)
    assert await bench.broker.deliveries(subscription.id) == []
    bench.clock.jump(0.2)
    [again] = await bench.broker.deliveries(subscription.id)
    assert (again.position, again.attempt) == (lost.position, 2)
    await bench.broker.settle(subscription.id, retry=[(lost.lease, "too late to say so")])
    bench.clock.jump(5)
    assert await bench.broker.deliveries(subscription.id) == []
    await bench.broker.settle(subscription.id, ack=[lost.lease])
    bench.clock.jump(60)
    assert await bench.broker.deliveries(subscription.id) == []


async def test_five_expired_leases_are_a_dead_letter(bench: Bench, make_event: Make) -> None:
    """An event that kills its workers ends among the dead letters too."""
    subscription = await bench.broker.subscribe("shop", ["a"])
    await bench.broker.publish([("a", make_event())])
    for _ in range(5):
        assert len(await bench.broker.deliveries(subscription.id, lease_s=1)) == 1
        bench.clock.jump(1)
        assert await bench.broker.deliveries(subscription.id) == []
        bench.clock.jump(30)
    # Nobody waits for that commit; what is published behind it is durable after it.
    await bench.broker.publish([("b", make_event())])
    assert await bench.broker.deliveries(subscription.id) == []
    [letter] = await bench.broker.dead_letters()
    assert letter.reason == "the consumer did not settle it within its lease of 1 s"


async def test_a_reader_reads_in_log_order_behind_its_own_position(bench: Bench, make_event: Make) -> None:
    """A reader gets all its channels in one order, takes no leases, and says where it is."""
    subscription = await bench.broker.subscribe("engine", ["a", "b"], mode="read")
    await bench.broker.publish([("b", make_event()), ("a", make_event()), ("other", make_event()), ("b", make_event())])
    first = await bench.broker.read(subscription.id, {}, max=2)
    assert [(one.channel, *_numbers([one])) for one in first] == [("b", 1), ("a", 2)]
    assert [one.position for one in first] == sorted(one.position for one in first)
    assert _numbers(await bench.broker.read(subscription.id, {})) == [1, 2, 4]
    after = {one.channel: (one.log, one.position) for one in first}
    assert _numbers(await bench.broker.read(subscription.id, after)) == [4]
    assert _numbers(await bench.broker.read(subscription.id, {"b": after["b"]})) == [2, 4]


async def test_a_reader_of_another_log_begins_anew(bench: Bench, make_event: Make) -> None:
    """A stored position of a log that is gone restarts that channel at this log's beginning, the others stay."""
    subscription = await bench.broker.subscribe("engine", ["a", "b"], mode="read")
    await bench.broker.publish([("a", make_event()), ("b", make_event())])
    events = await bench.broker.read(subscription.id, {})
    through = {one.channel: (one.log, one.position) for one in events}
    await bench.broker.acknowledge(subscription.id, through)
    assert await bench.broker.read(subscription.id, {}) == []
    stored = {"a": ("another", 999), "b": through["b"]}
    assert _numbers(await bench.broker.read(subscription.id, stored)) == [1]


async def test_a_reader_without_a_position_goes_on_where_it_acknowledged(bench: Bench, make_event: Make) -> None:
    """What was acknowledged is the group's own position; another log's, a lower or a future one changes nothing."""
    subscription = await bench.broker.subscribe("engine", ["a"], mode="read")
    await bench.broker.publish([("a", make_event()), ("a", make_event())])
    first, second = await bench.broker.read(subscription.id, {})
    await bench.broker.acknowledge(subscription.id, {"a": (first.log, first.position), "unknown": (first.log, 1)})
    assert _numbers(await bench.broker.read(subscription.id, {})) == [2]
    for wrong in (("another", second.position), (first.log, 0), (first.log, second.position + 100)):
        await bench.broker.acknowledge(subscription.id, {"a": wrong})
    assert _numbers(await bench.broker.read(subscription.id, {})) == [2]
    assert (await bench.broker.subscriptions())[0].positions == {"a": (first.log, first.position)}


async def test_a_reader_waits_for_the_next_event(bench: Bench, make_event: Make) -> None:
    """A read that finds nothing is answered as soon as something is published, or when its time is over."""
    subscription = await bench.broker.subscribe("engine", ["a"], mode="read")
    read = asyncio.create_task(bench.broker.read(subscription.id, {}, wait_s=30))
    await bench.clock.asked()
    await bench.broker.publish([("a", make_event())])
    [event] = await read
    after = {"a": (event.log, event.position)}
    read = asyncio.create_task(bench.broker.read(subscription.id, after, wait_s=30))
    await bench.clock.asked()
    bench.clock.jump(30)
    assert await read == []


@pytest.mark.parametrize("name", ["", "x" * 256, "a\nb"])
async def test_names_that_are_not_usable_are_refused(bench: Bench, make_event: Make, name: str) -> None:
    """Names of groups and channels are printable and short; an error is final."""
    with pytest.raises(Refused):
        await bench.broker.subscribe(name, ["a"])
    with pytest.raises(Refused):
        await bench.broker.subscribe("shop", [name])
    with pytest.raises(Refused):
        await bench.broker.publish([(name, make_event())])


async def test_what_is_too_large_or_no_json_is_refused(bench: Bench, make_event: Make) -> None:
    """An event over the limit is refused for good, and none of its batch is published."""
    with pytest.raises(Refused, match="1048576"):
        await bench.broker.publish([("a", make_event()), ("a", make_event(data="x" * 1_048_576))])
    with pytest.raises(Refused, match="JSON"):
        await bench.broker.publish([("a", make_event(data=object()))])
    subscription = await bench.broker.subscribe("shop", ["a"])
    assert await bench.broker.deliveries(subscription.id) == []


async def test_modes_do_not_mix(bench: Bench) -> None:
    """A group keeps its mode; readers take no leases, and others do not read."""
    share = await bench.broker.subscribe("shop", ["a"])
    reader = await bench.broker.subscribe("engine", ["a"], mode="read")
    with pytest.raises(Refused):
        await bench.broker.subscribe("shop", ["a"], mode="read")
    with pytest.raises(Refused):
        await bench.broker.read(share.id, {})
    with pytest.raises(Refused):
        await bench.broker.acknowledge(share.id, {"a": ("x", 1)})
    with pytest.raises(Refused):
        await bench.broker.deliveries(reader.id)
    with pytest.raises(Refused):
        await bench.broker.settle(share.id, ack=["rubbish"])
    with pytest.raises(Refused):
        await bench.broker.deliveries(share.id, max=0)
    with pytest.raises(UnknownSubscription):
        await bench.broker.read("nobody", {})
