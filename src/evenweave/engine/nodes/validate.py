"""Checks data against a JSON Schema (0.8, "dataInputSchema")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine.fault import Fault
from evenweave.engine.moves import NOTHING, leave

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber
    from evenweave.plan.nodes import AnyNode, Validate


def enter(burst: Burst, fiber: Fiber, node: Validate) -> AnyNode | None:
    """Go on where the data fits, else stop with everything that is wrong with it."""
    burst.take()
    problems = node.schema.problems(fiber.frames[-1].data)
    if problems:
        raise Fault("validation", f"the input does not fit its schema: {'; '.join(problems)}", node.reference)
    return leave(burst, fiber, node, NOTHING, node.then)
