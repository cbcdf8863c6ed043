"""Runs another definition as an instance of its own (0.8, "SubFlowRef Definition").

The two talk by what their bursts ask for: an instance changes only its own state (PROTOCOL section 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from evenweave.engine import evaluate
from evenweave.engine.causes import Begin
from evenweave.engine.effects import Dismiss, Launch
from evenweave.engine.fault import Fault
from evenweave.engine.instance import ChildCall, Frame
from evenweave.engine.moves import NOTHING, leave

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.causes import ChildEnded
    from evenweave.engine.instance import Fiber
    from evenweave.plan.nodes import AnyNode, Child, ContinueAs


def enter(burst: Burst, fiber: Fiber, node: Child) -> AnyNode | None:
    """Start the other instance, and wait for its end where that is asked for."""
    instance = burst.instance
    data = fiber.frames[-1].data
    if node.input is not None:
        data = evaluate.narrow(node.input, data, burst.scope(fiber))
    check(burst, node, data)
    if instance.depth >= burst.limits.depth:
        raise Fault("limit", f"more than {burst.limits.depth} subflows inside one another", node.reference)
    burst.check_room(1)
    activation, n = burst.take(), burst.take()
    mode = "terminate" if node.with_parent else "continue"
    traceparent, tracestate = burst.context
    begin = Begin(
        data,
        parent=(instance.id, activation, mode),
        depth=instance.depth + 1,
        traceparent=traceparent,
        tracestate=tracestate,
    )
    burst.effects.append(Launch(n, node.definition, node.version, begin))
    if not node.wait:
        if node.with_parent:
            instance.children = {**instance.children, activation: n}
        return leave(burst, fiber, node, NOTHING, node.then)
    child = ChildCall(n, node.with_parent)
    fiber.frames.append(Frame(node.position, activation, data, started=burst.now, child=child))
    fiber.blocked = "child"
    return None


def awaits(burst: Burst, cause: ChildEnded) -> bool:
    """Whether something in the instance wants to know of it."""
    return cause.activation in burst.instance.children or _find(burst, cause) is not None


def arrive(burst: Burst, cause: ChildEnded) -> bool:
    """Give the outcome to the node that waits for it; whether there is one.

    A child that was mended after its fault had stopped this instance lets this one go on as well.
    """
    instance = burst.instance
    found = _find(burst, cause)
    if found is None:
        if instance.status == "faulted" or cause.activation not in instance.children:
            return False
        if cause.status != "faulted":  # one that is mended ends once more
            instance.children = {each: n for each, n in instance.children.items() if each != cause.activation}
        return True
    if instance.status == "faulted":
        if found.blocked != "fault" or cause.status != "completed":
            return False
        burst.turn("retry")
        instance.reason = None
        burst.wake()
    frame = found.frames[-1]
    assert frame.child is not None
    frame.child = ChildCall(frame.child.n, frame.child.with_parent, cause)
    found.blocked = ""
    burst.queue(found, burst.plan.nodes[frame.position], again=True)
    return True


def again(burst: Burst, fiber: Fiber, frame: Frame, node: Child) -> AnyNode | None:
    """Fold what the other instance made, or raise what stopped it; where that was raised before, start another one."""
    child = frame.child
    assert child is not None
    outcome = child.outcome
    if child.raised or outcome is None:
        fiber.frames.pop()
        if child.with_parent and (outcome is None or outcome.status == "faulted"):
            burst.effects.append(Dismiss(child.n))
        return enter(burst, fiber, node)
    if outcome.status == "completed":
        return leave(burst, fiber, node, outcome.data, node.then, framed=True)
    frame.child = msgspec.structs.replace(child, raised=True)
    title = f"the subflow {outcome.definition} ({outcome.child}) {outcome.status}"
    said = f"{title}: {outcome.title}" if outcome.title else title
    raise Fault(outcome.type or outcome.status, said, node.reference, (outcome.status, outcome.title))


def check(burst: Burst, node: Child | ContinueAs, data: object) -> None:
    """Make sure that there is such a definition, and that this can be its input.

    Raises:
        Fault: There is none, or it cannot.
    """
    if not burst.knows(node.definition, node.version):
        version = f' of version "{node.version}"' if node.version else ""
        raise Fault("unknown-workflow", f'no definition "{node.definition}"{version} starts instances', node.reference)
    if data.__class__ is not dict:
        what = evaluate.describe(data)
        raise Fault("data", f"the input of a workflow is an object, this is {what}", node.reference)


def _find(burst: Burst, cause: ChildEnded) -> Fiber | None:
    for fiber in burst.instance.fibers:
        if fiber.blocked in {"child", "fault"} and fiber.frames:
            frame = fiber.frames[-1]
            if frame.child is not None and frame.activation == cause.activation:
                return fiber
    return None
