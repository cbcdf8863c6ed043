"""What nodes are made of: the moves by which a fiber enters, leaves, folds, starts children and ends.

Every kind of node (`evenweave.engine.nodes`) is written with these. A move that faults leaves the frames as they were,
and the fiber knows the node to go on with, so that it can be run again once the cause is mended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from evenweave import jq
from evenweave.engine import evaluate
from evenweave.engine.fault import Fault
from evenweave.engine.instance import Fiber, Frame
from evenweave.engine.leaving import withdraw
from evenweave.engine.merge import merge
from evenweave.plan.nodes import DISCARD, REPLACE, Leave

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.joins import Join
    from evenweave.plan.nodes import AnyNode, Do, Edge, Into, Node

NOTHING: Final = ...
"""The result of a node that leaves the data around it as it is."""


def push(burst: Burst, fiber: Fiber, node: Node, data: Any) -> Frame:
    """Enter a node that needs a frame; the frame is one activation of it."""
    frame = Frame(node.position, burst.take(), data, started=burst.now)
    fiber.frames.append(frame)
    return frame


def leave(burst: Burst, fiber: Fiber, node: Node, result: Any, edge: Edge, *, framed: bool = False) -> AnyNode | None:
    """Fold the node's result into the data around it and follow the edge, out of as many scopes as it takes.

    Args:
        burst: The burst.
        fiber: Where the node ran.
        node: The node.
        result: What it made, or `NOTHING`.
        edge: Where it leaves to.
        framed: The innermost frame is the node's own and goes.

    Returns:
        The node of the same fiber that comes next; none where the fiber ended or somebody else goes on.

    Raises:
        Fault: The result, or that of a node around, cannot be folded. Its frames are still there.
    """
    frames = fiber.frames
    nodes = burst.plan.nodes
    while True:
        own = frames.pop() if framed else None
        if result is not NOTHING:
            try:
                if node.output is not None:
                    result = evaluate.narrow(node.output, result, burst.scope(fiber))
                if node.into is not DISCARD:
                    fold(burst, fiber, frames[-1], node.into, result)
            except Fault as fault:
                if own is not None:
                    frames.append(own)
                stop(fiber, node, fault, again=framed)
                raise
        if burst.closing and len(frames) == 1 and not fiber.parent:
            return burst.go_before_end(fiber)
        if edge.__class__ is str:
            return nodes[edge]
        if edge is Leave.TERMINATE:
            burst.terminate()
            return None
        around = frames[-1]
        outer: Do = nodes[around.position]  # type: ignore[assignment] # only a Do has nodes inside its own fiber
        if len(frames) == 1:
            end(burst, fiber, outer, around)
            return None
        result = around.last if outer.yields == "last" else around.data
        node, framed = outer, True
        if edge is not Leave.END:
            edge = outer.then


def fold(burst: Burst, fiber: Fiber, around: Frame, into: Into, result: Any) -> None:
    """Fold a result into the data of a frame (0.8, "Data Merging"); null is nothing to merge.

    Raises:
        Fault: The result does not go where it is meant to; the frame is unchanged.
    """
    if into is REPLACE:
        data = result
    elif into.mode == "discard":
        return
    else:
        data, result = _merged(burst, fiber, around.data, into, result)
    around.data = data
    if burst.plan.nodes[around.position].yields == "last":  # type: ignore[union-attr]
        around.last = result


def _merged(burst: Burst, fiber: Fiber, data: Any, into: Into, result: Any) -> tuple[Any, Any]:
    """The data with a result in it, and the part of the result that was selected."""
    unite = burst.plan.unites_arrays
    if into.select is not None:
        result = evaluate.value(into.select, result, burst.scope(fiber))
    if into.mode == "replace":
        data = result
    elif result is None:
        pass
    elif into.to is not None:
        place = evaluate.path(into.to, data, burst.scope(fiber))
        try:
            if len(place) == 1 and data.__class__ is dict and place[0].__class__ is str:
                data = {**data, place[0]: merge(data.get(place[0]), result, unite=unite)}
            else:
                data = jq.setpath(data, place, merge(jq.getpath(data, place), result, unite=unite))
        except jq.JqError as error:
            raise Fault("data", f"{error} in ${{ {into.to.source} }}", into.to.reference) from None
    else:
        data = merge(data, result if result.__class__ is dict else {into.name: result}, unite=unite)
    return data, result


def end(burst: Burst, fiber: Fiber, node: Do, frame: Frame) -> None:
    """End a fiber with the result of its outermost node, and tell who waits for it.

    Raises:
        Fault: The result cannot be narrowed; the fiber goes on there.
    """
    result = frame.last if node.yields == "last" else frame.data
    if node.output is not None:
        try:
            result = evaluate.narrow(node.output, result, burst.scope(fiber))
        except Fault as fault:
            stop(fiber, node, fault, again=True)
            raise
    fiber.frames.clear()
    if fiber.parent:
        burst.end_child(fiber, result)
    else:
        burst.instance.data = result


def stop(fiber: Fiber, node: Node, fault: Fault, *, again: bool) -> None:
    """Let a fiber go on with this node once the fault is mended; the first to say so is right."""
    if fiber.at is None:
        fiber.at = node.position
        fiber.again = again
    if not fault.reference:
        fault.reference = node.reference


def spawn(burst: Burst, join: Join, node: Do, index: int, data: Any, variables: dict[str, Any] | None = None) -> None:
    """Start a child of a fork or a loop: it runs once it has its turn.

    Args:
        burst: The burst.
        join: The fork or the loop.
        node: What the child runs.
        index: Which branch or item it is.
        data: What it reads.
        variables: What it binds, beside what is bound around it.
    """
    child = Fiber(burst.take(), join.frame.activation, index, [])
    inherited = join.fiber.frames[0].variables
    if inherited:
        variables = inherited if variables is None else {**inherited, **variables}
    push(burst, child, node, data).variables = variables
    burst.instance.fibers.append(child)
    join.children[child.id] = child
    burst.queue(child, node)


def drop(burst: Burst, join: Join) -> None:
    """End the children of a fork or a loop, with everything inside them and everything they wait for."""
    for child in join.children.values():
        frames = child.frames[:]
        child.frames.clear()
        for frame in frames:
            withdraw(burst, frame)
            if frame.branches is not None:
                drop(burst, burst.joins.pop(frame.activation))
    join.children.clear()
