"""An instance whose time is over (0.8, "WorkflowExecTimeout Definition"), and one that outlives its last path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine.guarding import arm, rest
from evenweave.engine.instance import Ending, Fiber, Reason
from evenweave.engine.moves import push
from evenweave.plan.nodes import Await

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.plan.guards import Timeout
    from evenweave.plan.nodes import AnyNode


def close(burst: Burst, timeout: Timeout) -> None:
    """The time of the instance is over: it ends, where it may after what runs now."""
    closes = timeout.closes
    assert closes is not None
    title = f"it took longer than {timeout.text} ({timeout.name})"
    reason = Reason("timeout", title, timeout.reference, burst.now)
    finishing = not closes.interrupt and any(_works(burst, fiber) for fiber in burst.instance.fibers)
    burst.instance.ending = Ending(reason, closes.first or "", finishing)
    burst.closing = finishing
    if not finishing:
        main = burst.instance.fibers[0]
        following = go(burst, main)
        if following is not None:
            burst.queue(main, following)


def go(burst: Burst, fiber: Fiber) -> AnyNode | None:
    """Leave everything; the node that runs before the end, where there is one."""
    instance = burst.instance
    ending = instance.ending
    assert ending is not None
    burst.closing = False
    instance.ending = Ending(ending.reason, ending.first, finishing=False)
    rest(burst, fiber, 1)
    if ending.first:
        return burst.plan.nodes[ending.first]
    burst.terminate()
    return None


def stay(burst: Burst) -> bool:
    """Nothing runs any more in an instance that is kept: it waits for its first events again; whether it runs so.

    One that no event starts waits for its time to be over (0.8, ``keepActive``).
    """
    instance, plan = burst.instance, burst.plan
    if not plan.starts and plan.root.guard is None:
        return False
    fiber = Fiber(burst.take(), 0, 0, [])
    instance.fibers = [fiber]
    frame = push(burst, fiber, plan.root, instance.data)
    if plan.root.guard is not None:
        frame.started = instance.started if instance.began is None else instance.began
        arm(frame, plan.root.guard)
    if not plan.starts:
        fiber.blocked = "idle"
        return False
    assert plan.root.body.first is not None
    burst.queue(fiber, plan.nodes[plan.root.body.first])
    return True


def _works(burst: Burst, fiber: Fiber) -> bool:
    """Whether a fiber does something now: it runs, or an action of it waits for its outcome."""
    if not fiber.blocked or fiber.blocked in {"call", "child"}:
        return bool(fiber.frames)
    if fiber.blocked != "await":
        return False
    node = burst.plan.nodes[fiber.frames[-1].position]
    around = burst.plan.nodes[fiber.frames[-2].position]
    return isinstance(node, Await) and node.reference == around.reference and any(each.echo for each in node.accepts)
