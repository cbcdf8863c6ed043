"""What an await asks of the outside, and which events are the ones it means (PROTOCOL section 3).

An await is found by the echo of its task, by a wait row, or both: a reply is asked for by a row only where a
correlation key is known for it. Every `Listen` has one `Forget`, on whatever way the await ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.engine import correlate, evaluate
from evenweave.engine.effects import Forget

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.causes import Arrival
    from evenweave.engine.instance import Fiber, Frame, Waiting
    from evenweave.plan.nodes import Accept, Await


def is_complete(node: Await, waiting: Waiting) -> bool:
    """Whether every event has come that the await needs."""
    return len(waiting.matched) >= (len(node.accepts) if node.mode == "all" else 1)


def listened(node: Await, waiting: Waiting) -> list[tuple[int, str, str]]:
    """What somebody listens for, for this await: index of the accept, channel, key."""
    found: list[tuple[int, str, str]] = []
    if waiting.matched and node.mode == "any":
        return found
    for index, accept in enumerate(node.accepts):
        if index not in waiting.matched:
            key = waiting.keys.get(index, "")
            if key or not accept.echo:
                found.append((index, accept.match.channel, key))
    return found


def forget(burst: Burst, frame: Frame) -> None:
    """Take back whatever an await still listens for."""
    node: Await = burst.plan.nodes[frame.position]  # type: ignore[assignment]
    assert frame.waiting is not None
    for index, channel, key in listened(node, frame.waiting):
        burst.effects.append(Forget(frame.activation, index, channel, key))


def expect(burst: Burst, fiber: Fiber, accept: Accept) -> tuple[str, dict[str, Any]]:
    """The key of the events that are meant; where not all its values are known, none, and those that are fixed.

    Raises:
        Fault: An expression for a value failed.
    """
    values: dict[str, Any] = {}
    fixed: dict[str, Any] = {}
    whole = True
    known = burst.instance.correlation
    for rule in accept.match.correlate:
        if rule.expected is not None:
            data = fiber.frames[-1].data
            fixed[rule.name] = values[rule.name] = evaluate.render(rule.expected, data, burst.scope(fiber))
        elif accept.echo and rule.location is not None:
            task = burst.task(fiber)
            if task is None or task.correlates is None:
                whole = False
            else:
                values[rule.name] = task.correlates
        elif rule.name in known:
            values[rule.name] = known[rule.name]
        else:
            whole = False
    return (correlate.key(values), {}) if whole else ("", fixed)


def adopt(burst: Burst, accept: Accept, event: dict[str, Any]) -> None:
    """Let the instance correlate by the values of an event that it consumed (0.8, "Correlation").

    A reply's AsyncAPI correlation id is that of one request; it says nothing about the instance.
    """
    for rule in accept.match.correlate:
        known = burst.instance.correlation
        if rule.expected is None and rule.name not in known and not (accept.echo and rule.location is not None):
            found = correlate.locate(rule, event)
            if not correlate.is_absent(found):
                burst.instance.correlation = {**known, rule.name: found}


def find(burst: Burst, cause: Arrival) -> tuple[Fiber, int] | None:
    """The fiber that waits for the event, and by which accept of its await.

    An instance never takes an event that it published (PROTOCOL section 3).
    """
    if correlate.published_by(burst.instance.id, cause.event):
        return None
    for fiber in burst.instance.fibers:
        if fiber.blocked == "await":
            index = _match(burst, fiber, cause)
            if index is not None:
                return fiber, index
    return None


def will_wait(burst: Burst, cause: Arrival) -> bool:
    """Whether the event echoes a task that goes on and has a wait for such a reply inside, though not begun yet."""
    if not cause.echo or correlate.published_by(burst.instance.id, cause.event):
        return False
    for fiber in burst.instance.fibers:
        task = burst.task(fiber)
        if task is None or task.activation != cause.activation:
            continue
        nodes = burst.plan.nodes
        inside = nodes[task.position].body.nodes.values()  # type: ignore[union-attr]
        return any(
            accept.echo and correlate.fits(accept.match, cause.channel, cause.event)
            for node in inside
            for accept in getattr(node, "accepts", ())
        )
    return False


def same_event(node: Await, index: int) -> list[int]:
    """The accepts that are met together with this one: those for the same event, where all must come."""
    if node.mode == "any":
        return [index]
    name = node.accepts[index].match.name
    return [other for other, accept in enumerate(node.accepts) if accept.match.name == name]


def _match(burst: Burst, fiber: Fiber, cause: Arrival) -> int | None:
    frame = fiber.frames[-1]
    if cause.echo:
        task = burst.task(fiber)
        if task is None or task.activation != cause.activation:
            return None
    elif cause.activation is not None and cause.activation != frame.activation:
        return None
    node: Await = burst.plan.nodes[frame.position]  # type: ignore[assignment]
    waiting = frame.waiting
    assert waiting is not None
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
    if accept.echo:
        echoed = correlate.echo(event)
        if echoed is not None and echoed[0] == burst.instance.id:
            return False  # it answers another task of this instance, by whatever else it may fit
    found = correlate.values(rules, event)
    if found is None:
        return False
    key = waiting.keys.get(index)
    if key is not None:
        return correlate.key(found) == key
    fixed = waiting.fixed.get(index, {})
    known = burst.instance.correlation
    for rule in rules:
        name = rule.name
        if name in fixed:
            meant = fixed[name]
        elif name in known and not (accept.echo and rule.location is not None):
            meant = known[name]
        else:
            continue
        if not correlate.agrees(meant, found[name]):
            return False
    return True
