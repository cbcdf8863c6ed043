"""The engine with a Runtime and a Catalog elsewhere: PROTOCOL section 4, between two databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from three_parts import ORDER, Parts, answer, new, read_all, shop, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LOUD = b"""
id: loud
name: loud
version: '1'
specVersion: '0.8'
events:
  - {name: Tell, type: asyncapi, kind: produced, source: 'file://shop.yaml#tell'}
states:
  - name: say
    type: operation
    actions:
      - eventRef: {triggerEventRef: Tell, data: '${ {one: .x, two: .x} }'}
    transition: rest
  - {name: rest, type: sleep, duration: PT1H, end: true}
"""


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """All three, running."""
    parts = Parts(tmp_path)
    await parts.start()
    yield parts
    await parts.stop()


async def asked(parts: Parts, number: int) -> list[dict[str, Any]]:
    """Every question in the log, once so many are there: instances are durable before what they publish is sent."""

    async def count() -> int:
        return len(await read_all(parts.broker, "ask"))

    await until(count, number)
    return await read_all(parts.broker, "ask")


async def test_orders_run_through_three_databases(parts: Parts) -> None:
    """Orders end, and each is told of once, while two copies of a service share the work."""
    assert parts.engine is not None
    await parts.engine.engine.register("order.yaml", ORDER)
    async with shop(parts.broker), shop(parts.broker):
        await parts.broker.publish([("new", new(str(number))) for number in range(50)])
        await until(parts.statuses, ["completed"] * 50)

    async def count() -> int:
        return len(await read_all(parts.broker, "tell"))

    await until(count, 50)
    told = await read_all(parts.broker, "tell")
    assert sorted(int(each["data"]["order"]) for each in told) == list(range(50))
    assert len({each["id"] for each in told}) == 50


async def test_publishing_waits_for_the_runtime_and_keeps_its_order(parts: Parts) -> None:
    """What is published while the Runtime is away goes out when it is back: in order, each id once."""
    assert parts.engine is not None
    await parts.engine.engine.register("loud.yaml", LOUD)
    await parts.stop_runtime()
    ids = [await parts.engine.engine.start_instance("loud", {"x": number}) for number in range(30)]
    await parts.start_runtime()

    async def told() -> list[int]:
        return [each["data"]["one"] for each in await read_all(parts.broker, "tell")]

    await until(told, list(range(30)))
    assert [each["workflowinstanceid"] for each in await read_all(parts.broker, "tell")] == ids
    assert await parts.statuses() == ["waiting"] * 30


async def test_what_was_not_published_goes_out_after_a_restart(parts: Parts) -> None:
    """Outbox rows survive the engine: it publishes them when both are back, once, in order."""
    assert parts.engine is not None
    await parts.engine.engine.register("loud.yaml", LOUD)
    await parts.stop_runtime()
    for number in range(10):
        await parts.engine.engine.start_instance("loud", {"x": number})
    await parts.stop_engine()
    await parts.start_engine()
    await parts.start_runtime()

    async def told() -> list[int]:
        return [each["data"]["one"] for each in await read_all(parts.broker, "tell")]

    await until(told, list(range(10)))


async def test_event_that_the_runtime_refuses_faults_its_instance_alone(parts: Parts) -> None:
    """A 4xx is final: the event is parked, its instance faulted with the reason, and the others are published."""
    assert parts.engine is not None
    engine = parts.engine.engine
    await engine.register("loud.yaml", LOUD)
    await parts.stop_runtime()
    await engine.start_instance("loud", {"x": 1})
    bad = await engine.start_instance("loud", {"x": "y" * 600_000})
    await engine.start_instance("loud", {"x": 3})
    await parts.start_runtime()
    await until(parts.statuses, ["waiting", "faulted", "waiting"])
    reason = (await engine.instance(bad)).reason
    assert reason is not None
    assert reason.type == "publish"
    assert "limit" in reason.title
    assert [each.instance for each in await engine.parked()] == [bad]

    async def told() -> list[int]:
        return [each["data"]["one"] for each in await read_all(parts.broker, "tell")]

    await until(told, [1, 3])


async def test_same_id_with_other_content_is_another_event(parts: Parts) -> None:
    """An id that is used again with other data begins another instance; repeated as it was it begins none."""
    assert parts.engine is not None
    await parts.engine.engine.register("order.yaml", ORDER)
    await parts.broker.publish([("new", new("1")), ("new", new("1", data={"order": "other"})), ("new", new("1"))])
    await until(parts.statuses, ["waiting"] * 2)


async def test_redelivered_events_are_not_taken_twice(parts: Parts) -> None:
    """The whole log comes again after the group was deleted at the Runtime: nothing starts or moves again."""
    assert parts.engine is not None
    await parts.engine.engine.register("order.yaml", ORDER)
    await parts.broker.publish([("new", new("1")), ("new", new("2"))])
    await until(parts.statuses, ["waiting"] * 2)
    group = next(each for each in await parts.broker.subscriptions() if each.group == "evenweave.engine")
    await parts.broker.unsubscribe(group.id)
    await parts.broker.publish([("new", new("3"))])
    await until(parts.statuses, ["waiting"] * 3)
    await asked(parts, 3)


async def test_runtime_that_lost_its_folder_is_read_from_its_beginning(parts: Parts) -> None:
    """With a new log the engine subscribes again and takes what is in it; what it took before stays taken."""
    assert parts.engine is not None
    await parts.engine.engine.register("order.yaml", ORDER)
    await parts.broker.publish([("new", new("1"))])
    await asked(parts, 1)
    await parts.stop_runtime()
    parts.lose("runtime")
    await parts.start_runtime()
    await parts.broker.publish([("new", new("1")), ("new", new("2"))])
    await until(parts.statuses, ["waiting"] * 2)
    assert [each["data"]["order"] for each in await asked(parts, 1)] == ["2"]


async def test_engine_that_lost_its_folder_resumes_where_its_group_acknowledged(parts: Parts) -> None:
    """Definitions that are registered again, one by one, get what was not acknowledged; old replies are late."""
    assert parts.engine is not None
    second = ORDER.replace(b"id: order", b"id: second").replace(b"[New]", b"[Other]")
    second = second.replace(b"events:", b"events:\n  - {name: Other, type: other, source: '', kind: consumed}")
    await parts.engine.engine.register("order.yaml", ORDER)
    await parts.engine.engine.register("second.yaml", second)
    await parts.broker.publish([("new", new("1")), ("other", new("1", type="other"))])
    await until(parts.statuses, ["waiting"] * 2)

    async def acknowledged() -> bool:
        groups = [each for each in await parts.broker.subscriptions() if each.group == "evenweave.engine"]
        return all(position > 0 for channel, (_, position) in groups[0].positions.items() if channel != "answer")

    await until(acknowledged, True)
    asks = await asked(parts, 2)
    await parts.stop_engine()
    parts.lose("engine")
    await parts.broker.publish([("new", new("2")), ("other", new("2", type="other"))])
    await parts.start_engine()
    assert parts.engine is not None
    await until(parts.is_ready, True)
    await parts.engine.engine.register("order.yaml", ORDER)
    await until(parts.statuses, ["waiting"])
    await parts.broker.publish([("answer", answer(asks[0]))])

    async def dead() -> int:
        return len(await read_all(parts.broker, "dead-letter/answer"))

    await until(dead, 1)
    await parts.engine.engine.register("second.yaml", second)
    await until(parts.statuses, ["waiting"] * 2)
    await asked(parts, 4)


async def test_subscriptions_follow_the_definition(parts: Parts) -> None:
    """The Runtime's list shows what a definition made; removal takes the start channels at once, the rest later."""
    assert parts.engine is not None
    engine = parts.engine.engine

    async def channels() -> list[str]:
        groups = [each for each in await parts.broker.subscriptions() if each.group == "evenweave.engine"]
        return sorted(groups[0].positions)

    await engine.register("order.yaml", ORDER)
    assert await channels() == ["answer", "new"]
    await parts.broker.publish([("new", new("1"))])
    await until(parts.statuses, ["waiting"])
    await engine.remove("order")
    assert await channels() == ["answer"]
    (ask,) = await asked(parts, 1)
    await parts.broker.publish([("answer", answer(ask))])
    await until(parts.statuses, ["completed"])
    await until(channels, [])


async def test_registration_fails_where_the_runtime_is_away_and_leaves_nothing(parts: Parts) -> None:
    """Without the Runtime nothing is registered; with it, the same document is."""
    assert parts.engine is not None
    engine = parts.engine.engine
    await parts.stop_runtime()
    from evenweave.ports.broker import Unavailable

    with pytest.raises(Unavailable):
        await engine.register("order.yaml", ORDER)
    assert list(engine.definitions()) == []
    await parts.start_runtime()
    assert (await engine.register("order.yaml", ORDER)).created
