"""How each kind of node runs: one module per kind, and the tables by which a burst finds them.

``ENTER[kind](burst, fiber, node)`` enters a node; returns the node that follows in the same fiber, if one does at once.
``AGAIN[kind](burst, fiber, frame, node)`` goes on from the frame that the node made when it was entered; returns that
too.
``ENDED[kind](burst, join, node, index, result)`` tells a node with children that one of them ended.
``EXPIRE[kind](burst, fiber, frame, node)`` tells a frame that its deadline is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from evenweave.engine import guarding
from evenweave.engine.nodes import (
    await_,
    call,
    child,
    compensate,
    continue_as,
    do,
    emit,
    fork,
    loop,
    raise_,
    set_,
    sleep,
    switch,
    validate,
)
from evenweave.plan import nodes as plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ENTER: Final[Mapping[type, Callable[..., Any]]] = {
    plan.Do: do.enter,
    plan.Set: set_.enter,
    plan.Switch: switch.enter,
    plan.Await: await_.enter,
    plan.Emit: emit.enter,
    plan.Call: call.enter,
    plan.Child: child.enter,
    plan.ContinueAs: continue_as.enter,
    plan.Completed: compensate.note,
    plan.Compensate: compensate.enter,
    plan.Sleep: sleep.enter,
    plan.Fork: fork.enter,
    plan.Loop: loop.enter,
    plan.Raise: raise_.enter,
    plan.Validate: validate.enter,
}
AGAIN: Final[Mapping[type, Callable[..., Any]]] = {
    plan.Do: do.again,
    plan.Await: await_.again,
    plan.Call: call.again,
    plan.Child: child.again,
    plan.Sleep: sleep.again,
    plan.Fork: fork.again,
    plan.Loop: loop.again,
}
ENDED: Final[Mapping[type, Callable[..., Any]]] = {plan.Fork: fork.ended, plan.Loop: loop.ended}
EXPIRE: Final[Mapping[type, Callable[..., Any]]] = {
    plan.Do: guarding.expire,
    plan.Await: guarding.expire,
    plan.Sleep: sleep.expire,
}
