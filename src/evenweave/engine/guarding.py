"""What becomes of an error, and of a time-out: it is retried, handled, or stops the instance.

An error rises through the frames around it, out of branches and iterations too, until a guard takes it
(`evenweave.plan.guards`). What is inside of the node that takes it is left, with everything that it waits for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from evenweave.engine import evaluate
from evenweave.engine.backoff import attempts, next_delay
from evenweave.engine.fault import Fault
from evenweave.engine.instance import Attempt
from evenweave.engine.leaving import withdraw
from evenweave.engine.moves import NOTHING, drop, fold, leave
from evenweave.plan.nodes import DISCARD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber, Frame
    from evenweave.plan.guards import ErrorMatch, Guard, Handler, Retry, Timeout
    from evenweave.plan.nodes import AnyNode, Do

TIMEOUT_CODES: Final = ("HTTP:408", "408", "TimedOut")
"""What a definition may know a time-out by, beside its type and the name of the property."""


def arm(frame: Frame, guard: Guard) -> None:
    """Give a frame the earliest deadline of its guard."""
    if guard.timeouts:
        frame.deadline = min(_end(frame, timeout) for timeout in guard.timeouts)


def catch(burst: Burst, fiber: Fiber, node: AnyNode, fault: Fault) -> tuple[Fiber, AnyNode, Fault] | None:
    """Let what is around a node take its error.

    Returns:
        Nothing where it is taken. Else the error that is left, and where: another one where taking it failed.
    """
    failed = node if fiber.at is None else burst.plan.nodes[fiber.at]  # it failed while it was left
    if not fault.reference:
        fault.reference = failed.reference
    left = fiber, node, fault
    depth = len(fiber.frames)
    if failed.guard is not None and not (depth and fiber.frames[-1].position == failed.position):
        handler = _handler(failed.guard, fault)  # it has no frame, or none yet
        if handler is not None:
            try:
                _go_on(burst, fiber, leave(burst, fiber, failed, NOTHING, handler.then))
            except Fault as other:
                left = fiber, failed, other
            else:
                return None
    for around, place in _frames_around(burst, fiber):
        frame = around.frames[place]
        outer = burst.plan.nodes[frame.position]
        if outer.guard is None:
            continue
        try:
            if _take(burst, around, place, outer, left[2]):
                return None
        except Fault as other:
            if not other.reference:
                other.reference = outer.reference
            left = around, outer, other
    return left


def expire(burst: Burst, fiber: Fiber, frame: Frame, node: AnyNode) -> None:
    """A frame's deadline is over: the next attempt begins, or the node has taken too long."""
    frame.deadline = None
    if fiber.blocked == "retry" and fiber.frames[-1] is frame:
        fiber.blocked = ""
        try:
            burst.queue(fiber, _begin_attempt(burst, fiber, len(fiber.frames) - 1, node))  # type: ignore[arg-type]
        except Fault as other:
            burst.fault(fiber, node, other)
        return
    timeout = _over(burst, frame, node.guard)
    if timeout is None:
        return  # another version of the definition has no such time-out
    if timeout.closes is not None:
        burst.close_by(timeout)
        return
    place = fiber.frames.index(frame)
    rest(burst, fiber, place + 1)
    codes = (timeout.name, *TIMEOUT_CODES)
    fault = Fault("timeout", f"it took longer than {timeout.text} ({timeout.name})", timeout.reference, codes)
    left = catch(burst, fiber, node, fault)
    if left is None:
        return
    if timeout.then is None or left[2] is not fault:
        if place and left[0] is fiber and fiber.frames[-1] is frame:
            rest(burst, fiber, place)  # run again, it is entered anew
        burst.halt(*left)
        return
    rest(burst, fiber, place)
    try:
        _go_on(burst, fiber, leave(burst, fiber, node, NOTHING, timeout.then))
    except Fault as other:
        burst.fault(fiber, node, other)


def renew(burst: Burst, fiber: Fiber) -> None:
    """Give what is around a stopped fiber its time again, where that ran out while it stood still."""
    for around, place in _frames_around(burst, fiber):
        frame = around.frames[place]
        guard = burst.plan.nodes[frame.position].guard
        if guard is None or frame.deadline is None or frame.deadline > burst.now:
            continue
        ends = [timeout.duration.after(burst.now) for timeout in guard.timeouts if timeout.closes is None]
        frame.deadline = min(ends, default=frame.deadline)


def rest(burst: Burst, fiber: Fiber, place: int) -> None:
    """Leave everything in a fiber from a place on, and let it rest there."""
    while len(fiber.frames) > place:
        frame = fiber.frames[-1]
        if frame.branches is not None:
            drop(burst, burst.joins.pop(frame.activation))
        withdraw(burst, frame)
        fiber.frames.pop()
    burst.rest(fiber)


def _frames_around(burst: Burst, fiber: Fiber) -> Iterator[tuple[Fiber, int]]:
    """Every frame around, the innermost first, each as its fiber and its place in it."""
    while True:
        for place in range(len(fiber.frames) - 1, -1, -1):
            yield fiber, place
        if not fiber.parent:
            return
        fiber = burst.joins[fiber.parent].fiber


def _take(burst: Burst, fiber: Fiber, place: int, node: AnyNode, fault: Fault) -> bool:
    """Retry or handle an error at a frame; whether it is taken."""
    guard, frame = node.guard, fiber.frames[place]
    assert guard is not None
    retry = guard.retry
    if retry is not None and _retries(retry, fault) and frame.attempt < attempts(burst, fiber, frame, retry):
        _retry(burst, fiber, place, node, retry, fault)  # type: ignore[arg-type] # only a Do has retries
        return True
    handler = _handler(guard, fault)
    if handler is None:
        return False
    rest(burst, fiber, place)
    if handler.keep and node.into is not DISCARD:
        fold(burst, fiber, fiber.frames[-1], node.into, frame.data)
    _go_on(burst, fiber, leave(burst, fiber, node, NOTHING, handler.then))
    return True


def _retry(burst: Burst, fiber: Fiber, place: int, node: Do, retry: Retry, fault: Fault) -> None:
    frame = fiber.frames[place]
    delay = next_delay(burst, fiber, frame, retry)
    rest(burst, fiber, place + 1)
    frame.attempt += 1
    frame.retried = Attempt(burst.now, delay, fault.type, fault.title)
    if delay > 0:
        frame.deadline = burst.now + delay
        fiber.blocked = "retry"
    else:
        burst.queue(fiber, _begin_attempt(burst, fiber, place, node))


def _begin_attempt(burst: Burst, fiber: Fiber, place: int, node: Do) -> AnyNode:
    """Run a node from its beginning in the frame that it has: a reply to any attempt counts (PROTOCOL section 1)."""
    frame = fiber.frames[place]
    data = fiber.frames[place - 1].data
    if node.input is not None:
        data = evaluate.narrow(node.input, data, burst.scope(fiber))
    frame.data, frame.last = data, None
    assert frame.retried is not None
    frame.retried = Attempt(burst.now, frame.retried.delay, frame.retried.type, frame.retried.title)
    for around, each in _frames_around(burst, fiber):
        outer = around.frames[each]
        guard = burst.plan.nodes[outer.position].guard
        if guard is None or not any(timeout.renews for timeout in guard.timeouts):
            continue
        if outer is not frame:
            done = outer.retried or Attempt(burst.now)
            outer.retried = Attempt(burst.now, done.delay, done.type, done.title)
        arm(outer, guard)
    first = node.body.first
    assert first is not None, "a node that can fail has something inside"
    return burst.plan.nodes[first]


def _go_on(burst: Burst, fiber: Fiber, following: AnyNode | None) -> None:
    if following is not None:
        burst.rest(fiber)
        burst.queue(fiber, following)


def _handler(guard: Guard, fault: Fault) -> Handler | None:
    for handler in guard.handlers:
        if not handler.errors or _fits(handler.errors, fault):
            return handler
    return None


def _retries(retry: Retry, fault: Fault) -> bool:
    if retry.errors is not None and not _fits(retry.errors, fault):
        return False
    return not _fits(retry.but, fault)


def _fits(errors: Iterable[ErrorMatch], fault: Fault) -> bool:
    return any(error.fits(fault.type, fault.codes, fault.title) for error in errors)


def _over(burst: Burst, frame: Frame, guard: Guard | None) -> Timeout | None:
    """The time-out that is over; of several the one that was over first."""
    if guard is None or not guard.timeouts:
        return None
    first = min(guard.timeouts, key=lambda timeout: _end(frame, timeout))
    return first if _end(frame, first) <= burst.now else None


def _end(frame: Frame, timeout: Timeout) -> float:
    since = frame.started if frame.retried is None or not timeout.renews else frame.retried.since
    return timeout.duration.after(since)
