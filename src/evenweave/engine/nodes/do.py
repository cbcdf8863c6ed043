"""Runs a scope in a frame of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine import evaluate

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber
    from evenweave.plan.nodes import Do, Node


def enter(burst: Burst, fiber: Fiber, node: Do) -> Node | None:
    """Enter the first node of the scope; a scope without nodes yields its data at once."""
    data = fiber.frames[-1].data
    if node.condition is not None and not evaluate.truth(node.condition, data, burst.scope(fiber)):
        return burst.leave(fiber, node, ..., node.then)
    if node.input is not None:
        data = evaluate.narrow(node.input, data, burst.scope(fiber))
    if node.body.first is None:
        burst.take()
        return burst.leave(fiber, node, data, node.then)
    burst.push(fiber, node, data)
    return burst.plan.nodes[node.body.first]
