"""An engine with everything around it, in memory, on a clock that stands still until it is moved."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from evenweave.engine.causes import Command

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from evenweave.adapters.clocks import JumpingClock
    from evenweave.app import Whole
    from evenweave.worker.view import InstanceView

SERVICE = b"""
asyncapi: 2.2.0
info: {title: Shop, version: '1'}
channels:
  ask: {publish: {operationId: ask, message: {name: Ask, payload: {type: object}}}}
  answer: {subscribe: {operationId: answer, message: {name: Answer, payload: {type: object}}}}
"""


def event(name: str, type: str, **attributes: Any) -> dict[str, Any]:  # noqa: A002
    """An event; its type is its channel, where no operation names one."""
    return {"specversion": "1.0", "id": name, "source": "/test", "type": type, "data": {"n": name}, **attributes}


def consumed(name: str, *rules: str, **fixed: str) -> dict[str, Any]:
    """An event definition without an operation, with correlation rules by attribute name."""
    found: dict[str, Any] = {"name": name, "type": name.lower(), "source": "", "kind": "consumed"}
    correlation = [{"contextAttributeName": rule} for rule in rules]
    correlation += [{"contextAttributeName": rule, "contextAttributeValue": value} for rule, value in fixed.items()]
    return found | ({"correlation": correlation} if correlation else {})


def waiting(name: str, *names: str, **rest: Any) -> dict[str, Any]:
    """An event state that waits for one of the events, one after the other folded into the data."""
    return {"name": name, "type": "event", "onEvents": [{"eventRefs": [each]} for each in names], **rest}


def sleeping(name: str, duration: str, **rest: Any) -> dict[str, Any]:
    """A sleep state."""
    return {"name": name, "type": "sleep", "duration": duration, **rest}


def asking(name: str, **rest: Any) -> dict[str, Any]:
    """An operation state that asks the shop and waits for its answer."""
    action = {"eventRef": {"triggerEventRef": "Ask", "resultEventRef": "Answer"}}
    return {"name": name, "type": "operation", "actions": [action], **rest}


ASK = {"name": "Ask", "type": "asyncapi", "kind": "produced", "source": "file://shop.yaml#ask"}
ANSWER = {"name": "Answer", "type": "asyncapi", "kind": "consumed", "source": "file://shop.yaml#answer"}


def flow(id: str, *states: dict[str, Any], events: list[dict[str, Any]], version: str = "1") -> bytes:  # noqa: A002
    """A definition whose states follow one another in order."""
    chained = []
    for state, following in zip(states, [*states[1:], None], strict=True):
        then = (
            {}
            if "end" in state or "transition" in state
            else ({"end": True} if following is None else {"transition": following["name"]})
        )
        chained.append({**state, **then})
    return json.dumps(
        {"id": id, "name": id, "version": version, "specVersion": "0.8", "events": events, "states": chained}
    ).encode()


class House:
    """A Whole in memory, and what tests do with it."""

    def __init__(self, whole: Whole, clock: JumpingClock) -> None:
        self.whole = whole
        self.engine = whole.engine
        self.broker = whole.broker
        self.clock = clock

    async def register(self, document: bytes, name: str = "flow.json") -> None:
        """Register a definition."""
        await self.engine.register(name, document)

    async def settle(self) -> None:
        """Let everything run that can: in memory nothing waits for a disk."""
        for _ in range(80):
            await asyncio.sleep(0)

    async def publish(self, *events: dict[str, Any], channel: str | None = None) -> None:
        """Publish events at once, each on the channel of its type, and let the engine take them."""
        await self.broker.publish([(channel or each["type"], each) for each in events])
        await self.settle()

    async def log(self, channel: str) -> list[dict[str, Any]]:
        """Every event of a channel."""
        probe = await self.broker.subscribe(f"probe of {channel}", [channel], mode="read")
        found = await self.broker.read(probe.id, {channel: (probe.positions[channel][0], 0)}, 1000)
        return [each.event for each in found]

    async def reasons(self, channel: str) -> list[str]:
        """Why events of a channel were given up."""
        return [str(each["deadletterreason"]) for each in await self.log(f"dead-letter/{channel}")]

    async def instances(self, **where: Any) -> list[InstanceView]:
        """Every instance, oldest first."""
        return [await self.engine.instance(each.id) for each in await self.engine.instances(**where)]

    async def statuses(self) -> list[str]:
        """The status of every instance, oldest first."""
        return [each.status for each in await self.engine.instances()]

    async def count(self, **where: Any) -> int:
        """How many instances there are."""
        return len(await self.engine.instances(**where))

    async def held(self, id: str) -> int:  # noqa: A002
        """How many events wait in an instance's inbox."""
        return (await self.engine.instance(id)).held

    async def until(self, look: Callable[[], Awaitable[Any]], wanted: Any) -> bool:
        """Wait until something is as wanted, on a real disk; at most 10 s."""
        end = time.monotonic() + 10
        found = await look()
        while found != wanted and time.monotonic() < end:
            await asyncio.sleep(0.002)
            found = await look()
        assert found == wanted
        return True

    async def command(self, id: str, verb: Any) -> None:  # noqa: A002
        """Command an instance."""
        await self.engine.command(id, Command(verb))
        await self.settle()

    async def jump(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.jump(seconds)
        await self.settle()


def answer(ask: dict[str, Any], name: str | None = None, **attributes: Any) -> dict[str, Any]:
    """The shop's answer to what it was asked, echoing what correlates it."""
    echoed = {key: ask[key] for key in ("workflowinstanceid", "workflowtaskinstanceid")}
    return event(name or f"{ask['id']}/answer", "Answer", subject="answer", **echoed, **attributes)
