"""Who gets an event, and where events and notices wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.ports.store import Wait
from evenweave.testing.store.rows import list_kept, make_event, make_instance, save

if TYPE_CHECKING:
    from evenweave.ports.store import Outgoing
    from evenweave.testing.store.rows import Bench


class EventContract:
    """Who gets an event, and where events and notices wait."""

    async def test_notice_is_seen_by_transactions_once_queued_and_stays_until_dropped(self, bench: Bench) -> None:
        """What instances have for one another is found in order, durable or not, and survives a restart."""
        first = bench.store.begin()
        first.notify("child", "begin", b"one")
        first.notify("parent", "ended", b"two")
        first.notify("child", "cancel", b"three")
        assert [(each.kind, each.cause) for each in await first.notices("child")] == [
            ("begin", b"one"),
            ("cancel", b"three"),
        ]
        assert list(await bench.store.begin().notices("child")) == []
        durable = first.queue()
        assert len(await bench.store.begin().notices("child")) == 2
        await durable
        await bench.reopen()
        places = await bench.store.noticed(0, 9)
        assert [instance for _, instance in places] == ["child", "parent", "child"]
        assert list(await bench.store.noticed(places[1][0], 9)) == [places[2]]
        assert list(await bench.store.noticed(0, 1)) == [places[0]]
        second = bench.store.begin()
        notice, later = await second.notices("child")
        second.drop_notice("child", notice)
        assert list(await second.notices("child")) == [later]
        await second.queue()
        assert [instance for _, instance in await bench.store.noticed(0, 9)] == ["parent", "child"]

    async def test_notices_are_no_events(self, bench: Bench) -> None:
        """Events and notices in one inbox do not meet, and a count of events does not count notices."""
        made = bench.store.begin()
        save(made, make_instance("i"))
        made.hold("i", "c", make_event("held"))
        made.notify("i", "ended", b"told")
        await made.queue()
        later = bench.store.begin()
        assert [each.event["id"] for each in await later.held("i")] == ["held"]
        assert [each.cause for each in await later.notices("i")] == [b"told"]
        assert (await bench.store.census()).held == 1

    async def test_key_is_released_and_claimed_in_one_transaction(self, bench: Bench) -> None:
        """The last that becomes of a key is what counts."""
        first = bench.store.begin()
        first.claim("d", "k", "one")
        await first.queue()
        second = bench.store.begin()
        second.release("d", "k")
        assert await second.claimant("d", "k") is None
        second.claim("d", "k", "two")
        assert await second.claimant("d", "k") == "two"
        await second.queue()
        assert await bench.store.begin().claimant("d", "k") == "two"
        assert await bench.store.begin().claimant("other", "k") is None

    async def test_waits_are_found_by_key_oldest_first(self, bench: Bench) -> None:
        """Waits are listed in the order in which they were added, durable or not, without those that went."""
        first = bench.store.begin()
        for name in ("a", "b", "c"):
            first.listen("d", "ch", "", Wait(name, 1, 0))
        first.listen("d", "ch", "k", Wait("keyed", 1, 0))
        await first.queue()
        second = bench.store.begin()
        second.forget("d", "ch", "", Wait("b", 1, 0))
        second.listen("d", "ch", "", Wait("e", 1, 0))
        second.queue()
        third = bench.store.begin()
        third.listen("d", "ch", "", Wait("f", 1, 0))
        assert [each.instance for each in await third.waits("d", "ch", "")] == ["a", "c", "e", "f"]
        for enough, expected in ((1, ["a"]), (3, ["a", "c", "e"]), (9, ["a", "c", "e", "f"])):
            assert [each.instance for each in await third.waits("d", "ch", "", enough=enough)] == expected
        assert [each.instance for each in await third.waits("d", "ch", "k")] == ["keyed"]
        assert list(await third.waits("other", "ch", "")) == []

    async def test_kept_events_are_listed_oldest_first_through_every_layer(self, bench: Bench) -> None:
        """Kept events come in order, whether durable, queued, or of the transaction itself, without those given out."""
        numbers = iter(range(1000))
        for size in (100, 30):
            made = bench.store.begin()
            for _ in range(size):
                number = next(numbers)
                made.keep("d", "c", "even" if number % 2 == 0 else "odd", make_event(str(number)), float(number))
            await made.queue()
        taking = bench.store.begin()
        for kept in (await list_kept(taking, "d", "c", None))[:3]:
            taking.unkeep("d", kept)
        taking.keep("d", "c", "even", make_event(str(next(numbers))), 0.0)
        taking.queue()
        own = bench.store.begin()
        own.keep("d", "x", "even", make_event(str(next(numbers))), 0.0)
        assert [int(each.event["id"]) for each in await list_kept(own, "d", "c", None)] == list(range(3, 131))
        assert [int(each.event["id"]) for each in await list_kept(own, "d", "c", "odd")] == list(range(3, 130, 2))
        assert [int(each.event["id"]) for each in await list_kept(own, "d", None, "even")] == [
            *range(4, 131, 2),
            131,
        ]
        assert await list_kept(own, "other", "c", None) == []
        assert own.kept_count == 129
        oldest = await own.oldest_kept(2)
        assert [(name, each.event["id"]) for name, each in oldest] == [("d", "3"), ("d", "4")]
        assert len(await own.oldest_kept(500)) == 129
        gone = oldest[0][1]
        assert await own.is_kept("d", gone)
        own.unkeep("d", gone)
        assert not await own.is_kept("d", gone)
        await own.queue()
        assert not await bench.store.begin().is_kept("d", gone)

    async def test_kept_events_expire_in_order(self, bench: Bench) -> None:
        """Events whose time is over are listed with their definitions, those first whose time was over first."""
        made = bench.store.begin()
        for name, expires in (("late", 30.0), ("soon", 10.0), ("next", 20.0)):
            made.keep(f"d-{name}", "c", "", make_event(name), expires)
        await made.queue()
        found = await bench.store.expired(20.0, 10)
        assert [(name, each.event["id"]) for name, each in found] == [("d-soon", "soon"), ("d-next", "next")]

    async def test_inbox_keeps_its_order(self, bench: Bench) -> None:
        """An inbox lists its events as they came, without those taken."""
        first = bench.store.begin()
        for number in range(3):
            first.hold("i", "c", make_event(str(number)))
        await first.queue()
        second = bench.store.begin()
        second.hold("i", "c", make_event("3"))
        second.unhold("i", (await second.held("i"))[1])
        assert [each.event["id"] for each in await second.held("i")] == ["0", "2", "3"]
        await second.queue()
        assert [each.event["id"] for each in await bench.store.begin().held("i")] == ["0", "2", "3"]
        assert list(await bench.store.begin().held("other")) == []

    async def test_outgoing_events_are_told_of_when_durable_and_in_order(self, bench: Bench) -> None:
        """The listener hears of outbox rows once they are durable, in order, under the sequences they are stored by."""
        told: list[Outgoing] = []
        bench.store.when_outgoing(told.extend)
        futures = []
        for name in ("a", "b"):
            made = bench.store.begin()
            made.publish("i", "out", make_event(f"{name}1"))
            made.publish("i", "out", make_event(f"{name}2"))
            futures.append(made.queue())
        assert told == []
        for future in futures:
            await future
        assert [each.event["id"] for each in told] == ["a1", "a2", "b1", "b2"]
        assert [each.sequence for each in await bench.store.outbox(0, 10)] == [each.sequence for each in told]
        made = bench.store.begin()
        made.sent(told[0].sequence)
        await made.queue()
        assert [each.event["id"] for each in await bench.store.outbox(0, 10)] == ["a2", "b1", "b2"]
        assert [each.event["id"] for each in await bench.store.outbox(told[1].sequence, 1)] == ["b1"]

    async def test_sequences_grow_over_restarts(self, bench: Bench) -> None:
        """What is queued after a restart comes behind what was sent and deleted before it."""
        made = bench.store.begin()
        made.publish("i", "out", make_event("1"))
        await made.queue()
        (first,) = await bench.store.outbox(0, 10)
        made = bench.store.begin()
        made.sent(first.sequence)
        await made.queue()
        await bench.reopen()
        made = bench.store.begin()
        made.publish("i", "out", make_event("2"))
        await made.queue()
        (second,) = await bench.store.outbox(0, 10)
        assert second.sequence > first.sequence
