"""Publishes an event."""

from __future__ import annotations

import datetime
import functools
from typing import TYPE_CHECKING, Any, Final

from evenweave.engine import correlate, evaluate
from evenweave.engine.effects import Publish
from evenweave.engine.moves import NOTHING, fold, leave

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber
    from evenweave.plan.nodes import AnyNode, Emit

# Without a zone: asking one for its offset takes longer than all the rest.
_EPOCH: Final = datetime.datetime(1970, 1, 1)


def enter(burst: Burst, fiber: Fiber, node: Emit) -> AnyNode | None:
    """Ask for the event to be published and go on; what it is named never changes (PROTOCOL section 1)."""
    instance = burst.instance
    activation = burst.take()
    data = fiber.frames[-1].data
    if node.input is not None:
        data = evaluate.narrow(node.input, data, burst.scope(fiber))
    payload = data if node.data is None else evaluate.render(node.data, data, burst.scope(fiber))
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
        value = evaluate.render(template, data, burst.scope(fiber))
        if value is not None:
            event[name] = attribute(value)
    event[correlate.INSTANCE] = instance.id
    event[correlate.TASK] = f"{instance.id}:{activation if task is None else task.activation}"
    event["sequence"] = str(n).zfill(10)
    parent, state = burst.trace
    if parent is not None:
        event["traceparent"] = parent
    if state is not None:
        event["tracestate"] = state
    event["data"] = payload
    # What can fail comes before the effect, so that a step that is run again publishes once.
    burst.check_room(1)
    if node.output is not None:
        data = evaluate.narrow(node.output, data, burst.scope(fiber))
    fold(burst, fiber, fiber.frames[-1], node.into, data)
    burst.effects.append(Publish(n, node.channel, event))
    if node.locate is not None:
        found = correlate.at(node.locate, event)
        known = instance.correlation
        if correlate.is_absent(found):
            found = None
        elif node.binds and node.binds not in known:
            instance.correlation = {**known, node.binds: found}
        if task is not None:
            task.correlates = found
    return leave(burst, fiber, node, NOTHING, node.then)


@functools.lru_cache(maxsize=16)  # the bursts of a batch share their moment
def stamp(now: float) -> str:
    """A time as CloudEvents writes it (RFC 3339, UTC, microseconds)."""
    return (_EPOCH + datetime.timedelta(seconds=now)).isoformat(timespec="microseconds") + "Z"


def attribute(value: Any) -> str | int | bool:
    """A value as a context attribute may have it: text, a whole number of 32 bits, or a boolean; all else as text."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int) and -(2**31) <= value < 2**31:
        return value
    return evaluate.text(value)
