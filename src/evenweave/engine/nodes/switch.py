"""Chooses where to go by conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine import evaluate
from evenweave.engine.moves import leave

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber
    from evenweave.plan.nodes import AnyNode, Switch


def enter(burst: Burst, fiber: Fiber, node: Switch) -> AnyNode | None:
    """Leave by the first case whose condition is true (0.8, "Switch State"), else by the default."""
    burst.take()
    data = fiber.frames[-1].data
    if node.input is not None:
        data = evaluate.narrow(node.input, data, burst.scope(fiber))
    edge = node.then
    for case in node.cases:
        if evaluate.truth(case.condition, data, burst.scope(fiber)):
            edge = case.then
            break
    return leave(burst, fiber, node, data, edge)
