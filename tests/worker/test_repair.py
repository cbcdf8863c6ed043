"""Faulted instances are repaired, and instances move to other versions: one, or many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from worker_house import ANSWER, ASK, House, answer, asking, consumed, event, flow, sleeping, waiting

from evenweave.engine.life import NotAllowed
from evenweave.engine.migration import CannotMigrate
from evenweave.engine.patching import BadPatch
from evenweave.ports.store import Which
from evenweave.worker.refusals import NotFound, NotPossible
from evenweave.worker.repair import Repair

if TYPE_CHECKING:
    from evenweave.worker.view import InstanceView


def counting(expression: str, version: str = "1", *more: dict[str, Any]) -> bytes:
    """A definition that computes a number from the order's total, and fails where that is none."""
    state = {
        "name": "count",
        "type": "inject",
        "data": {},
        "stateDataFilter": {"output": f"${{ {{order: .order, n: ({expression})}} }}"},
    }
    return flow("counting", state, *more, events=[], version=version)


BROKEN = counting(".order.total * 2 | tonumber")


async def start(house: House, data: Any, definition: str = "counting") -> InstanceView:
    """Start an instance, and look at it."""
    one = await house.engine.start_instance(definition, data)
    await house.settle()
    return await house.engine.instance(one)


async def look(house: House, id: str) -> InstanceView:  # noqa: A002
    """The instance as it is now."""
    await house.settle()
    return await house.engine.instance(id)


async def test_retry_runs_the_step_again_with_the_data_mended(house: House) -> None:
    """A retry without a patch faults again; with one the step and what comes after see it."""
    await house.register(BROKEN)
    one = await start(house, {"order": {"total": {"a": 1}}})
    assert one.status == "faulted"
    await house.engine.workshop.repair(one.id, Repair("retry"))
    assert (await look(house, one.id)).status == "faulted"
    await house.engine.workshop.repair(one.id, Repair("retry", patch={".order.total": 6}))
    mended = await look(house, one.id)
    assert (mended.status, mended.data, mended.reason) == ("completed", {"order": {"total": 6}, "n": 12}, None)


async def test_bad_patch_changes_nothing(house: House) -> None:
    """What is no path, or has no place in the data, is refused."""
    await house.register(BROKEN)
    one = await start(house, {"order": {"total": []}})
    for path in ("order..", ".order | tostring", ".order[0]", "empty | error"):
        with pytest.raises(BadPatch):
            await house.engine.workshop.repair(one.id, Repair("retry", patch={path: 1}))
    assert await look(house, one.id) == one


async def test_skip_goes_on_behind_the_step_with_nothing_folded(house: House) -> None:
    """The state that failed is left with the data that was there before it."""
    await house.register(counting(".order.total * {}", "1", {"name": "more", "type": "inject", "data": {"more": 1}}))
    one = await start(house, {"order": {"total": []}})
    assert one.status == "faulted"
    await house.engine.workshop.repair(one.id, Repair("skip", patch={".order.total": 5}))
    passed = await look(house, one.id)
    assert (passed.status, passed.data) == ("completed", {"order": {"total": 5}, "more": 1})


async def test_repair_needs_the_right_status(house: House) -> None:
    """Only what is faulted is retried or skipped, only what is there is repaired."""
    await house.register(flow("rest", sleeping("sleep", "PT1H"), events=[]))
    one = await start(house, {}, "rest")
    for verb in ("retry", "skip", "resume"):
        with pytest.raises(NotAllowed):
            await house.engine.workshop.repair(one.id, Repair(verb))  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        await house.engine.workshop.repair("nobody", Repair("retry"))
    with pytest.raises(NotPossible, match="already"):
        await house.engine.workshop.repair(one.id, Repair("migrate"))
    with pytest.raises(NotFound, match='no version "9"'):
        await house.engine.workshop.repair(one.id, Repair("migrate", to="9"))


async def test_migration_takes_waits_along(house: House) -> None:
    """A waiting instance finishes by the new version, and is found by what that version waits for."""
    events = [consumed("A"), consumed("B", "orderid"), consumed("C")]
    begin, then = waiting("begin", "A"), waiting("then", "B")
    await house.register(flow("v", begin, then, events=events, version="1"))
    await house.publish(event("1", "a", orderid="o1"))
    (one,) = await house.instances()
    after = {"name": "after", "type": "inject", "data": {"by": 2}}
    await house.register(flow("v", begin, then, after, events=events, version="2"))
    await house.engine.workshop.repair(one.id, Repair("migrate"))
    moved = await look(house, one.id)
    assert (moved.version, moved.status, moved.waits) == ("2", "waiting", one.waits)
    await house.publish(event("2", "b", orderid="o1"))
    done = await look(house, one.id)
    assert (done.status, done.data["by"], done.data["n"]) == ("completed", 2, "2")


async def test_migration_asks_for_events_of_the_new_version_too(house: House) -> None:
    """An event that came before anybody waited for it is given to an await that migration let wait for it."""
    events = [consumed("A"), consumed("B"), consumed("C")]
    await house.register(flow("v", waiting("begin", "A"), waiting("then", "B"), events=events, version="1"))
    await house.publish(event("1", "a"))
    await house.register(flow("v", waiting("begin", "A"), waiting("then", "B", "C"), events=events, version="2"))
    await house.publish(event("early", "c"))
    assert await house.statuses() == ["waiting"]
    (one,) = await house.instances()
    await house.engine.workshop.repair(one.id, Repair("migrate"))
    assert (await look(house, one.id)).status == "completed"


async def test_reply_finds_its_task_after_migration(house: House) -> None:
    """An echo names an activation, which migration keeps; the trigger is not published again."""
    await house.register(flow("v", waiting("begin", "A"), asking("ask"), events=[consumed("A"), ASK, ANSWER]))
    await house.publish(event("1", "a"))
    (one,) = await house.instances()
    more = {"name": "more", "type": "inject", "data": {"by": 2}}
    await house.register(
        flow("v", waiting("begin", "A"), asking("ask"), more, events=[consumed("A"), ASK, ANSWER], version="2")
    )
    await house.engine.workshop.repair(one.id, Repair("migrate"))
    (ask,) = await house.log("ask")
    await house.publish(answer(ask), channel="answer")
    done = await look(house, one.id)
    assert (done.status, done.data["by"]) == ("completed", 2)


async def test_migration_refuses_with_a_list_of_what_is_missing(house: House) -> None:
    """Places of another kind or name, and events that are not waited for any more, are named, and nothing changes."""
    events = [consumed("A"), consumed("B"), consumed("C")]
    await house.register(flow("v", waiting("begin", "A"), waiting("then", "B"), events=events, version="1"))
    await house.publish(event("1", "a"))
    (one,) = await house.instances()
    others = {
        "2": (waiting("begin", "A"), waiting("then", "C")),
        "3": (waiting("begin", "A"), sleeping("then", "PT1S")),
        "4": (waiting("begin", "A"), sleeping("between", "PT1S"), waiting("then", "B")),
        "5": (waiting("begin", "A"),),
    }
    found = {}
    for version, states in others.items():
        await house.register(flow("v", *states, events=events, version=version))
        with pytest.raises(CannotMigrate) as refused:
            await house.engine.workshop.repair(one.id, Repair("migrate", to=version))
        found[version] = [(each.reference, each.title) for each in refused.value.missing]
    assert found == {
        "2": [("/states/1/onEvents", 'it does not wait for "B"')],
        "3": [("/states/1/onEvents", "there is no such await")],
        "4": [("/states/1", 'it is "then", and "between" in the other version')],
        "5": [("/states/1", "there is no such step")],
    }
    assert await look(house, one.id) == one
    await house.publish(event("2", "b"))
    assert (await look(house, one.id)).status == "completed"


async def test_migration_refuses_other_correlation_keys(house: House) -> None:
    """An instance that stands for a key does not move to a version whose starts have no such key."""
    await house.register(flow("v", waiting("b", "A"), waiting("t", "B"), events=[consumed("A", "x"), consumed("B")]))
    await house.publish(event("1", "a", x="1"))
    (one,) = await house.instances()
    events = [consumed("A", "y"), consumed("B")]
    await house.register(flow("v", waiting("b", "A"), waiting("t", "B"), events=events, version="2"))
    with pytest.raises(CannotMigrate, match="correlates by x"):
        await house.engine.workshop.repair(one.id, Repair("migrate"))


async def test_version_goes_with_its_last_instance_that_migrates(house: House) -> None:
    """A deleted version is gone as soon as its instances have moved."""
    rest = sleeping("rest", "PT1H")
    await house.register(flow("v", rest, events=[], version="1"))
    one = await start(house, {}, "v")
    await house.register(flow("v", rest, {"name": "end", "type": "inject", "data": {"by": 2}}, events=[], version="2"))
    await house.engine.remove("v", "1")
    await house.engine.workshop.repair(one.id, Repair("migrate"))
    await house.settle()
    assert [each.version for each in house.engine.definitions()] == ["2"]
    await house.jump(3600)
    assert (await look(house, one.id)).data == {"by": 2}


async def test_many_are_repaired_and_what_is_refused_leaves_the_others_alone(house: House) -> None:
    """A filter pages through; each instance that is refused is listed with its reason."""
    await house.register(BROKEN)
    ids = [(await start(house, {"order": {"total": {"n": n}}})).id for n in range(5)]
    await house.command(ids[2], "cancel")
    made = await house.engine.workshop.repair_some([*ids, "nobody"], Repair("retry", patch={".order.total": 2}))
    assert set(made.done) == set(ids) - {ids[2]}
    assert {each.id: each.reason for each in made.left} == {
        ids[2]: "an instance that is cancelled cannot retry",
        "nobody": "no instance nobody",
    }
    assert await house.statuses() == ["completed", "completed", "cancelled", "completed", "completed"]


async def test_thousand_faulted_instances_are_retried_on_the_mended_version(house: House) -> None:
    """One filter retries a thousand on the new version, a page at a time, and all complete."""
    await house.register(BROKEN)
    for n in range(1000):
        await house.engine.start_instance("counting", {"order": {"total": {"n": n}}})
    assert len(await house.engine.instances(status="faulted", limit=2000)) == 1000
    await house.register(counting(".order.total.n * 2", "2"))
    after: int | None = 0
    done: list[str] = []
    while after is not None:
        page = await house.engine.workshop.repair_page(
            Which(status="faulted", definition="counting"), Repair("retry", migrate=True), after=after, limit=200
        )
        assert page.left == []
        done += page.done
        after = page.after
    assert len(set(done)) == 1000
    await house.settle()
    assert len(await house.engine.instances(Which(status="completed", version="2"), limit=2000)) == 1000
    last = await look(house, done[-1])
    assert last.data["n"] == 2 * last.data["order"]["total"]["n"]


async def test_disabled_version_lets_the_one_before_start_instances(house: House) -> None:
    """A version is disabled and enabled; the one that starts instances is the newest that may."""
    rest = sleeping("rest", "PT1H")
    for version in ("1", "2"):
        await house.register(flow("v", rest, events=[], version=version))
    versions = [(await start(house, {}, "v")).version]
    await house.engine.disable("v", "2")
    versions.append((await start(house, {}, "v")).version)
    await house.engine.disable("v", "1")
    with pytest.raises(NotFound):
        await start(house, {}, "v")
    await house.engine.disable("v", "2", disabled=False)
    versions.append((await start(house, {}, "v")).version)
    assert versions == ["2", "1", "2"]
    with pytest.raises(NotFound):
        await house.engine.disable("v", "3")
    assert [(each.version, each.active, each.disabled) for each in house.engine.definitions()] == [
        ("1", True, True),
        ("2", True, False),
    ]


async def test_rolled_back_version_gives_its_channels_back(house: House) -> None:
    """Deleting the newest version subscribes to what the one before begins with."""
    await house.register(flow("v", waiting("b", "A"), events=[consumed("A")], version="1"))
    await house.register(flow("v", waiting("b", "B"), events=[consumed("B")], version="2"))
    await house.engine.remove("v", "2")
    await house.publish(event("1", "a"))
    await house.settle()
    assert [(each.version, each.status) for each in await house.instances()] == [("1", "completed")]


async def test_events_of_a_disabled_definition_wait_in_the_log(house: House) -> None:
    """What comes while nothing starts is taken once the definition is enabled again."""
    await house.register(flow("v", waiting("b", "A"), events=[consumed("A")]))
    await house.engine.disable("v", "1")
    await house.publish(event("1", "a"))
    assert await house.statuses() == []
    await house.engine.disable("v", "1", disabled=False)
    await house.settle()
    assert await house.statuses() == ["completed"]


async def test_instances_are_found_by_key_and_by_data(house: House) -> None:
    """A correlation key of a live instance is looked up; other values are compared with the data."""
    events = [consumed("A", "orderid"), consumed("B", "orderid")]
    await house.register(flow("keyed", waiting("begin", "A"), waiting("then", "B"), events=events))
    await house.publish(
        *[event(str(n), "a", orderid=f"o{n}", data={"order": {"id": f"p{n}", "n": n}}) for n in range(3)]
    )
    ids = [each.id for each in await house.instances()]

    async def found(**wanted: Any) -> list[str]:
        names = {name.replace("_", "."): value for name, value in wanted.items()}
        return [each.id for each in await house.engine.search(Which(), names)]

    assert await found(orderId="o1") == [ids[1]]
    assert await found(order_id="p2") == [ids[2]]
    assert await found(order_id="p2", order_n="2") == [ids[2]]
    assert await found(order_id="p2", order_n="1") == []
    assert [each.id for each in await house.engine.search(Which(), {"order.n": "1"}, after=2)] == []
    await house.publish(event("end", "b", orderid="o0"))
    assert [each.id for each in await house.engine.search(Which(status="completed"), {"n": "end"})] == [ids[0]]
