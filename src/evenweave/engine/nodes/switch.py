"""Chooses where to go by conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine import evaluate

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber
    from evenweave.plan.nodes import Node, Switch


def enter(burst: Burst, fiber: Fiber, node: Switch) -> Node | None:
    """Leave by the first case whose condition is true (0.8, "Switch State": declared order decides), else by the default."""
    burst.take()
    scope = burst.scope(fiber)
    data = fiber.frames[-1].data
    if node.input is not None:
        data = evaluate.narrow(node.input, data, scope)
    edge = node.then
    for case in node.cases:
        if evaluate.truth(case.condition, data, scope):
            edge = case.then
            break
    return burst.leave(fiber, node, data, edge)
