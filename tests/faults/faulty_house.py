"""An engine with everything around it, in memory, on a clock that is moved by hand; a shop that is asked things."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenweave.adapters.clocks import JumpingClock
    from evenweave.app import Whole

SERVICE = b"""
asyncapi: 2.2.0
info: {title: Shop, version: '1'}
channels:
  ask: {publish: {operationId: ask, message: {name: Ask, payload: {type: object}}}}
  answer: {subscribe: {operationId: answer, message: {name: Answer, payload: {type: object}}}}
"""
EVENTS = [
    {"name": "Begun", "type": "begun", "source": "", "kind": "consumed"},
    {"name": "Ask", "type": "asyncapi", "kind": "produced", "source": "file://shop.yaml#ask"},
    {"name": "Answer", "type": "asyncapi", "kind": "consumed", "source": "file://shop.yaml#answer"},
]


def flow(id: str, *states: dict[str, Any]) -> bytes:  # noqa: A002
    """A definition that begins with `begun`, and whose states follow one another."""
    begin = {"name": "begin", "type": "event", "onEvents": [{"eventRefs": ["Begun"]}]}
    chain = [begin, *states]
    for state, following in pairwise(chain):
        state["transition"] = following["name"]
    chain[-1]["end"] = True
    head = {"id": id, "name": id, "version": "1", "specVersion": "0.8"}
    return json.dumps(head | {"events": EVENTS, "states": chain}).encode()


def asking(results: str | None = None) -> dict[str, Any]:
    """A state that asks the shop, and makes something of what it answers."""
    action: dict[str, Any] = {"name": "ask", "eventRef": {"triggerEventRef": "Ask", "resultEventRef": "Answer"}}
    if results is not None:
        action["actionDataFilter"] = {"results": results}
    return {"name": "ask", "type": "operation", "actions": [action]}


def begun(name: str, **data: Any) -> dict[str, Any]:
    """The event with which an instance begins."""
    return {"specversion": "1.0", "id": name, "source": "/test", "type": "begun", "data": {"name": name, **data}}


def answer(ask: dict[str, Any], name: str, **rest: Any) -> dict[str, Any]:
    """An answer of the shop, echoing what it was asked."""
    echo = {key: ask[key] for key in ("workflowinstanceid", "workflowtaskinstanceid")}
    return {"specversion": "1.0", "id": name, "source": "/shop", "type": "Answer", "subject": "answer", **echo, **rest}


class House:
    """The engine, its broker and the clock."""

    def __init__(self, whole: Whole, clock: JumpingClock) -> None:
        self.whole = whole
        self.engine = whole.engine
        self.clock = clock

    async def settle(self) -> None:
        """Let everything run that can: in memory nothing waits for a disk."""
        for _ in range(120):
            await asyncio.sleep(0)

    async def publish(self, channel: str, *events: dict[str, Any]) -> None:
        """Publish events at once, and let the engine take them."""
        await self.whole.broker.publish([(channel, each) for each in events])
        await self.settle()

    async def log(self, channel: str) -> list[dict[str, Any]]:
        """Every event of a channel."""
        probe = await self.whole.broker.subscribe(f"probe of {channel}", [channel], mode="read")
        found = await self.whole.broker.read(probe.id, {channel: (probe.positions[channel][0], 0)}, 1000)
        return [each.event for each in found]

    async def statuses(self) -> list[str]:
        """The status of every instance, oldest first."""
        return [each.status for each in await self.engine.instances()]

    async def jump(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.jump(seconds)
        await self.settle()

    async def set(self, seconds: float) -> None:
        """Put the clock that people read forward or back: no time passes."""
        self.clock.set(self.clock.now() + round(seconds * 1000))
        await self.settle()
