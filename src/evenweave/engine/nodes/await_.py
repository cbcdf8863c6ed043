"""Waits for events."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from evenweave.engine.effects import Forget, Listen
from evenweave.engine.fault import Fault
from evenweave.engine.guarding import arm
from evenweave.engine.instance import Frame, Waiting
from evenweave.engine.listening import adopt, expect, find, is_complete, listened, same_event
from evenweave.engine.moves import NOTHING, fold, leave

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.causes import Arrival
    from evenweave.engine.instance import Fiber
    from evenweave.plan.nodes import AnyNode, Await


def enter(burst: Burst, fiber: Fiber, node: Await) -> AnyNode | None:
    """Wait; what started the instance, one event or several, is taken at once by the await that it was meant for."""
    matched: dict[int, Any] = {}
    opening = burst.instance.opening
    if opening is not None:
        start = burst.plan.starts[opening.start]
        if start.position == node.position:
            adopt(burst, start.accept, opening.event)
            matched = opening.gathered or dict.fromkeys(same_event(node, start.index), opening.event)
    keys: dict[int, str] = {}
    fixed: dict[int, dict[str, Any]] = {}
    waiting = Waiting(matched, keys, fixed)
    complete = bool(matched) and is_complete(node, waiting)
    activation = burst.take()
    if not complete:
        listens = []
        for index, accept in enumerate(node.accepts):
            if index in matched:
                continue
            key = ""
            if accept.match.correlate:
                key, demanded = expect(burst, fiber, accept)
                if key:
                    keys[index] = key
                elif demanded:
                    fixed[index] = demanded
            if key or not accept.echo:
                listens.append(Listen(activation, index, accept.match.channel, key))
        if listens:
            burst.check_room(len(listens))
            burst.effects += listens
    if matched:
        burst.instance.opening = None  # a cycle that comes back here waits for an event of its own
    frame = Frame(node.position, activation, fiber.frames[-1].data, started=burst.now, waiting=waiting)
    fiber.frames.append(frame)
    if complete:
        return again(burst, fiber, frame, node)
    if node.guard is not None:
        arm(frame, node.guard)
    fiber.blocked = "await"
    return None


def arrive(burst: Burst, cause: Arrival) -> bool:
    """Give the event to the await that it is meant for; whether there is one."""
    found = find(burst, cause)
    if found is None:
        return False
    fiber, index = found
    frame = fiber.frames[-1]
    node: Await = burst.plan.nodes[frame.position]  # type: ignore[assignment]
    before = frame.waiting
    assert before is not None
    burst.carry(cause.event)
    adopt(burst, node.accepts[index], cause.event)
    one = node.mode == "any"
    met = [index] if one else same_event(node, index)
    for listen in listened(node, before):
        if one or listen[0] in met:
            burst.effects.append(Forget(frame.activation, *listen))
    matched = {index: cause.event} if one else before.matched | dict.fromkeys(met, cause.event)
    frame.waiting = Waiting(matched, before.keys, before.fixed)
    if is_complete(node, frame.waiting):
        frame.deadline = None
        fiber.blocked = ""
        burst.queue(fiber, node, again=True)
    return True


def again(burst: Burst, fiber: Fiber, frame: Frame, node: Await) -> AnyNode | None:
    """Fold the events that came, in declared order, and go on."""
    assert frame.waiting is not None
    around = fiber.frames[-2]
    data, last = around.data, around.last
    edge = node.then
    try:
        for index, event in sorted(frame.waiting.matched.items(), key=_first):
            accept = node.accepts[index]
            fold(burst, fiber, around, accept.into, payload(event) if accept.data_only else event)
            if node.mode == "any" and accept.then is not None:
                edge = accept.then
    except Fault:
        around.data, around.last = data, last
        raise
    return leave(burst, fiber, node, NOTHING, edge, framed=True)


_first = itemgetter(0)


def payload(event: dict[str, Any]) -> Any:
    """The data of an event; binary data is its base64 text."""
    return event["data"] if "data" in event else event.get("data_base64")
