"""Runs a body for each item of a collection.

The loop starts one item at a time and lets it run until it waits, before it starts the next: items that never wait
cost no fiber each, and a loop over many of them can stop anywhere when the burst has become too long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave import jq
from evenweave.engine import evaluate
from evenweave.engine.fault import Fault
from evenweave.engine.instance import Branches
from evenweave.engine.joins import Join
from evenweave.engine.moves import leave, push, spawn
from evenweave.engine.nodes.fork import count

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber, Frame
    from evenweave.plan.nodes import AnyNode, Loop


def enter(burst: Burst, fiber: Fiber, node: Loop) -> AnyNode | None:
    """Find the items and begin."""
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
    if window is None:
        window = max(1, len(items))
    elif not isinstance(window, int):
        window = count(evaluate.value(window, data, scope), window)
    frame = push(burst, fiber, node, data)
    frame.branches = Branches(0, len(items), 0, items, window, {})
    burst.joins[frame.activation] = Join(fiber, frame)
    return again(burst, fiber, frame, node)


def again(burst: Burst, fiber: Fiber, frame: Frame, node: Loop) -> AnyNode | None:
    """Start the next item where the window has room, and come back behind it; after the last one, finish."""
    branches = frame.branches
    assert branches is not None
    if branches.next < branches.needed and branches.alive < branches.window:
        _start_next(burst, frame, node)
        burst.queue(fiber, node, again=True)
        return None
    if branches.alive:
        fiber.blocked = "join"
        return None
    return _finish(burst, fiber, frame, node)


def ended(burst: Burst, join: Join, node: Loop, index: int, result: Any) -> None:
    """Note an item's result, and go on."""
    branches = join.frame.branches
    assert branches is not None
    if node.collect is not None:
        branches.results[index] = result
    branches.alive -= 1
    if join.fiber.blocked == "join":
        join.fiber.blocked = ""
        burst.queue(join.fiber, node, again=True)


def _start_next(burst: Burst, frame: Frame, node: Loop) -> None:
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
    spawn(burst, burst.joins[frame.activation], node.body, index, data, variables)


def _finish(burst: Burst, fiber: Fiber, frame: Frame, node: Loop) -> AnyNode | None:
    branches = frame.branches
    assert branches is not None
    data = frame.data
    if node.collect is not None:
        place = evaluate.path(node.collect, data, burst.scope(fiber))
        results = [branches.results[index] for index in range(branches.needed)]
        try:
            there = jq.getpath(data, place)
            if there is not None and not isinstance(there, list):
                raise Fault(
                    "data",
                    f"${{ {node.collect.source} }} is {evaluate.describe(there)}, results are added to an array",
                    node.collect.reference,
                )
            data = jq.setpath(data, place, [*(there or []), *results])
        except jq.JqError as error:
            raise Fault("data", f"{error} in ${{ {node.collect.source} }}", node.collect.reference) from None
    burst.joins.pop(frame.activation, None)
    return leave(burst, fiber, node, data, node.then, framed=True)
