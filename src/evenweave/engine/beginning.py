"""How an instance begins: by a command, by an event, or as the fork of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine import correlate
from evenweave.engine.effects import Claim
from evenweave.engine.guarding import arm
from evenweave.engine.instance import Fiber, Opening
from evenweave.engine.listening import adopt
from evenweave.engine.moves import push

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.causes import Begin


def begin(burst: Burst, cause: Begin) -> None:
    """Make the main fiber and give it its turn: at the first node, a fork's at the one that it begins with."""
    instance = burst.instance
    if cause.lifetime is not None:
        instance.lifetime = cause.lifetime
        burst.replan(burst.plan)
    plan = burst.plan
    instance.data = cause.input
    if cause.headers:
        instance.headers = cause.headers
    if cause.parent is not None or cause.chain:
        instance.parent, instance.chain, instance.depth = cause.parent, cause.chain, cause.depth
        instance.bursts = cause.bursts
    if cause.event is not None:
        burst.carry(cause.event)
        instance.opening = Opening(cause.start, cause.event, cause.gathered)
    claims = cause.claims
    if cause.at is not None:
        instance.correlation = dict(cause.correlation)
        nodes = plan.nodes
        instance.compensation = [each for each in cause.compensation if each[0] in nodes and each[1] in nodes]
        instance.compensating = cause.compensating if cause.compensating in nodes else ""
    elif cause.event is not None and not cause.gathered:
        accept = plan.starts[cause.start].accept
        adopt(burst, accept, cause.event)
        claimed = correlate.claim(accept.match, cause.event)
        claims = [claimed] if claimed else []
    if claims:
        instance.claims = list(claims)
        burst.effects += [Claim(key) for key in claims]
    fiber = Fiber(burst.take(), 0, 0, [])
    instance.fibers.append(fiber)
    frame = push(burst, fiber, plan.root, cause.input)
    if plan.root.guard is not None:
        arm(frame, plan.root.guard)
    burst.queue(fiber, plan.root if cause.at is None else plan.nodes[cause.at])
