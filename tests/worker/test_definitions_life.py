"""Definitions come, change and go: PROTOCOL sections 1 and 4."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw
import pytest
from worker_house import ANSWER, ASK, SERVICE, House, answer, asking, consumed, event, flow, waiting

from evenweave.adapters.clocks import JumpingClock
from evenweave.app import Whole
from evenweave.worker.engine import NotFound, NotPossible

if TYPE_CHECKING:
    from pathlib import Path

ASKING = flow("asking", waiting("begin", "A"), asking("ask"), events=[consumed("A"), ASK, ANSWER])


async def channels(house: House) -> list[str]:
    """What the engine's group is subscribed to."""
    return sorted(
        channel
        for each in await house.broker.subscriptions()
        if each.group == "evenweave.engine"
        for channel in each.positions
    )


async def test_registration_subscribes_and_takes_what_is_in_the_log(house: House) -> None:
    """A definition is given the events of its channels that were published before it was registered."""
    await house.publish(event("1", "a"))
    await house.register(ASKING)
    await house.settle()
    assert await channels(house) == ["a", "answer"]
    assert await house.statuses() == ["waiting"]


async def test_same_content_is_registered_once(house: House) -> None:
    """Registering the newest definition again changes nothing and says so."""
    assert (await house.engine.register("flow.json", ASKING)).created
    assert not (await house.engine.register("flow.json", ASKING)).created
    assert len(house.engine.definitions()) == 1


async def test_new_version_serves_new_instances_and_old_ones_finish_on_theirs(house: House) -> None:
    """A running instance keeps the definition that it began with; the next one begins with the new version."""
    events = [consumed("A"), consumed("B"), consumed("C")]
    await house.register(flow("v", waiting("begin", "A"), waiting("then", "B"), events=events, version="1"))
    await house.publish(event("1", "a"))
    await house.register(flow("v", waiting("begin", "A"), waiting("then", "C"), events=events, version="2"))
    await house.publish(event("2", "a"))
    assert [(each.version, each.status) for each in await house.instances()] == [("1", "waiting"), ("2", "waiting")]
    await house.publish(event("3", "c"))
    assert await house.statuses() == ["waiting", "completed"]
    await house.publish(event("4", "b"))
    assert await house.statuses() == ["completed", "completed"]


async def test_removed_definition_gives_up_its_start_channels_at_once_and_the_rest_after_its_last_instance(
    house: House,
) -> None:
    """The channels that only start go with the definition; those that instances wait on go with the last instance."""
    await house.register(ASKING)
    await house.publish(event("1", "a"))
    await house.engine.remove("asking")
    assert await channels(house) == ["answer"]
    await house.publish(event("2", "a"))
    assert await house.statuses() == ["waiting"]
    (ask,) = await house.log("ask")
    await house.publish(answer(ask), channel="answer")
    assert await house.statuses() == ["completed"]
    assert await channels(house) == []
    assert list(house.engine.definitions()) == []
    with pytest.raises(NotFound):
        await house.engine.remove("asking")


async def test_definition_registered_again_goes_on_where_it_left(house: House) -> None:
    """Events that a definition consumed before its removal do not come again; those in between do."""
    document = flow("plain", waiting("begin", "A"), waiting("then", "B"), events=[consumed("A"), consumed("B")])
    await house.register(document)
    await house.publish(event("1", "a"), event("2", "b"))
    await house.engine.remove("plain")
    assert await channels(house) == []
    await house.publish(event("3", "a"), event("between", "b"))
    await house.register(document)
    await house.settle()
    assert [(each.status, each.data["n"]) for each in await house.instances()] == [
        ("completed", "2"),
        ("completed", "between"),
    ]


async def test_new_definition_does_not_get_old_events_of_a_known_channel(house: House) -> None:
    """A second definition on a channel gets the events from its registration on."""
    await house.register(flow("one", waiting("begin", "A"), events=[consumed("A")]))
    await house.publish(event("1", "a"))
    await house.register(flow("two", waiting("begin", "A"), events=[consumed("A")]))
    await house.publish(event("2", "a"))
    assert [each.definition for each in await house.instances()] == ["one", "one", "two"]


async def test_definition_that_no_longer_compiles_is_shown_as_broken_and_loses_nothing(tmp_path: Path) -> None:
    """A stored definition that cannot run stops nobody else; its events wait in the log, its replies inside."""
    clock = JumpingClock()
    whole = await Whole.start(tmp_path / "all.db", clock=clock)
    house = House(whole, clock)
    await whole.catalog.register("shop.yaml", SERVICE)
    await house.register(ASKING)
    await house.register(flow("fine", waiting("begin", "Answer"), events=[{**ANSWER}]))
    await house.broker.publish([("a", event("1", "a"))])
    await whole.stop()
    database = apsw.Connection(str(tmp_path / "all.db"))
    (text,) = database.execute("select document from definitions where id = 'asking'").fetchone()
    database.execute("update definitions set document = 'rubbish: [' where id = 'asking'")

    whole = await Whole.start(tmp_path / "all.db", clock=clock)
    house = House(whole, clock)
    assert [(each.id, bool(each.broken)) for each in house.engine.definitions()] == [("asking", True), ("fine", False)]
    (one,) = await house.engine.instances(definition="asking")
    (ask,) = await house.log("ask")
    await house.broker.publish([("a", event("2", "a")), ("answer", answer(ask))])
    assert await house.until(lambda: house.held(one.id), 1)
    with pytest.raises(NotPossible):
        await house.command(one.id, "cancel")
    await whole.stop()
    database.execute("update definitions set document = ? where id = 'asking'", (text,))
    database.close()

    whole = await Whole.start(tmp_path / "all.db", clock=clock)
    house = House(whole, clock)
    assert await house.until(lambda: house.count(definition="asking"), 2)
    await house.command(one.id, "suspend")
    await house.command(one.id, "resume")
    assert (await house.engine.instance(one.id)).status == "completed"
    await whole.stop()
