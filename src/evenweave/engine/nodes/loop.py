"""Runs a body for each item of a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave import jq
from evenweave.engine import evaluate
from evenweave.engine.fault import Fault
from evenweave.engine.instance import Branches
from evenweave.engine.nodes.fork import count

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber, Frame
    from evenweave.plan.nodes import Loop, Node


def enter(burst: Burst, fiber: Fiber, node: Loop) -> Node | None:
    """Start the first items, as many as the window has room for."""
    data = fiber.frames[-1].data
    scope = burst.scope(fiber)
    if node.input is not None:
        data = evaluate.narrow(node.input, data, scope)
    items = evaluate.value(node.items, data, scope)
    if not isinstance(items, list):
        raise Fault(
            "data",
            f"${{ {node.items.source} }} yields {evaluate.describe(items)}, a loop needs an array",
            node.items.reference,
        )
    window = node.window
    if window is not None and not isinstance(window, int):
        window = count(evaluate.value(window, data, scope), window)
    room = max(1, len(items)) if window is None else window
    frame = burst.push(fiber, node, data)
    if not items:
        return _finish(burst, fiber, frame, node, [])
    frame.branches = Branches(0, len(items), 0, items, room, {})
    fiber.blocked = "join"
    while frame.branches is not None and _has_room(frame.branches):
        _spawn(burst, fiber, frame, node)
    return None


def ended(burst: Burst, fiber: Fiber, frame: Frame, node: Loop, index: int, result: Any) -> Node | None:
    """Note an item's result and start the next item; after the last one, collect the results in the order of the items."""
    branches = frame.branches
    assert branches is not None
    branches.results[index] = result
    branches.alive -= 1
    if len(branches.results) == branches.needed:
        fiber.blocked = ""
        return _finish(burst, fiber, frame, node, [branches.results[item] for item in range(branches.needed)])
    if _has_room(branches):
        _spawn(burst, fiber, frame, node)
    return None


def _has_room(branches: Branches) -> bool:
    return branches.next < branches.needed and branches.alive < branches.window


def _spawn(burst: Burst, fiber: Fiber, frame: Frame, node: Loop) -> None:
    branches = frame.branches
    assert branches is not None
    index = branches.next
    branches.next += 1
    branches.alive += 1
    item = branches.items[index]
    # 0.8 shows the item as a key of the action's data, its users write it as a variable: it is both.
    data, variables = frame.data, None
    if node.name is not None:
        variables = {node.name: item}
        if isinstance(data, dict):
            data = {**data, node.name: item}
    burst.spawn(fiber, frame, node.body, index, data, variables)


def _finish(burst: Burst, fiber: Fiber, frame: Frame, node: Loop, results: list[Any]) -> Node | None:
    fiber.frames.remove(frame)
    frame.branches = None
    data = frame.data
    if node.collect is not None:
        place = evaluate.path(node.collect, data, burst.scope(fiber))
        there = jq.getpath(data, place)
        if there is not None and not isinstance(there, list):
            raise Fault(
                "data",
                f"${{ {node.collect.source} }} is {evaluate.describe(there)}, results are added to an array",
                node.collect.reference,
            )
        data = jq.setpath(data, place, [*(there or []), *results])
    return burst.leave(fiber, node, data, node.then)
