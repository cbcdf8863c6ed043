"""Taking events by leases."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from evenweave.adapters.clocks import JumpingClock
from evenweave.app import RuntimePart
from evenweave.worker.leasing import HELD_S, LeaseReader

if TYPE_CHECKING:
    from pathlib import Path


class Answering:
    """A store that answers, as far as a reader asks."""

    def __init__(self) -> None:
        self.asked = 0

    async def version(self) -> int:
        """Answer."""
        self.asked += 1
        return 0


async def test_what_is_in_hand_comes_again_at_once_where_reading_begins_anew(tmp_path: Path) -> None:
    """Events of a refused transaction wait neither for the end of a long poll nor for another lease."""
    runtime = await RuntimePart.start(tmp_path)
    store = Answering()
    reader = LeaseReader(store, runtime.broker, JumpingClock(), wait_s=1_000.0)  # type: ignore[arg-type]
    reader.subscribed(await runtime.broker.subscribe("group", ["c"]))
    await runtime.broker.publish([("c", _event("1"))])
    first = await reader.read(10)
    assert [each.event["id"] for each in first] == ["1"]
    polling = asyncio.ensure_future(reader.read(10))
    await asyncio.sleep(0)
    reader.reset()
    assert list(await polling) == []
    again = await reader.read(10)
    assert [(each.event["id"], each.lease, each.attempt) for each in again] == [("1", first[0].lease, 1)]
    polling = asyncio.ensure_future(reader.read(10))
    await runtime.broker.publish([("c", _event("2"))])
    assert [each.event["id"] for each in await polling] == ["2"]
    assert store.asked > 0
    await runtime.stop()


async def test_what_was_held_for_too_long_is_not_begun_any_more(tmp_path: Path) -> None:
    """An event whose lease is about to end is left to whoever gets it next."""
    runtime = await RuntimePart.start(tmp_path)
    clock = JumpingClock()
    reader = LeaseReader(Answering(), runtime.broker, clock, wait_s=0.0)  # type: ignore[arg-type]
    reader.subscribed(await runtime.broker.subscribe("group", ["c"]))
    await runtime.broker.publish([("c", _event("1"))])
    assert len(await reader.read(10)) == 1
    reader.reset()
    assert len(await reader.read(10)) == 1
    reader.reset()
    clock.jump(HELD_S + 1)
    assert list(await reader.read(10)) == []
    await runtime.stop()


async def test_what_became_durable_is_settled(tmp_path: Path) -> None:
    """Acknowledged events are the group's no more, and do not come again."""
    runtime = await RuntimePart.start(tmp_path)
    reader = LeaseReader(Answering(), runtime.broker, JumpingClock(), wait_s=0.0)  # type: ignore[arg-type]
    reader.subscribed(await runtime.broker.subscribe("group", ["c"]))
    serving = asyncio.ensure_future(reader.run())
    await runtime.broker.publish([("c", _event("1"))])
    reader.acknowledge(await reader.read(10))
    reader.reset()
    assert list(await reader.read(10)) == []
    async with asyncio.timeout(30):
        while True:
            (lag,) = (await runtime.broker.figures()).lags
            if not lag.events:
                break
            await asyncio.sleep(0.01)
    serving.cancel()
    await runtime.stop()


def _event(name: str) -> dict[str, str]:
    return {"specversion": "1.0", "id": name, "source": "/s", "type": "t"}
