"""Definitions, and until when their schedules were heeded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.testing.store.rows import make_definition, make_instance, save

if TYPE_CHECKING:
    from evenweave.testing.store.rows import Bench


class DefinitionContract:
    """Definitions, and until when their schedules were heeded."""

    async def test_heeded_schedules_are_remembered_by_registration(self, bench: Bench) -> None:
        """Until when a schedule was heeded survives a restart, and goes with its definition."""
        first = bench.store.begin()
        first.define(make_definition("d", "1"))
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

    async def test_definitions_are_listed_in_the_order_of_registration(self, bench: Bench) -> None:
        """A definition that is registered again becomes the newest; one that retires starts nothing more."""
        for version in ("1", "2", "1"):
            made = bench.store.begin()
            made.define(make_definition("d", version))
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
        save(made, make_instance("i"))
        await made.queue()
        assert await bench.store.has_live("d", "x")
        assert not await bench.store.has_live("d", "y")
        made = bench.store.begin()
        save(made, make_instance("i", status="cancelled", revision=2))
        await made.queue()
        assert not await bench.store.has_live("d", "x")

    async def test_definition_is_disabled_for_a_time_and_keeps_its_place(self, bench: Bench) -> None:
        """A disabled definition says so, after a restart too, and comes back where it was in the order."""
        for version in ("1", "2"):
            made = bench.store.begin()
            made.define(make_definition("d", version))
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
