"""Makes a result from a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine import evaluate

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber
    from evenweave.plan.nodes import Node, Set


def enter(burst: Burst, fiber: Fiber, node: Set) -> Node | None:
    """Yield the template's value."""
    burst.take()
    scope = burst.scope(fiber)
    data = fiber.frames[-1].data
    if node.input is not None:
        data = evaluate.narrow(node.input, data, scope)
    value = evaluate.render(node.value, data, scope)
    return burst.leave(fiber, node, value, node.then)
