"""Runs a scope in a frame of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine import evaluate, lifetime
from evenweave.engine.guarding import arm
from evenweave.engine.moves import NOTHING, end, leave, push

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber, Frame
    from evenweave.plan.nodes import AnyNode, Do


def enter(burst: Burst, fiber: Fiber, node: Do) -> AnyNode | None:
    """Enter the first node of the scope; a scope without nodes yields its data at once."""
    frame = fiber.frames[-1]
    data = frame.data
    outermost = frame.position == node.position  # the frame was made with the fiber
    if outermost and not fiber.parent:
        lifetime.check(burst.plan, burst.instance)
    if node.condition is not None and not evaluate.truth(node.condition, data, burst.scope(fiber)):
        if outermost:
            end(burst, fiber, node, frame)
            return None
        return leave(burst, fiber, node, NOTHING, node.then)
    if node.input is not None:
        data = evaluate.narrow(node.input, data, burst.scope(fiber))
    if outermost:
        frame.data = data
    else:
        frame = push(burst, fiber, node, data)
    if node.guard is not None:
        if outermost and fiber.parent:
            frame.started = burst.now  # a branch that took too long and is run again has its whole time
        arm(frame, node.guard)
    first = node.body.first
    return again(burst, fiber, frame, node) if first is None else burst.plan.nodes[first]


def again(burst: Burst, fiber: Fiber, frame: Frame, node: Do) -> AnyNode | None:
    """Leave: everything inside is done."""
    if len(fiber.frames) == 1:
        end(burst, fiber, node, frame)
        return None
    result = frame.last if node.yields == "last" else frame.data
    return leave(burst, fiber, node, result, node.then, framed=True)
