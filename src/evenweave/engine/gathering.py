"""An instance that needs several events to begin (0.8, "Event State": first, with ``exclusive: false``).

It is *pending* from the first of them on: it stands for their correlation keys, listens for those that are missing, and
has one fiber with nothing but the await that the events are for. With the last event it begins, and that await takes
them all at once. No state was entered before, so no time-out but the ``eventTimeout`` of that await counts: the time
from one event to the next (0.8, "Event Timeout Definition"). Once it is over, what came is given up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from evenweave.engine import correlate
from evenweave.engine.beginning import begin
from evenweave.engine.causes import Begin
from evenweave.engine.effects import Claim, Forget, GiveUp, Listen, Remove
from evenweave.engine.guarding import arm
from evenweave.engine.instance import Fiber, Frame, Reason, Waiting
from evenweave.engine.listening import adopt, find, is_complete, listened, same_event
from evenweave.plan.template import Constant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenweave.engine.burst import Burst
    from evenweave.engine.causes import Arrival
    from evenweave.engine.instance import Instance
    from evenweave.plan.nodes import Accept, Await

_IDENTITY: Final = ("source", "id", "type", "subject", "data", "data_base64")


def is_gathering(instance: Instance) -> bool:
    """Whether the instance has not begun, and has some of the events that it needs for that, or had."""
    fibers = instance.fibers
    return bool(fibers) and bool(fibers[0].frames) and not fibers[0].parent and fibers[0].frames[0].position != ""


def gather(burst: Burst, cause: Begin) -> None:
    """Keep the first of the events by which the instance begins, and ask for the others."""
    instance, plan = burst.instance, burst.plan
    instance.data = cause.input
    if cause.headers:
        instance.headers = cause.headers
    node: Await = plan.nodes[plan.gathers]  # type: ignore[assignment, index] # whoever calls has looked
    assert cause.event is not None
    frame = Frame(node.position, burst.take(), cause.input, started=burst.now, waiting=Waiting())
    instance.fibers = [Fiber(burst.take(), 0, 0, [frame], "await")]
    index = plan.starts[cause.start].index
    _adopt(burst, node.accepts[index], cause.event)
    met = same_event(node, index)
    frame.waiting = Waiting(dict.fromkeys(met, cause.event))
    _ask(burst, frame, node, [each for each in range(len(node.accepts)) if each not in met])
    _renew(burst, frame, node)


def take(burst: Burst, cause: Arrival) -> bool:
    """Keep a further event, and begin with the last one; whether the instance needs it, or has it already."""
    frame = _frame(burst.instance)
    if frame is None or frame.waiting is None:
        return False
    identity = _identify(cause.event)
    if any(_identify(each) == identity for each in frame.waiting.matched.values()):
        return True
    found = find(burst, cause)
    if found is None:
        return False
    node: Await = burst.plan.nodes[frame.position]  # type: ignore[assignment] # `gather` made it
    _adopt(burst, node.accepts[found[1]], cause.event)
    met = same_event(node, found[1])
    burst.effects += [Forget(frame.activation, *each) for each in listened(node, frame.waiting) if each[0] in met]
    matched = frame.waiting.matched | dict.fromkeys(met, cause.event)
    frame.waiting = Waiting(matched, frame.waiting.keys, frame.waiting.fixed)
    burst.instance.reason = None
    if not is_complete(node, frame.waiting):
        _renew(burst, frame, node)
        return True
    burst.turn("start")
    instance = burst.instance
    instance.fibers, instance.began = [], burst.now
    start = next(each for each, one in enumerate(burst.plan.starts) if one.index == found[1])
    begin(burst, Begin(frame.data, cause.event, start, gathered=matched))
    return True


def expire(burst: Burst) -> bool:
    """The time for the next event is over: what came is given up; whether it was over.

    The instance is not gone then: its inbox may have events that came behind those, and they are offered to it before
    its next deadline, which is over at once. If none has come by then, it ends, and nothing of it stays.
    """
    frame = _frame(burst.instance)
    if frame is None or frame.waiting is None or frame.deadline is None or frame.deadline > burst.now:
        return False
    if not frame.waiting.matched:
        reason = burst.instance.reason
        burst.turn("expire")
        burst.end_all()
        burst.instance.reason = reason
        burst.effects.append(Remove())
        return True
    node: Await = burst.plan.nodes[frame.position]  # type: ignore[assignment] # `gather` made it
    matched = frame.waiting.matched
    missing = dict.fromkeys(each.match.name for index, each in enumerate(node.accepts) if index not in matched)
    assert node.guard is not None
    timeout = node.guard.timeouts[0]
    title = f"{_name(missing)} did not come within {timeout.text} ({timeout.name})"
    burst.instance.reason = Reason("timeout", title, timeout.reference, burst.now)
    give_up(burst, f"no instance of {burst.plan.id} began: {title}")
    frame.waiting = Waiting({}, frame.waiting.keys, frame.waiting.fixed)
    _ask(burst, frame, node, sorted(matched))
    frame.deadline = burst.now
    return True


def give_up(burst: Burst, reason: str) -> None:
    """Give up the events that an instance has which does not begin."""
    frame = _frame(burst.instance)
    if frame is None or frame.waiting is None:
        return
    node: Await = burst.plan.nodes[frame.position]  # type: ignore[assignment] # `gather` made it
    given: list[tuple[Any, ...]] = []  # one event may stand for several accepts
    for index, event in sorted(frame.waiting.matched.items(), key=lambda one: one[0]):
        identity = _identify(event)
        if identity not in given:
            given.append(identity)
            burst.effects.append(GiveUp(node.accepts[index].match.channel, event, reason))


def _frame(instance: Instance) -> Frame | None:
    return instance.fibers[0].frames[0] if is_gathering(instance) else None


def _adopt(burst: Burst, accept: Accept, event: dict[str, Any]) -> None:
    """Correlate by an event's values, and stand for its key: who comes with that one belongs to this instance."""
    adopt(burst, accept, event)
    key = correlate.claim(accept.match, event)
    if key and key not in burst.instance.claims:
        burst.instance.claims = [*burst.instance.claims, key]
        burst.effects.append(Claim(key))


def _ask(burst: Burst, frame: Frame, node: Await, indexes: Iterable[int]) -> None:
    """Listen for events, by their keys where all values are known by now."""
    assert frame.waiting is not None
    keys, fixed = dict(frame.waiting.keys), dict(frame.waiting.fixed)
    for index in indexes:
        accept = node.accepts[index]
        key, demanded = _expect(burst, accept)
        if key:
            keys[index] = key
        elif demanded:
            fixed[index] = demanded
        burst.effects.append(Listen(frame.activation, index, accept.match.channel, key))
    frame.waiting = Waiting(frame.waiting.matched, keys, fixed)


def _expect(burst: Burst, accept: Accept) -> tuple[str, dict[str, Any]]:
    """The key of the events that are meant; where not all values are known, none, and those that are fixed.

    A value that is an expression is not known yet: there is no data that it could be made from.
    """
    values: dict[str, Any] = {}
    fixed: dict[str, Any] = {}
    known = burst.instance.correlation
    for rule in accept.match.correlate:
        if isinstance(rule.expected, Constant):
            fixed[rule.name] = values[rule.name] = rule.expected.value
        elif rule.expected is None and rule.name in known:
            values[rule.name] = known[rule.name]
    whole = len(values) == len(accept.match.correlate)
    return (correlate.key(values), {}) if whole else ("", fixed)


def _renew(burst: Burst, frame: Frame, node: Await) -> None:
    """The time for the next event begins."""
    frame.started, frame.deadline = burst.now, None
    if node.guard is not None:
        arm(frame, node.guard)


def _identify(event: dict[str, Any]) -> tuple[Any, ...]:
    """What tells events apart (PROTOCOL section 3): the same twice is one."""
    return tuple(event.get(name) for name in _IDENTITY)


def _name(missing: Iterable[str]) -> str:
    *others, last = missing
    return f"{', '.join(others)} and {last}" if others else last
