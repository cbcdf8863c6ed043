"""Undoes what was done, the last first (0.8, "Workflow Compensation").

What compensates runs in the outermost scope like any other node: the data of the instance goes through all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine.moves import NOTHING, leave

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber
    from evenweave.plan.nodes import AnyNode, Compensate, Completed


def note(burst: Burst, fiber: Fiber, node: Completed) -> AnyNode | None:
    """Note that a node is done; one that was done before is compensated once, as of its last time."""
    burst.take()
    log = [each for each in burst.instance.compensation if each[0] != node.of]
    burst.instance.compensation = [*log, (node.of, node.by)]
    return leave(burst, fiber, node, NOTHING, node.then)


def enter(burst: Burst, fiber: Fiber, node: Compensate) -> AnyNode | None:
    """Go to what compensates the node that was done last; where all is compensated, go on where it began."""
    burst.take()
    instance = burst.instance
    if node.begins:
        instance.compensating = node.position
    if instance.compensation:
        *instance.compensation, (_, by) = instance.compensation
        return burst.plan.nodes[by]
    began = burst.plan.nodes[instance.compensating or node.position]
    instance.compensating = ""
    return leave(burst, fiber, began, NOTHING, began.then)
