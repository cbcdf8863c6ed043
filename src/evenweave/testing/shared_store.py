"""The contract suite of a store that several workers share (`evenweave.ports.store`, PROTOCOL section 2, PostgreSQL).

A store's tests derive a class from `SharedStoreContract` and give it a fixture `pair`:

    class TestMySharedStore(SharedStoreContract):
        @pytest.fixture
        async def pair(self): ...

Two workers look something up, and then both write what they made of it: the second one must be refused, as a conflict,
and find on its second try what the first one left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from evenweave.ports.store import DefinitionRow, Expected, PendingCall, StoreConflict, Wait
from evenweave.testing.store.rows import list_kept, make_event, make_instance, save

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from evenweave.ports.store import Store, Transaction


class Pair(Protocol):
    """Two workers' stores on one database, empty at first.

    Attributes:
        one: The first.
        two: The second.
    """

    one: Store
    two: Store

    async def kill_one(self) -> None:
        """Let the first one be gone as after a crash, its lease over."""


class SharedStoreContract:
    """What every store must do that several workers share."""

    async def test_instance_that_another_worker_moved_is_a_conflict(self, pair: Pair) -> None:
        """Two workers that step the same state do not both write it, expected or not; the loser sees the winner's."""
        assert pair.one.is_shared
        made = pair.one.begin()
        save(made, make_instance("i"))
        await made.queue()
        for announced in (False, True):
            first, second = await _begin(pair, Expected(instances=["i"]) if announced else None)
            states = [await each.instance("i") for each in (first, second)]
            assert all(state is not None for state in states)
            revision = states[0].revision + 1  # type: ignore[union-attr]
            save(first, make_instance("i", revision=revision, number=revision))
            save(second, make_instance("i", revision=revision, number=-1))
            await first.queue()
            assert await _is_conflict(second)
            again = pair.two.begin()
            await again.expect(Expected(instances=["i"]))
            found = await again.instance("i")
            assert found is not None
            assert (found.revision, found.data) == (revision, {"n": revision})

    async def test_event_is_taken_once(self, pair: Pair) -> None:
        """Of two workers that take the same event for new one is refused, and told the second time."""
        expected = Expected(events=[(b"key", b"digest")])
        first, second = await _begin(pair, expected)
        assert [await each.see(b"key", b"digest") for each in (first, second)] == ["new", "new"]
        await first.queue()
        assert await _is_conflict(second)
        again = pair.two.begin()
        await again.expect(expected)
        assert await again.see(b"key", b"digest") == "again"
        assert await again.see(b"key", b"other") == "changed"

    async def test_instance_is_started_once(self, pair: Pair) -> None:
        """Of two workers that start the same instance one is refused, and told the second time."""
        for name in ("started", "deleted"):
            first, second = await _begin(pair, Expected())
            assert not await first.known(name)
            assert not await second.known(name)
            for each in (first, second):
                save(each, make_instance(name, status="completed"))
            await first.queue()
            if name == "deleted":
                removing = pair.one.begin()
                removing.remove_instance(make_instance(name, status="completed"), 1.0)
                await removing.queue()
            assert await _is_conflict(second)
            again = pair.two.begin()
            await again.expect(Expected())
            assert await again.known(name)

    async def test_key_is_claimed_once(self, pair: Pair) -> None:
        """Two instances never stand for one key; whoever comes second finds the first."""
        first, second = await _begin(pair, Expected(claims=[("d", "k")]))
        for number, each in enumerate((first, second)):
            assert await each.claimant("d", "k") is None
            save(each, make_instance(f"i{number}"))
            each.claim("d", "k", f"i{number}")
        await first.queue()
        assert await _is_conflict(second)
        assert await pair.two.begin().claimant("d", "k") == "i0"

    async def test_wait_and_event_never_miss_each_other(self, pair: Pair) -> None:
        """A worker that keeps an event and one that adds a wait for it: the second is refused and finds the first."""
        for number, (key, event_first) in enumerate((k, f) for k in ("", "k") for f in (False, True)):
            channel = f"c{number}"
            keeping, waiting = pair.one.begin(), pair.two.begin()
            for each in (keeping, waiting):
                await each.expect(Expected(waits=[("d", channel, key)]))
            assert not list(await keeping.waits("d", channel, key))
            keeping.keep("d", channel, key, make_event("early"), 50.0)
            wait = Wait(f"i{number}", 3, 0)
            save(waiting, make_instance(wait.instance))
            waiting.listen("d", channel, key, wait)
            assert await list_kept(waiting, "d", channel, key or None) == []
            order = (keeping, waiting) if event_first else (waiting, keeping)
            await order[0].queue()
            assert await _is_conflict(order[1])
            again = (pair.two if event_first else pair.one).begin()
            await again.expect(Expected(waits=[("d", channel, key)]))
            if event_first:
                assert again.kept_count > 0
                assert [each.event["id"] for each in await list_kept(again, "d", channel, key or None)] == ["early"]
            else:
                assert list(await again.waits("d", channel, key)) == [wait]

    async def test_two_that_find_nobody_never_miss_each_other(self, pair: Pair) -> None:
        """Two workers whose events need each other, and that both wait for the other's: one is refused, and joins."""
        for number, (mine, theirs) in enumerate((("k", "k"), ("", ""), ("k", ""))):
            made = [pair.one.begin(), pair.two.begin()]
            channels = [f"c{number}", f"d{number}"]
            for each, channel in zip(made, channels, strict=True):
                await each.expect(Expected(waits=[("d", channel, key) for key in ("k", "")]))
                for key in ("k", ""):
                    assert not list(await each.waits("d", channel, key))
                    each.unmatched("d", channel, key)
            for each, channel, key in zip(made, reversed(channels), (mine, theirs), strict=True):
                name = f"i-{channel}"
                save(each, make_instance(name))
                each.listen("d", channel, key, Wait(name, 3, 0))
            await made[0].queue()
            assert await _is_conflict(made[1])
            again = pair.two.begin()
            assert list(await again.waits("d", channels[1], mine)) == [Wait(f"i-{channels[1]}", 3, 0)]

    async def test_what_nobody_waits_for_is_no_conflict(self, pair: Pair) -> None:
        """A worker that found nobody is not refused for waits that it knew, or that are somewhere else."""
        before = pair.two.begin()
        save(before, make_instance("known"))
        before.listen("d", "c", "", Wait("known", 3, 0))
        await before.queue()
        looking, other = pair.one.begin(), pair.two.begin()
        assert list(await looking.waits("d", "c", "")) == [Wait("known", 3, 0)]
        looking.unmatched("d", "c", "")
        save(looking, make_instance("i"))
        save(other, make_instance("other"))
        other.listen("d", "c", "k", Wait("other", 3, 0))
        await other.queue()
        assert not await _is_conflict(looking)

    async def test_wait_without_key_and_event_with_key_never_miss_each_other(self, pair: Pair) -> None:
        """An event with a key also reaches those who wait without one."""
        keeping, waiting = pair.one.begin(), pair.two.begin()
        for key in ("k", ""):
            assert not list(await keeping.waits("d", "c", key))
        keeping.keep("d", "c", "k", make_event("early"), 50.0)
        save(waiting, make_instance("i"))
        waiting.listen("d", "c", "", Wait("i", 3, 0))
        await keeping.queue()
        assert await _is_conflict(waiting)

    async def test_wait_with_key_and_event_kept_without_one_never_miss_each_other(self, pair: Pair) -> None:
        """An event that may have several keys is kept without one: a wait with a key is told of it, asked or not."""
        for number, (event_first, asking) in enumerate((f, a) for f in (False, True) for a in (False, True)):
            channel = f"c{number}"
            keeping, waiting = await _begin(pair, Expected(waits=[("d", channel, "k"), ("d", channel, "")]))
            for key in ("k", ""):
                assert not list(await keeping.waits("d", channel, key))
            keeping.keep("d", channel, "", make_event("early"), 50.0)
            save(waiting, make_instance(f"i{number}"))
            waiting.listen("d", channel, "k", Wait(f"i{number}", 3, 0))
            for key in ("k", "") if asking else ():
                assert await list_kept(waiting, "d", channel, key) == []
            order = (keeping, waiting) if event_first else (waiting, keeping)
            await order[0].queue()
            assert await _is_conflict(order[1])

    async def test_event_that_only_a_later_batch_has_seen_is_news_for_the_earlier(self, pair: Pair) -> None:
        """An event that comes between two batches of a worker, which are written together, is not missed by the first.

        So it is with a wait that comes between one that keeps an event and a later one that has seen the wait.
        """
        for key in ("", "k"):
            waiting, later = pair.one.begin(), pair.one.begin()
            wait = Wait(f"i{key}", 3, 0)
            save(waiting, make_instance(wait.instance))
            waiting.listen("d", f"c{key}", key, wait)
            assert await list_kept(waiting, "d", f"c{key}", key or None) == []
            keeping = pair.two.begin()
            assert not list(await keeping.waits("d", f"c{key}", key))
            keeping.keep("d", f"c{key}", key, make_event("early"), 50.0)
            await keeping.queue()
            assert len(await list_kept(later, "d", f"c{key}", key or None)) == 1
            first, second = waiting.queue(), later.queue()
            assert await _has_conflict(first)
            assert await _has_conflict(second)

            keeping, later = pair.two.begin(), pair.two.begin()
            assert not list(await keeping.waits("d", f"e{key}", key))
            keeping.keep("d", f"e{key}", key, make_event("early"), 50.0)
            waiting = pair.one.begin()
            save(waiting, make_instance(wait.instance))
            waiting.listen("d", f"e{key}", key, wait)
            assert await list_kept(waiting, "d", f"e{key}", key or None) == []
            await waiting.queue()
            assert list(await later.waits("d", f"e{key}", key)) == [wait]
            first, second = keeping.queue(), later.queue()
            assert await _has_conflict(first)
            assert await _has_conflict(second)

    async def test_wait_that_did_not_ask_is_told_whatever_another_wait_asked(self, pair: Pair) -> None:
        """Of two new waits of one batch the one that looked for kept events does not speak for the other one."""
        made, keeping = pair.one.begin(), pair.two.begin()
        assert made.kept_count == 0
        for name in ("k", "l"):
            save(made, make_instance(name))
            made.listen("d", "c", name, Wait(name, 3, 0))
        made.keep("d", "c", "", make_event("own"), 50.0)
        assert await list_kept(made, "d", "c", "l") == []
        async for kept in made.kept("d", "c", ""):
            assert kept.event["id"] == "own"
            break  # it takes this one
        for key in ("k", ""):
            assert not list(await keeping.waits("d", "c", key))
        keeping.keep("d", "c", "", make_event("early"), 50.0)
        await keeping.queue()
        assert await _is_conflict(made)

    async def test_event_that_comes_between_two_looks_of_a_batch_is_a_conflict(self, pair: Pair) -> None:
        """A batch that looks twice where meanwhile an event, or a wait, has come is told so, not misled."""
        made, keeping = pair.one.begin(), pair.two.begin()
        assert await list_kept(made, "d", "c", "k") == []
        keeping.keep("d", "c", "k", make_event("early"), 50.0)
        await keeping.queue()
        assert await _has_conflict(list_kept(made, "d", "c", None))
        made, waiting = pair.one.begin(), pair.two.begin()
        assert not list(await made.waits("d", "e", "k"))
        save(waiting, make_instance("i"))
        waiting.listen("d", "e", "k", Wait("i", 3, 0))
        await waiting.queue()
        assert await _has_conflict(made.waits("d", "e", "k"))

    async def test_start_takes_what_is_kept_under_its_key_meanwhile(self, pair: Pair) -> None:
        """A worker that keeps an event under a key, on whatever channel, and one whose instance claims that key."""
        for number, event_first in enumerate((False, True)):
            key = f"k{number}"
            keeping, starting = await _begin(pair, Expected(claims=[("d", key)]))
            assert await keeping.claimant("d", key) is None
            keeping.keep("d", "any", key, make_event("early"), 50.0)
            assert await starting.claimant("d", key) is None
            save(starting, make_instance(f"i{number}"))
            starting.claim("d", key, f"i{number}")
            assert await list_kept(starting, "d", None, key) == []
            order = (keeping, starting) if event_first else (starting, keeping)
            await order[0].queue()
            assert await _is_conflict(order[1])

    async def test_kept_event_is_given_once(self, pair: Pair) -> None:
        """Two workers that give out the same kept event: one is refused."""
        made = pair.one.begin()
        made.keep("d", "c", "", make_event("kept"), 50.0)
        await made.queue()
        first, second = pair.one.begin(), pair.two.begin()
        for each in (first, second):
            (kept,) = await list_kept(each, "d", "c", None)
            each.unkeep("d", kept)
        await first.queue()
        assert await _is_conflict(second)
        assert await list_kept(pair.two.begin(), "d", "c", None) == []

    async def test_batch_by_older_definitions_is_a_conflict(self, pair: Pair) -> None:
        """What was made with a table of definitions that is not the newest any more is made again."""
        version = await pair.one.version()
        assert await pair.two.version() == version
        defining, stale = pair.one.begin(), pair.two.begin()
        defining.rely(version)
        stale.rely(version)
        defining.define(DefinitionRow("d", "1", "x", "d.yaml", "text", b"{}", 1.0))
        save(stale, make_instance("i"))
        await defining.queue()
        assert await _is_conflict(stale)
        assert await pair.two.version() == version + 1
        fresh = pair.two.begin()
        fresh.rely(version + 1)
        save(fresh, make_instance("i"))
        await fresh.queue()

    async def test_definition_with_a_live_instance_is_not_removed(self, pair: Pair) -> None:
        """An instance that another worker started meanwhile keeps its definition."""
        made = pair.one.begin()
        made.define(DefinitionRow("d", "1", "x", "d.yaml", "text", b"{}", 1.0))
        await made.queue()
        made = pair.two.begin()
        save(made, make_instance("i"))
        await made.queue()
        removing = pair.one.begin()
        removing.remove_definition("d", "x")
        assert await _is_conflict(removing)
        assert [each.id for each in await pair.two.definitions()] == ["d"]

    async def test_result_of_a_call_that_another_worker_took_over_counts_once(self, pair: Pair) -> None:
        """A worker whose lease was over may come back with a result: of the two that bring one, the first counts."""
        made = pair.one.begin()
        save(made, make_instance("i"))
        made.call(PendingCall("i", 3, b"call"))
        await made.queue()
        assert list(await pair.two.take_over_calls(9)) == []
        await pair.kill_one()
        assert list(await pair.two.take_over_calls(9)) == [PendingCall("i", 3, b"call")]
        assert list(await pair.one.take_over_calls(9)) == []
        first, second = await _begin(pair, Expected(instances=["i"]))
        for number, each in enumerate((first, second)):
            assert await each.is_pending("i", 3)
            state = await each.instance("i")
            assert state is not None
            save(each, make_instance("i", revision=state.revision + 1, number=number))
            each.end_call("i", 3)
        await first.queue()
        assert await _is_conflict(second)
        again = pair.two.begin()
        assert not await again.is_pending("i", 3)
        found = await again.instance("i")
        assert found is not None
        assert found.data == {"n": 0}

    async def test_events_of_a_worker_that_is_gone_are_adopted_once(self, pair: Pair) -> None:
        """What a worker has to publish no other one sees, until it is gone: then one that lives takes it over."""
        made = pair.one.begin()
        for number in range(3):
            made.publish("i", "out", make_event(str(number)))
        await made.queue()
        assert list(await pair.two.adopt(10)) == []
        assert list(await pair.two.outbox(0, 10)) == []
        await pair.kill_one()
        assert [each.event["id"] for each in await pair.two.adopt(2)] == ["0", "1"]
        assert [each.event["id"] for each in await pair.two.adopt(2)] == ["2"]
        assert list(await pair.two.adopt(2)) == []
        assert [each.event["id"] for each in await pair.two.outbox(0, 10)] == ["0", "1", "2"]


async def _begin(pair: Pair, expected: Expected | None) -> tuple[Transaction, Transaction]:
    made = pair.one.begin(), pair.two.begin()
    if expected is not None:
        for each in made:
            await each.expect(expected)
    return made


async def _is_conflict(transaction: Transaction) -> bool:
    return await _has_conflict(transaction.queue())


async def _has_conflict(work: Awaitable[object]) -> bool:
    try:
        await work
    except StoreConflict as error:
        return not error.own
    return False
