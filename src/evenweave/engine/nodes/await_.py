"""Waits for events, and decides whether an event that arrives is one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.engine import correlate, evaluate
from evenweave.engine.effects import Forget, Listen
from evenweave.engine.instance import Waiting

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.causes import Arrival
    from evenweave.engine.instance import Fiber, Frame
    from evenweave.plan.nodes import Accept, Await, EventMatch, Node


def enter(burst: Burst, fiber: Fiber, node: Await) -> Node | None:
    """Wait; the event that started the instance is taken at once by the await that it was meant for."""
    frame = burst.push(fiber, node, fiber.frames[-1].data)
    waiting = frame.waiting = Waiting({}, {}, [])
    begin = burst.begin
    if begin is not None and begin.event is not None:
        start = burst.plan.starts[begin.start]
        if start.position == node.position:
            burst.begin = None  # a cycle that comes back here waits for an event of its own
            following = _take(burst, fiber, frame, node, start.index, begin.event)
            if frame not in fiber.frames:
                return following
    fiber.blocked = "await"
    for index, accept in enumerate(node.accepts):
        if index in waiting.matched:
            waiting.begun.append(index)
            continue
        known = _expect(burst, fiber, accept)
        if known:
            waiting.keys[index] = known
        if known or not accept.echo:
            burst.ask(Listen(frame.activation, index, accept.match.channel, known))
    return None


def find(burst: Burst, cause: Arrival) -> tuple[Fiber, Frame, Await, int] | None:
    """The await that the event is meant for, and which of its accepts.

    An instance never takes an event that it published (PROTOCOL section 3).
    """
    if correlate.published_by(burst.instance.id, cause.event):
        return None
    for fiber in burst.instance.fibers:
        if fiber.blocked != "await":
            continue
        frame = fiber.frames[-1]
        node: Await = burst.plan.nodes[frame.position]  # type: ignore[assignment]
        index = _match(burst, fiber, frame, node, cause)
        if index is not None:
            return fiber, frame, node, index
    return None


def arrive(burst: Burst, cause: Arrival) -> bool:
    """Give the event to the await that it is meant for; whether there is one."""
    found = find(burst, cause)
    if found is None:
        return False
    fiber, frame, node, index = found
    burst.carry(cause.event)
    burst.attempt(fiber, node, lambda: _resume(burst, fiber, frame, node, index, cause.event))
    return True


def forget(burst: Burst, frame: Frame) -> None:
    """Take back what the await asked for when it was entered."""
    node: Await = burst.plan.nodes[frame.position]  # type: ignore[assignment]
    waiting = frame.waiting
    assert waiting is not None
    for index, accept in enumerate(node.accepts):
        known = waiting.keys.get(index, "")
        if index not in waiting.begun and (known or not accept.echo):
            burst.effects.append(Forget(frame.activation, index, accept.match.channel, known))


def adopt(burst: Burst, match: EventMatch, event: dict[str, Any]) -> None:
    """Let the instance correlate by the values of an event that it consumed (0.8, "Correlation")."""
    known = burst.instance.correlation
    fresh = {}
    for rule in match.correlate:
        if rule.expected is None and rule.name not in known:
            found = correlate.locate(rule, event)
            if not correlate.is_absent(found):
                fresh[rule.name] = found
    if fresh:
        burst.instance.correlation = {**known, **fresh}


def _match(burst: Burst, fiber: Fiber, frame: Frame, node: Await, cause: Arrival) -> int | None:
    waiting = frame.waiting
    assert waiting is not None
    if cause.echo:
        task = burst.task(fiber)
        if task is None or task.activation != cause.activation:
            return None
    elif cause.activation is not None and cause.activation != frame.activation:
        return None
    for index, accept in enumerate(node.accepts):
        if index in waiting.matched or not correlate.fits(accept.match, cause.channel, cause.event):
            continue
        if cause.echo:
            if accept.echo:  # the echo goes before any correlation rule
                return index
        elif _agrees(burst, waiting, index, accept, cause.event):
            return index
    return None


def _agrees(burst: Burst, waiting: Waiting, index: int, accept: Accept, event: dict[str, Any]) -> bool:
    rules = accept.match.correlate
    if not rules:
        # Without a rule a reply finds its instance by its echo alone.
        return not accept.echo
    found = correlate.values(rules, event)
    if found is None:
        return False
    if index in waiting.keys:
        return correlate.key(found) == waiting.keys[index]
    known = burst.instance.correlation
    return all(correlate.agrees(known[name], value) for name, value in found.items() if name in known)


def _expect(burst: Burst, fiber: Fiber, accept: Accept) -> str:
    """The key of the events that are meant, as far as the instance knows all its values."""
    rules = accept.match.correlate
    if not rules:
        return ""
    around = fiber.frames[-2]
    values = {}
    for rule in rules:
        if rule.expected is not None:
            values[rule.name] = evaluate.render(rule.expected, around.data, burst.scope(fiber))
        elif accept.echo and rule.location is not None:
            task = burst.task(fiber)
            if task is None or task.correlates is None:
                return ""
            values[rule.name] = task.correlates
        elif rule.name in burst.instance.correlation:
            values[rule.name] = burst.instance.correlation[rule.name]
        else:
            return ""
    return correlate.key(values)


def _resume(burst: Burst, fiber: Fiber, frame: Frame, node: Await, index: int, event: dict[str, Any]) -> Node | None:
    fiber.blocked = ""
    following = _take(burst, fiber, frame, node, index, event)
    if frame in fiber.frames:
        fiber.blocked = "await"
    else:
        forget(burst, frame)
    return following


def _take(burst: Burst, fiber: Fiber, frame: Frame, node: Await, index: int, event: dict[str, Any]) -> Node | None:
    waiting = frame.waiting
    assert waiting is not None
    accept = node.accepts[index]
    adopt(burst, accept.match, event)
    edge = accept.then or node.then
    if node.mode == "all":
        waiting.matched[index] = event
        if len(waiting.matched) < len(node.accepts):
            return None
        arrived = [waiting.matched[item] for item in range(len(node.accepts))]
        accepts = node.accepts
        edge = node.then
    else:
        arrived, accepts = [event], (accept,)
    fiber.frames.remove(frame)
    for each, came in zip(accepts, arrived, strict=True):
        burst.fold(fiber, each.into, payload(came) if each.data_only else came)
    return burst.leave(fiber, node, ..., edge)


def payload(event: dict[str, Any]) -> Any:
    """The data of an event; binary data is its base64 text."""
    return event["data"] if "data" in event else event.get("data_base64")
