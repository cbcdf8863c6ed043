"""Runs branches side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.engine import evaluate, merge
from evenweave.engine.fault import Fault
from evenweave.engine.instance import Branches
from evenweave.engine.joins import Join
from evenweave.engine.moves import drop, leave, push, spawn

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber, Frame
    from evenweave.plan.nodes import AnyNode, Fork
    from evenweave.plan.template import Expression


def enter(burst: Burst, fiber: Fiber, node: Fork) -> AnyNode | None:
    """Start every branch with the data as it is now."""
    data = fiber.frames[-1].data
    if node.input is not None:
        data = evaluate.narrow(node.input, data, burst.scope(fiber))
    total = needed = len(node.branches)
    if isinstance(node.needed, int):
        needed = min(node.needed, total)
    elif node.needed is not None:
        needed = min(count(evaluate.value(node.needed, data, burst.scope(fiber)), node.needed), total)
    frame = push(burst, fiber, node, data)
    if not needed:
        return leave(burst, fiber, node, data, node.then, framed=True)
    frame.branches = Branches(total, needed, total, [], total, {})
    join = burst.joins[frame.activation] = Join(fiber, frame)
    for index, branch in enumerate(node.branches):
        spawn(burst, join, branch, index, data)
    fiber.blocked = "join"
    return None


def ended(burst: Burst, join: Join, node: Fork, index: int, result: Any) -> None:
    """Note a branch's end; with the last one that is needed, cancel the rest."""
    branches = join.frame.branches
    assert branches is not None
    branches.results[index] = result
    branches.alive -= 1
    if len(branches.results) == branches.needed:
        drop(burst, join)
        join.fiber.blocked = ""
        burst.queue(join.fiber, node, again=True)


def again(burst: Burst, fiber: Fiber, frame: Frame, node: Fork) -> AnyNode | None:
    """Go on with what the branches made, in declared order: three ways, so that none undoes what its neighbour did."""
    branches = frame.branches
    assert branches is not None
    results = [branches.results[index] for index in sorted(branches.results)]
    data = merge.join(frame.data, results, unite=burst.plan.unites_arrays)
    burst.joins.pop(frame.activation, None)
    return leave(burst, fiber, node, data, node.then, framed=True)


def count(value: Any, expression: Expression) -> int:
    """A whole number of at least one that an expression yields.

    Raises:
        Fault: It yields something else.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:9])  # nobody has more branches, and nothing is gained by reading more digits
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise Fault(
            "data",
            f"${{ {expression.source} }} yields {evaluate.describe(value)}, it must yield a whole number of at least 1",
            expression.reference,
        )
    return value
