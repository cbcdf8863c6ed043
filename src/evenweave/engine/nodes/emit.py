"""Publishes an event."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from evenweave.engine import correlate, evaluate
from evenweave.engine.effects import Publish

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber
    from evenweave.plan.nodes import Emit, Node


def enter(burst: Burst, fiber: Fiber, node: Emit) -> Node | None:
    """Ask for the event to be published and go on; what it is named never changes (PROTOCOL section 1)."""
    instance = burst.instance
    activation = burst.take()
    scope = burst.scope(fiber)
    data = fiber.frames[-1].data
    if node.input is not None:
        data = evaluate.narrow(node.input, data, scope)
    payload = data if node.data is None else evaluate.render(node.data, data, scope)
    task = burst.task(fiber)
    n = burst.take()
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"{instance.id}:{n}",
        "source": node.source or f"/evenweave/{instance.definition}",
        "type": node.type,
        "subject": node.channel,
        "time": stamp(burst.now),
        "datacontenttype": "application/json",
    }
    for name, template in node.attributes.items():
        event[name] = attribute(evaluate.render(template, data, scope))
    event[correlate.INSTANCE] = instance.id
    event[correlate.TASK] = f"{instance.id}:{activation if task is None else task.activation}"
    event["sequence"] = f"{n:010d}"
    for name, value in zip(("traceparent", "tracestate"), burst.trace, strict=True):
        if value is not None:
            event[name] = value
    event["data"] = payload
    if node.locate is not None and task is not None:
        found = correlate.at(node.locate, event)
        task.correlates = None if correlate.is_absent(found) else found
    burst.ask(Publish(n, node.channel, event))
    return burst.leave(fiber, node, data, node.then)


def stamp(now: float) -> str:
    """A time as CloudEvents writes it (RFC 3339, UTC, microseconds)."""
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def attribute(value: Any) -> str | int | bool:
    """A value as a context attribute may have it: text, a whole number of 32 bits, or a boolean; all else as text."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int) and -(2**31) <= value < 2**31:
        return value
    return evaluate.text(value)
