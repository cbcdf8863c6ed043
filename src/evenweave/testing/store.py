"""The contract suite of the store's port: what every store must do (`evenweave.ports.store`, PROTOCOL section 2).

A store's tests derive a class from `StoreContract` and give it a fixture `bench`:

    class TestMyStore(StoreContract):
        @pytest.fixture
        async def bench(self): ...
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from evenweave.engine import Fiber, Frame, Instance, codec
from evenweave.ports.store import (
    FIRST_ENDED,
    Census,
    DefinitionRow,
    Ended,
    PendingCall,
    Position,
    StoreRefused,
    Wait,
    Which,
)

if TYPE_CHECKING:
    from evenweave.ports.store import Kept, Outgoing, Store, Transaction

_CAUSES = msgspec.msgpack.encode([])


class Bench(Protocol):
    """A store to test.

    Attributes:
        store: The store, empty at first, without a broker's log in it.
    """

    store: Store

    async def reopen(self) -> None:
        """Close the store and open it again, as after a restart; `store` is the new one."""

    async def poison(self, instance: str) -> None:
        """Let the rows of this instance be refused from now on."""


class StoreContract:
    """What every store must do."""

    async def test_instance_is_seen_by_transactions_once_queued_and_by_others_once_durable(self, bench: Bench) -> None:
        """What is queued only transactions see; what is durable everybody does."""
        first = bench.store.begin()
        _save(first, _instance("i"))
        assert (await first.instance("i")) is not None
        assert (await bench.store.begin().instance("i")) is None
        durable = first.queue()
        assert (await bench.store.begin().instance("i")) is not None
        await durable
        found = await bench.store.instance("i")
        assert found is not None
        assert (found.id, found.status, found.data) == ("i", "waiting", {"n": 1})

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
        _save(made, _instance("i"))
        made.hold("i", "c", _event("held"))
        made.notify("i", "ended", b"told")
        await made.queue()
        later = bench.store.begin()
        assert [each.event["id"] for each in await later.held("i")] == ["held"]
        assert [each.cause for each in await later.notices("i")] == [b"told"]
        assert (await bench.store.census()).held == 1

    async def test_heeded_schedules_are_remembered_by_registration(self, bench: Bench) -> None:
        """Until when a schedule was heeded survives a restart, and goes with its definition."""
        first = bench.store.begin()
        first.define(_definition("d", "1"))
        first.heed("d", "digest 1", 5.0)
        first.heed("d", "2", 7.0)
        await first.queue()
        second = bench.store.begin()
        second.heed("d", "digest 1", 9.5)
        await second.queue()
        await bench.reopen()
        assert dict(await bench.store.schedules()) == {("d", "digest 1"): 9.5, ("d", "2"): 7.0}
        third = bench.store.begin()
        third.remove_definition("d", "digest 1")
        await third.queue()
        assert dict(await bench.store.schedules()) == {("d", "2"): 7.0}

    async def test_children_of_an_instance_are_found_oldest_first(self, bench: Bench) -> None:
        """The instances that one started are found by it; those of others and of nobody are not."""
        made = bench.store.begin()
        _save(made, _instance("p"))
        for name, parent in (("a", "p"), ("b", "q"), ("c", "p"), ("d", "")):
            instance = _instance(name)
            instance.parent = (parent, 1, "terminate") if parent else None
            _save(made, instance)
        await made.queue()
        assert [each.id for each in await bench.store.children("p")] == ["a", "c"]
        assert [each.id for each in await bench.store.children("p", 1)] == ["a"]
        assert list(await bench.store.children("d")) == []

    async def test_pending_call_is_seen_by_transactions_once_queued_and_until_it_is_ended(self, bench: Bench) -> None:
        """A call is pending in its own transaction, in those behind it, and after a restart; its result ends it."""
        first = bench.store.begin()
        first.call(PendingCall("i", 3, b"call"))
        assert await first.is_pending("i", 3)
        assert not await bench.store.begin().is_pending("i", 3)
        durable = first.queue()
        assert await bench.store.begin().is_pending("i", 3)
        await durable
        await bench.reopen()
        second = bench.store.begin()
        assert await second.is_pending("i", 3)
        assert not await second.is_pending("i", 4)
        second.end_call("i", 3)
        assert not await second.is_pending("i", 3)
        await second.queue()
        assert not await bench.store.begin().is_pending("i", 3)

    async def test_call_that_comes_and_goes_in_one_transaction_leaves_nothing(self, bench: Bench) -> None:
        """A call that is withdrawn before it was durable is never taken over."""
        made = bench.store.begin()
        made.call(PendingCall("i", 3, b"call"))
        made.end_call("i", 3)
        await made.queue()
        await bench.reopen()
        assert list(await bench.store.take_over_calls(9)) == []

    async def test_calls_of_a_session_that_ended_are_taken_over_once(self, bench: Bench) -> None:
        """Whoever takes them over has them; they are found a few at a time, and never by their own session."""
        made = bench.store.begin()
        for activation in (3, 4, 5):
            made.call(PendingCall("i", activation, b"call"))
        await made.queue()
        assert list(await bench.store.take_over_calls(9)) == []
        await bench.reopen()
        found = [*await bench.store.take_over_calls(2), *await bench.store.take_over_calls(2)]
        assert [each.activation for each in found] == [3, 4, 5]
        assert {(each.instance, each.call) for each in found} == {("i", b"call")}
        assert list(await bench.store.take_over_calls(9)) == []
        assert await bench.store.begin().is_pending("i", 4)

    async def test_state_survives_a_restart_whole(self, bench: Bench) -> None:
        """Everything that one transaction wrote is there after a restart."""
        made = bench.store.begin()
        _save(made, _instance("i", due=9.0))
        made.claim("d", "k", "i")
        made.listen("d", "c", "", Wait("i", 3, 0))
        made.keep("d", "c", "k", _event("kept"), 50.0)
        made.hold("i", "c", _event("held"))
        made.publish("i", "out", _event("sent"))
        made.park("i", "c", _event("parked"), "why", 7.0)
        made.advance("c", Position("log", 8))
        made.define(_definition("d", "1"))
        assert await made.see(b"key", b"digest") == "new"
        await made.queue()
        await bench.reopen()
        store, fresh = bench.store, bench.store.begin()
        assert await fresh.claimant("d", "k") == "i"
        assert list(await fresh.waits("d", "c", "")) == [Wait("i", 3, 0)]
        assert [each.event["id"] for each in await _kept(fresh, "d", "c", "k")] == ["kept"]
        assert [each.event["id"] for each in await fresh.held("i")] == ["held"]
        assert [(each.instance, each.channel, each.event["id"]) for each in await store.outbox(0, 9)] == [
            ("i", "out", "sent")
        ]
        assert [(each.instance, each.reason, each.at) for each in await store.parked()] == [("i", "why", 7.0)]
        assert dict(await store.positions()) == {"c": Position("log", 8)}
        assert [(each.id, each.active) for each in await store.definitions()] == [("d", True)]
        assert await fresh.see(b"key", b"digest") == "again"
        assert await store.next_due(0.0) == 9.0
        assert [each.revision for each in await store.history("i")] == [1]

    async def test_dedupe_tells_repeated_from_changed(self, bench: Bench) -> None:
        """A key with its digest is seen again; with another digest it has changed, and is remembered as well."""
        made = bench.store.begin()
        assert [await made.see(b"k", digest) for digest in (b"1", b"1", b"2")] == ["new", "again", "changed"]
        made.queue()
        later = bench.store.begin()
        assert [await later.see(b"k", digest) for digest in (b"1", b"2", b"3")] == ["again", "again", "changed"]
        await later.queue()
        assert await bench.store.begin().see(b"k", b"3") == "again"

    async def test_dedupe_keys_are_pruned_by_age(self, bench: Bench) -> None:
        """Keys older than a time are forgotten, a few at a time."""
        made = bench.store.begin()
        for number in range(5):
            await made.see(b"%d" % number, b"")
        await made.queue()
        assert not await bench.store.prune(0.0, 3)
        assert await bench.store.begin().see(b"0", b"") == "again"
        assert await bench.store.prune(1e12, 3)
        assert not await bench.store.prune(1e12, 3)
        assert await bench.store.begin().see(b"0", b"") == "new"

    async def test_transaction_that_is_not_queued_leaves_no_trace(self, bench: Bench) -> None:
        """Writes are collected, and thrown away with their transaction."""
        made = bench.store.begin()
        _save(made, _instance("i"))
        made.claim("d", "k", "i")
        made.keep("d", "c", "", _event("e"), 1.0)
        await made.see(b"k", b"")
        other = bench.store.begin()
        assert await other.instance("i") is None
        assert await other.claimant("d", "k") is None
        assert await _kept(other, "d", "c", None) == []
        assert await other.see(b"k", b"") == "new"
        assert other.kept_count == 0

    async def test_refused_rows_take_everything_behind_them_along(self, bench: Bench) -> None:
        """A refused transaction says so; those queued behind it are refused as somebody else's fault, and forgotten."""
        before = bench.store.begin()
        _save(before, _instance("bad"))
        before.keep("d", "c", "", _event("early"), 1.0)
        await before.queue()
        await bench.poison("bad")
        made = bench.store.begin()
        changed = _instance("bad", revision=2)
        _save(made, changed)
        made.claim("d", "k", "bad")
        for kept in await _kept(made, "d", "c", None):
            made.unkeep("d", kept)
        guilty = made.queue()
        behind = bench.store.begin()
        _save(behind, _instance("good"))
        innocent = behind.queue()
        stale = bench.store.begin()
        _save(stale, _instance("stale"))
        assert await _refusal(guilty) is True
        assert await _refusal(innocent) is False
        try:
            refused = await _refusal(stale.queue())
        except StoreRefused as error:
            refused = error.own
        assert refused is False
        fresh = bench.store.begin()
        found = await fresh.instance("bad")
        assert found is not None
        assert found.revision == 1
        assert await fresh.instance("good") is None
        assert await fresh.claimant("d", "k") is None
        assert fresh.kept_count == 1
        again = bench.store.begin()
        _save(again, _instance("good"))
        await again.queue()
        assert await bench.store.instance("good") is not None

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
                made.keep("d", "c", "even" if number % 2 == 0 else "odd", _event(str(number)), float(number))
            await made.queue()
        taking = bench.store.begin()
        for kept in (await _kept(taking, "d", "c", None))[:3]:
            taking.unkeep("d", kept)
        taking.keep("d", "c", "even", _event(str(next(numbers))), 0.0)
        taking.queue()
        own = bench.store.begin()
        own.keep("d", "x", "even", _event(str(next(numbers))), 0.0)
        assert [int(each.event["id"]) for each in await _kept(own, "d", "c", None)] == list(range(3, 131))
        assert [int(each.event["id"]) for each in await _kept(own, "d", "c", "odd")] == list(range(3, 130, 2))
        assert [int(each.event["id"]) for each in await _kept(own, "d", None, "even")] == [
            *range(4, 131, 2),
            131,
        ]
        assert await _kept(own, "other", "c", None) == []
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
            made.keep(f"d-{name}", "c", "", _event(name), expires)
        await made.queue()
        found = await bench.store.expired(20.0, 10)
        assert [(name, each.event["id"]) for name, each in found] == [("d-soon", "soon"), ("d-next", "next")]

    async def test_inbox_keeps_its_order(self, bench: Bench) -> None:
        """An inbox lists its events as they came, without those taken."""
        first = bench.store.begin()
        for number in range(3):
            first.hold("i", "c", _event(str(number)))
        await first.queue()
        second = bench.store.begin()
        second.hold("i", "c", _event("3"))
        second.unhold("i", (await second.held("i"))[1])
        assert [each.event["id"] for each in await second.held("i")] == ["0", "2", "3"]
        await second.queue()
        assert [each.event["id"] for each in await bench.store.begin().held("i")] == ["0", "2", "3"]
        assert list(await bench.store.begin().held("other")) == []

    async def test_what_comes_and_goes_in_one_transaction_leaves_nothing(self, bench: Bench) -> None:
        """An event that is held, kept or noticed and taken in the same transaction is written by nobody."""
        made = bench.store.begin()
        made.hold("i", "c", _event("held"))
        made.unhold("i", (await made.held("i"))[0])
        made.keep("d", "c", "", _event("kept"), 50.0)
        made.unkeep("d", (await _kept(made, "d", "c", None))[0])
        made.notify("i", "ended", b"")
        made.drop_notice("i", (await made.notices("i"))[0])
        assert (list(await made.held("i")), list(await made.notices("i")), made.kept_count) == ([], [], 0)
        before = bench.store.begin()
        before.keep("d", "c", "", _event("stays"), 50.0)
        async with asyncio.timeout(20):
            await asyncio.gather(before.queue(), made.queue())
        found = await bench.store.census()
        assert (found.kept, found.held, list(await bench.store.noticed(0, 9))) == (1, 0, [])

    async def test_outgoing_events_are_told_of_when_durable_and_in_order(self, bench: Bench) -> None:
        """The listener hears of outbox rows once they are durable, in order, under the sequences they are stored by."""
        told: list[Outgoing] = []
        bench.store.when_outgoing(told.extend)
        futures = []
        for name in ("a", "b"):
            made = bench.store.begin()
            made.publish("i", "out", _event(f"{name}1"))
            made.publish("i", "out", _event(f"{name}2"))
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
        made.publish("i", "out", _event("1"))
        await made.queue()
        (first,) = await bench.store.outbox(0, 10)
        made = bench.store.begin()
        made.sent(first.sequence)
        await made.queue()
        await bench.reopen()
        made = bench.store.begin()
        made.publish("i", "out", _event("2"))
        await made.queue()
        (second,) = await bench.store.outbox(0, 10)
        assert second.sequence > first.sequence

    async def test_deadlines_are_listed_in_due_order(self, bench: Bench) -> None:
        """Instances are due in the order of their deadlines; suspended and ended ones are not."""
        made = bench.store.begin()
        for name, due in (("c", 30.0), ("a", 10.0), ("b", 20.0), ("never", None)):
            _save(made, _instance(name, due=due))
        _save(made, _instance("suspended", due=5.0, status="suspended"))
        await made.queue()
        assert list(await bench.store.due(20.0, 10)) == ["a", "b"]
        assert list(await bench.store.due(20.0, 1)) == ["a"]
        assert await bench.store.next_due(0.0) == 10.0
        assert await bench.store.next_due(10.0) == 20.0
        assert await bench.store.next_due(30.0) is None

    async def test_deleted_instance_leaves_a_tombstone(self, bench: Bench) -> None:
        """A deleted instance is gone with its history and inbox, and known for ever after, by queued readers too."""
        made = bench.store.begin()
        instance = _instance("i", status="completed")
        _save(made, instance)
        made.hold("i", "c", _event("held"))
        await made.queue()
        made = bench.store.begin()
        made.remove_instance(instance, 1.0)
        durable = made.queue()
        assert await bench.store.begin().instance("i") is None
        assert await bench.store.begin().known("i")
        await durable
        assert await bench.store.instance("i") is None
        assert list(await bench.store.history("i")) == []
        assert list(await bench.store.begin().held("i")) == []
        await bench.reopen()
        assert await bench.store.begin().known("i")
        assert not await bench.store.begin().known("other")
        await bench.store.prune(2.0, 10)
        assert not await bench.store.begin().known("i")

    async def test_ended_instances_are_found_in_the_order_in_which_they_ended(self, bench: Bench) -> None:
        """Those that ended before a time, page by page; those that go on, or ended later, are not among them."""
        made = bench.store.begin()
        for name, status, updated in (
            ("late", "completed", 30.0),
            ("b", "cancelled", 10.0),
            ("a", "completed", 10.0),
            ("first", "completed", 5.0),
            ("live", "waiting", 1.0),
            ("faulted", "faulted", 1.0),
        ):
            _save(made, _instance(name, status=status, updated=updated))
        await made.queue()
        found = await bench.store.ended(30.0, FIRST_ENDED, 2)
        assert list(found) == [Ended(5.0, "first"), Ended(10.0, "a")]
        assert list(await bench.store.ended(30.0, found[-1], 2)) == [Ended(10.0, "b")]
        assert list(await bench.store.ended(5.0, FIRST_ENDED, 2)) == []

    async def test_forgotten_histories_leave_their_instances(self, bench: Bench) -> None:
        """The histories that are named are gone, for good; their instances and the other histories stay."""
        made = bench.store.begin()
        for name in ("a", "b", "c"):
            _save(made, _instance(name, status="completed"))
        await made.queue()
        await bench.store.forget_histories(["a", "c", "nobody"])
        await bench.reopen()
        assert [len(await bench.store.history(name)) for name in ("a", "b", "c")] == [0, 1, 0]
        assert await bench.store.instance("a") is not None

    async def test_definitions_are_listed_in_the_order_of_registration(self, bench: Bench) -> None:
        """A definition that is registered again becomes the newest; one that retires starts nothing more."""
        for version in ("1", "2", "1"):
            made = bench.store.begin()
            made.define(_definition("d", version))
            await made.queue()
        assert [each.version for each in await bench.store.definitions()] == ["2", "1"]
        made = bench.store.begin()
        made.retire("d", "digest 2")
        await made.queue()
        assert [(each.version, each.active) for each in await bench.store.definitions()] == [("2", False), ("1", True)]
        made = bench.store.begin()
        made.remove_definition("d", "digest 2")
        await made.queue()
        (left,) = await bench.store.definitions()
        assert (left.version, left.document, left.operations) == ("1", "text", b"{}")

    async def test_live_instances_keep_their_definition(self, bench: Bench) -> None:
        """A definition has live instances until the last one ended."""
        made = bench.store.begin()
        _save(made, _instance("i"))
        await made.queue()
        assert await bench.store.has_live("d", "x")
        assert not await bench.store.has_live("d", "y")
        made = bench.store.begin()
        _save(made, _instance("i", status="cancelled", revision=2))
        await made.queue()
        assert not await bench.store.has_live("d", "x")

    async def test_census_counts_what_is_durable_and_has_not_ended(self, bench: Bench) -> None:
        """Live instances by definition and status, waits, kept and held events, what is parked; no ended instance."""
        assert await bench.store.census() == Census({}, 0, 0, 0, 0)
        made = bench.store.begin()
        for name, status in (("a", "waiting"), ("b", "waiting"), ("c", "faulted"), ("d", "completed")):
            instance = _instance(name)
            instance.status = status  # type: ignore[assignment]
            _save(made, instance)
        made.listen("order", "c", "k", Wait("a", 1, 0))
        made.keep("order", "c", "", {"id": "1"}, 9.0)
        made.hold("b", "c", {"id": "2"})
        made.hold("b", "c", {"id": "3"})
        made.park("c", "c", {"id": "4"}, "why", 1.0)
        durable = made.queue()
        await durable
        found = await bench.store.census()
        definition = _instance("a").definition
        assert found.instances == {(definition, "waiting"): 2, (definition, "faulted"): 1}
        assert (found.waits, found.kept, found.held, found.parked) == (1, 1, 2, 1)

    async def test_instances_are_listed_in_pages(self, bench: Bench) -> None:
        """Pages of instances go on behind the last one, and can be narrowed."""
        made = bench.store.begin()
        for number in range(5):
            _save(made, _instance(str(number), status="completed" if number % 2 else "waiting"))
        made.claim("d", "k", "4")
        await made.queue()
        first = await bench.store.instances(limit=2)
        assert [each.id for each in first] == ["0", "1"]
        assert [each.id for each in await bench.store.instances(after=first[-1].sequence)] == ["2", "3", "4"]
        assert [each.id for each in await bench.store.instances(Which(status="completed"))] == ["1", "3"]
        assert [each.id for each in await bench.store.instances(Which(definition="other"))] == []
        assert [each.id for each in await bench.store.instances(key="k")] == ["4"]
        assert [each.id for each in await bench.store.instances(Which(live=True))] == ["0", "2", "4"]
        assert [each.id for each in await bench.store.instances(Which(version="2"))] == []
        assert [each.id for each in await bench.store.instances(Which(since=1.0, until=1.5), limit=1)] == ["0"]
        assert [each.id for each in await bench.store.instances(Which(since=1.5))] == []
        assert [each.id for each in await bench.store.instances(Which(status="faulted"))] == []
        assert [each.id for each in await bench.store.instances(Which(status="waiting", since=2.0), key="k")] == []

    async def test_definition_is_disabled_for_a_time_and_keeps_its_place(self, bench: Bench) -> None:
        """A disabled definition says so, after a restart too, and comes back where it was in the order."""
        for version in ("1", "2"):
            made = bench.store.begin()
            made.define(_definition("d", version))
            await made.queue()
        for disabled in (True, False):
            made = bench.store.begin()
            made.disable("d", "digest 1", disabled)
            await made.queue()
            await bench.reopen()
            assert [(each.version, each.disabled, each.may_start) for each in await bench.store.definitions()] == [
                ("1", disabled, not disabled),
                ("2", False, True),
            ]


def _instance(
    id: str,  # noqa: A002
    *,
    status: Any = "waiting",
    due: float | None = None,
    revision: int = 1,
    updated: float = 2.0,
) -> Instance:
    frame = Frame("/states/0", 1, {"n": 1}, deadline=due)
    fibers = [Fiber(1, 0, 0, [frame], "sleep")]
    return Instance("default", id, "d", "1", "x", status, 1.0, updated, revision=revision, data={"n": 1}, fibers=fibers)


def _save(transaction: Transaction, instance: Instance) -> None:
    transaction.save(instance, codec.encode(instance), _CAUSES)


def _definition(id: str, version: str) -> DefinitionRow:  # noqa: A002
    return DefinitionRow(id, version, f"digest {version}", "d.yaml", "text", b"{}", 1.0)


def _event(name: str) -> dict[str, Any]:
    return {"specversion": "1.0", "id": name, "source": "/s", "type": "t", "data": {"n": name}}


async def _kept(transaction: Transaction, definition: str, channel: str | None, key: str | None) -> list[Kept]:
    return [kept async for kept in transaction.kept(definition, channel, key)]


async def _refusal(durable: Any) -> bool | None:
    """Whose fault it was that a transaction was refused; none where it was not."""
    try:
        await durable
    except StoreRefused as error:
        return error.own
    return None
