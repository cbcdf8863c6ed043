"""Going on behind a step that cannot be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.engine.leaving import withdraw
from evenweave.engine.moves import NOTHING, drop, leave
from evenweave.plan.nodes import Await, Call, Child, Do, Edge, Emit, Fork

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber, Frame
    from evenweave.plan.nodes import AnyNode


def skip(burst: Burst, fiber: Fiber, node: AnyNode) -> AnyNode | None:
    """Leave the node that a fiber stopped at, by its normal edge and with no result: nothing of it is folded.

    What an action does is left with the whole action: it has no result either. A trigger that is not sent is not
    answered: with it goes the task around that would wait for the reply. The outermost node of a branch or an item is
    left with the data that it began with, or null.

    Returns:
        The node of the same fiber that comes next; none where the fiber ended or somebody else goes on.

    Raises:
        Fault: What is around it ends with it and cannot; its frames are still there.
    """
    framed = fiber.again
    fiber.at = None
    fiber.again = False
    whole = _whole(burst, fiber, node)
    if whole is not None:
        while fiber.frames[-1] is not whole:
            inner = fiber.frames.pop()
            withdraw(burst, inner)
        node, framed = burst.plan.nodes[whole.position], True
    frame = fiber.frames[-1]
    if len(fiber.frames) == 1 and frame.position == node.position:
        _end(burst, fiber, frame)
        return None
    edge = node.then
    if framed:
        edge = _edge(node, frame)
        withdraw(burst, frame)
        join = burst.joins.pop(frame.activation, None)
        if join is not None:
            drop(burst, join)
    return leave(burst, fiber, node, NOTHING, edge, framed=framed)


def _whole(burst: Burst, fiber: Fiber, node: AnyNode) -> Frame | None:
    """The step that the node is a part of, where that is left as a whole."""
    if isinstance(node, Emit):
        task = _unanswered(burst, fiber)
        if task is not None:
            return task
    if isinstance(node, Call | Child | Emit | Await):
        for frame in reversed(fiber.frames):
            around = burst.plan.nodes[frame.position]
            if isinstance(around, Do):
                return frame if around.reference == node.reference else None
    return None


def _unanswered(burst: Burst, fiber: Fiber) -> Frame | None:
    """The task around that waits for the reply to what it publishes."""
    task = burst.task(fiber)
    if task is None:
        return None
    around = burst.plan.nodes[task.position]
    inside: Any = around.body.nodes.values() if isinstance(around, Do) else ()
    waits = any(accept.echo for node in inside if isinstance(node, Await) for accept in node.accepts)
    return task if waits else None


def _edge(node: AnyNode, frame: Frame) -> Edge:
    """Where a node leaves to that has begun: an await, by the event that came."""
    if isinstance(node, Await) and node.mode == "any" and frame.waiting is not None:
        for index in frame.waiting.matched:
            return node.accepts[index].then or node.then
    return node.then


def _end(burst: Burst, fiber: Fiber, frame: Frame) -> None:
    fiber.frames.clear()
    if not fiber.parent:
        burst.instance.data = frame.data
        return
    join = burst.joins[fiber.parent]
    branch = isinstance(burst.plan.nodes[join.frame.position], Fork)
    burst.end_child(fiber, join.frame.data if branch else None)
