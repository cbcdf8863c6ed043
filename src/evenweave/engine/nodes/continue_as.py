"""Ends the instance and lets another one go on in its place (0.8, "Continuing as a new Execution")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine import evaluate, lifetime
from evenweave.engine.causes import Begin
from evenweave.engine.effects import Launch
from evenweave.engine.fault import Fault
from evenweave.engine.moves import NOTHING, leave
from evenweave.engine.nodes.child import check

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber
    from evenweave.plan.nodes import AnyNode, ContinueAs


def enter(burst: Burst, fiber: Fiber, node: ContinueAs) -> AnyNode | None:
    """Ask for the instance that goes on, and leave: whoever waits for this one waits for that one now.

    Instances that go on for one another without ever waiting are bounded like the bursts of a single one.
    """
    instance = burst.instance
    data = fiber.frames[-1].data
    if node.data is not None:
        data = evaluate.render(node.data, data, burst.scope(fiber))
    check(burst, node, data)
    if instance.bursts >= burst.limits.bursts:
        raise Fault("limit", f"{burst.limits.bursts} instances went on for one another without waiting", node.reference)
    burst.check_room(1)
    burst.take()
    n = burst.take()
    traceparent, tracestate = burst.context
    begin = Begin(
        data,
        parent=instance.parent,
        chain=instance.id,
        depth=instance.depth,
        bursts=instance.bursts + 1,
        lifetime=lifetime.of(burst.plan, node),
        traceparent=traceparent,
        tracestate=tracestate,
    )
    burst.effects.append(Launch(n, node.definition, node.version, begin))
    instance.continued = n
    return leave(burst, fiber, node, NOTHING, node.then)
