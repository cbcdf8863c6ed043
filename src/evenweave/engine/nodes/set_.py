"""Makes a result from a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine import evaluate
from evenweave.engine.moves import leave

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber
    from evenweave.plan.nodes import AnyNode, Set


def enter(burst: Burst, fiber: Fiber, node: Set) -> AnyNode | None:
    """Yield the template's value."""
    burst.take()
    scope = burst.scope(fiber)
    data = fiber.frames[-1].data
    if node.input is not None:
        data = evaluate.narrow(node.input, data, scope)
    value = evaluate.render(node.value, data, scope)
    return leave(burst, fiber, node, value, node.then)
