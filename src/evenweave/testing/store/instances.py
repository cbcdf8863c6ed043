"""How instances are found, counted and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.ports.store import FIRST_ENDED, Census, Ended, Wait, Which
from evenweave.testing.store.rows import make_event, make_instance, save

if TYPE_CHECKING:
    from evenweave.testing.store.rows import Bench


class InstanceContract:
    """How instances are found, counted and removed."""

    async def test_children_of_an_instance_are_found_oldest_first(self, bench: Bench) -> None:
        """The instances that one started are found by it; those of others and of nobody are not."""
        made = bench.store.begin()
        save(made, make_instance("p"))
        for name, parent in (("a", "p"), ("b", "q"), ("c", "p"), ("d", "")):
            instance = make_instance(name)
            instance.parent = (parent, 1, "terminate") if parent else None
            save(made, instance)
        await made.queue()
        assert [each.id for each in await bench.store.children("p")] == ["a", "c"]
        assert [each.id for each in await bench.store.children("p", 1)] == ["a"]
        assert list(await bench.store.children("d")) == []

    async def test_deadlines_are_listed_in_due_order(self, bench: Bench) -> None:
        """Instances are due in the order of their deadlines; suspended and ended ones are not."""
        made = bench.store.begin()
        for name, due in (("c", 30.0), ("a", 10.0), ("b", 20.0), ("never", None)):
            save(made, make_instance(name, due=due))
        save(made, make_instance("suspended", due=5.0, status="suspended"))
        await made.queue()
        assert list(await bench.store.due(20.0, 10)) == ["a", "b"]
        assert list(await bench.store.due(20.0, 1)) == ["a"]
        assert await bench.store.next_due(0.0) == 10.0
        assert await bench.store.next_due(10.0) == 20.0
        assert await bench.store.next_due(30.0) is None

    async def test_deleted_instance_leaves_a_tombstone(self, bench: Bench) -> None:
        """A deleted instance is gone with its history and inbox, and known for ever after, by queued readers too."""
        made = bench.store.begin()
        instance = make_instance("i", status="completed")
        save(made, instance)
        made.hold("i", "c", make_event("held"))
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
            save(made, make_instance(name, status=status, updated=updated))
        await made.queue()
        found = await bench.store.ended(30.0, FIRST_ENDED, 2)
        assert list(found) == [Ended(5.0, "first"), Ended(10.0, "a")]
        assert list(await bench.store.ended(30.0, found[-1], 2)) == [Ended(10.0, "b")]
        assert list(await bench.store.ended(5.0, FIRST_ENDED, 2)) == []

    async def test_forgotten_histories_leave_their_instances(self, bench: Bench) -> None:
        """The histories that are named are gone, for good; their instances and the other histories stay."""
        made = bench.store.begin()
        for name in ("a", "b", "c"):
            save(made, make_instance(name, status="completed"))
        await made.queue()
        await bench.store.forget_histories(["a", "c", "nobody"])
        await bench.reopen()
        assert [len(await bench.store.history(name)) for name in ("a", "b", "c")] == [0, 1, 0]
        assert await bench.store.instance("a") is not None

    async def test_census_counts_what_is_durable_and_has_not_ended(self, bench: Bench) -> None:
        """Live instances by definition and status, waits, kept and held events, what is parked; no ended instance."""
        assert await bench.store.census() == Census({}, 0, 0, 0, 0)
        made = bench.store.begin()
        for name, status in (("a", "waiting"), ("b", "waiting"), ("c", "faulted"), ("d", "completed")):
            instance = make_instance(name)
            instance.status = status  # type: ignore[assignment]
            save(made, instance)
        made.listen("order", "c", "k", Wait("a", 1, 0))
        made.keep("order", "c", "", {"id": "1"}, 9.0)
        made.hold("b", "c", {"id": "2"})
        made.hold("b", "c", {"id": "3"})
        made.park("c", "c", {"id": "4"}, "why", 1.0)
        durable = made.queue()
        await durable
        found = await bench.store.census()
        definition = make_instance("a").definition
        assert found.instances == {(definition, "waiting"): 2, (definition, "faulted"): 1}
        assert (found.waits, found.kept, found.held, found.parked) == (1, 1, 2, 1)

    async def test_instances_are_listed_in_pages(self, bench: Bench) -> None:
        """Pages of instances go on behind the last one, and can be narrowed."""
        made = bench.store.begin()
        for number in range(5):
            save(made, make_instance(str(number), status="completed" if number % 2 else "waiting"))
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
