"""How each kind of node runs: one module per kind, and the tables by which a burst finds them.

``ENTER[kind](burst, fiber, node)`` enters a node and returns the node that follows in the same fiber, if one does at once.
``ENDED[kind](burst, fiber, frame, node, index, result)`` tells a node with children that one of them ended.
``EXPIRE[kind](burst, fiber, frame, node)`` tells a frame that its deadline is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.engine.nodes import await_, call, do, emit, fork, loop, raise_, set_, sleep, switch
from evenweave.plan import nodes as plan

if TYPE_CHECKING:
    from collections.abc import Callable

ENTER: dict[type, Callable[..., Any]] = {
    plan.Do: do.enter,
    plan.Set: set_.enter,
    plan.Switch: switch.enter,
    plan.Await: await_.enter,
    plan.Emit: emit.enter,
    plan.Call: call.enter,
    plan.Sleep: sleep.enter,
    plan.Fork: fork.enter,
    plan.Loop: loop.enter,
    plan.Raise: raise_.enter,
}
ENDED: dict[type, Callable[..., Any]] = {plan.Fork: fork.ended, plan.Loop: loop.ended}
EXPIRE: dict[type, Callable[..., Any]] = {plan.Sleep: sleep.expire}
