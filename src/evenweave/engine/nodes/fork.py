"""Runs branches side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.engine import evaluate
from evenweave.engine.fault import Fault
from evenweave.engine.instance import Branches
from evenweave.engine.merge import changes, merge

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber, Frame
    from evenweave.plan.nodes import Fork, Node
    from evenweave.plan.template import Expression


def enter(burst: Burst, fiber: Fiber, node: Fork) -> Node | None:
    """Start every branch with the data as it is now."""
    data = fiber.frames[-1].data
    scope = burst.scope(fiber)
    if node.input is not None:
        data = evaluate.narrow(node.input, data, scope)
    total = len(node.branches)
    needed = node.needed
    if needed is None:
        wanted = total
    elif isinstance(needed, int):
        wanted = min(needed, total)
    else:
        wanted = min(count(evaluate.value(needed, data, scope), needed), total)
    if not node.branches:
        burst.take()
        return burst.leave(fiber, node, data, node.then)
    frame = burst.push(fiber, node, data)
    frame.branches = Branches(total, wanted, total, [], total, {})
    fiber.blocked = "join"
    for index, branch in enumerate(node.branches):
        if frame.branches is None or len(frame.branches.results) >= wanted:
            break  # a branch without anything to do has ended the fork already
        burst.spawn(fiber, frame, branch, index, data, None)
    return None


def ended(burst: Burst, fiber: Fiber, frame: Frame, node: Fork, index: int, result: Any) -> Node | None:
    """Note a branch's end; with the last one needed, cancel the rest and fold what they made, in declared order."""
    branches = frame.branches
    assert branches is not None
    branches.results[index] = result
    branches.alive -= 1
    if len(branches.results) < branches.needed:
        return None
    burst.drop(frame.activation)
    data = frame.data
    for item in sorted(branches.results):
        data = merge(data, changes(frame.data, branches.results[item]))
    fiber.frames.remove(frame)
    fiber.blocked = ""
    return burst.leave(fiber, node, data, node.then)


def count(value: Any, expression: Expression) -> int:
    """A whole number of at least one that an expression yields.

    Raises:
        Fault: It yields something else.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise Fault(
            "data",
            f"${{ {expression.source} }} yields {evaluate.describe(value)}, it must yield a whole number of at least 1",
            expression.reference,
        )
    return value
