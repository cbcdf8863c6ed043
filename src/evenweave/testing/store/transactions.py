"""What a transaction sees, and that it is written whole or not at all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from evenweave.ports.store import Position, StoreRefused, Wait
from evenweave.testing.store.rows import find_fault, list_kept, make_definition, make_event, make_instance, save

if TYPE_CHECKING:
    from evenweave.testing.store.rows import Bench


class TransactionContract:
    """What a transaction sees, and that it is written whole or not at all."""

    async def test_instance_is_seen_by_transactions_once_queued_and_by_others_once_durable(self, bench: Bench) -> None:
        """What is queued only transactions see; what is durable everybody does."""
        first = bench.store.begin()
        save(first, make_instance("i"))
        assert (await first.instance("i")) is not None
        assert (await bench.store.begin().instance("i")) is None
        durable = first.queue()
        assert (await bench.store.begin().instance("i")) is not None
        await durable
        found = await bench.store.instance("i")
        assert found is not None
        assert (found.id, found.status, found.data) == ("i", "waiting", {"n": 1})

    async def test_state_survives_a_restart_whole(self, bench: Bench) -> None:
        """Everything that one transaction wrote is there after a restart."""
        made = bench.store.begin()
        save(made, make_instance("i", due=9.0))
        made.claim("d", "k", "i")
        made.listen("d", "c", "", Wait("i", 3, 0))
        made.keep("d", "c", "k", make_event("kept"), 50.0)
        made.hold("i", "c", make_event("held"))
        made.publish("i", "out", make_event("sent"))
        made.park("i", "c", make_event("parked"), "why", 7.0)
        made.advance("c", Position("log", 8))
        made.define(make_definition("d", "1"))
        assert await made.see(b"key", b"digest") == "new"
        await made.queue()
        await bench.reopen()
        store, fresh = bench.store, bench.store.begin()
        assert await fresh.claimant("d", "k") == "i"
        assert list(await fresh.waits("d", "c", "")) == [Wait("i", 3, 0)]
        assert [each.event["id"] for each in await list_kept(fresh, "d", "c", "k")] == ["kept"]
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
        save(made, make_instance("i"))
        made.claim("d", "k", "i")
        made.keep("d", "c", "", make_event("e"), 1.0)
        await made.see(b"k", b"")
        other = bench.store.begin()
        assert await other.instance("i") is None
        assert await other.claimant("d", "k") is None
        assert await list_kept(other, "d", "c", None) == []
        assert await other.see(b"k", b"") == "new"
        assert other.kept_count == 0

    async def test_refused_rows_take_everything_behind_them_along(self, bench: Bench) -> None:
        """A refused transaction says so; those queued behind it are refused as somebody else's fault, and forgotten."""
        before = bench.store.begin()
        save(before, make_instance("bad"))
        before.keep("d", "c", "", make_event("early"), 1.0)
        await before.queue()
        await bench.poison("bad")
        made = bench.store.begin()
        changed = make_instance("bad", revision=2)
        save(made, changed)
        made.claim("d", "k", "bad")
        for kept in await list_kept(made, "d", "c", None):
            made.unkeep("d", kept)
        guilty = made.queue()
        behind = bench.store.begin()
        save(behind, make_instance("good"))
        innocent = behind.queue()
        stale = bench.store.begin()
        save(stale, make_instance("stale"))
        assert await find_fault(guilty) is True
        assert await find_fault(innocent) is False
        try:
            refused = await find_fault(stale.queue())
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
        save(again, make_instance("good"))
        await again.queue()
        assert await bench.store.instance("good") is not None

    async def test_what_comes_and_goes_in_one_transaction_leaves_nothing(self, bench: Bench) -> None:
        """An event that is held, kept or noticed and taken in the same transaction is written by nobody."""
        made = bench.store.begin()
        made.hold("i", "c", make_event("held"))
        made.unhold("i", (await made.held("i"))[0])
        made.keep("d", "c", "", make_event("kept"), 50.0)
        made.unkeep("d", (await list_kept(made, "d", "c", None))[0])
        made.notify("i", "ended", b"")
        made.drop_notice("i", (await made.notices("i"))[0])
        assert (list(await made.held("i")), list(await made.notices("i")), made.kept_count) == ([], [], 0)
        before = bench.store.begin()
        before.keep("d", "c", "", make_event("stays"), 50.0)
        async with asyncio.timeout(20):
            await asyncio.gather(before.queue(), made.queue())
        found = await bench.store.census()
        assert (found.kept, found.held, list(await bench.store.noticed(0, 9))) == (1, 0, [])
