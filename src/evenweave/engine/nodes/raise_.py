"""Raises an error of the workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from evenweave.engine import evaluate
from evenweave.engine.fault import Fault

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber
    from evenweave.plan.nodes import Raise


def enter(burst: Burst, fiber: Fiber, node: Raise) -> NoReturn:
    """Raise it."""
    burst.take()
    detail = ""
    if node.detail is not None:
        detail = evaluate.text(evaluate.render(node.detail, fiber.frames[-1].data, burst.scope(fiber)))
    raise Fault(node.type, detail or node.type, node.reference)
