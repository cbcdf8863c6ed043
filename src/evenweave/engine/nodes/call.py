"""Evaluates a function that is an expression (0.8, "Using Functions for Expression Evaluation")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine import evaluate
from evenweave.engine.moves import leave

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber
    from evenweave.plan.nodes import AnyNode, Call


def enter(burst: Burst, fiber: Fiber, node: Call) -> AnyNode | None:
    """Evaluate the function: on its arguments where there are any, else on the node's data."""
    burst.take()
    scope = burst.scope(fiber)
    data = fiber.frames[-1].data
    if node.input is not None:
        data = evaluate.narrow(node.input, data, scope)
    if node.arguments is not None:
        data = evaluate.render(node.arguments, data, scope)
    return leave(burst, fiber, node, evaluate.value(node.program, data, scope), node.then)
