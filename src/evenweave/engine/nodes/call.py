"""Calls a function (0.8, "Function Definition"): an expression is evaluated here, all else is called by the worker.

A call to the outside is an effect: it is made once the burst is durable, and what comes of it is a cause that names the
call's activation (PROTOCOL section 2, "Calls to functions").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.engine import calling, evaluate
from evenweave.engine.calling import Credentials, Invocation
from evenweave.engine.effects import Invoke
from evenweave.engine.fault import Fault
from evenweave.engine.instance import Calling, Frame
from evenweave.engine.moves import NOTHING, leave

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.causes import Called
    from evenweave.engine.instance import Fiber
    from evenweave.plan.nodes import AnyNode, Call, Function


def enter(burst: Burst, fiber: Fiber, node: Call) -> AnyNode | None:
    """Evaluate the function, on its arguments where there are any, else on the node's data; or ask for the call."""
    activation = burst.take()
    scope = burst.scope(fiber)
    data = fiber.frames[-1].data
    if node.input is not None:
        data = evaluate.narrow(node.input, data, scope)
    if node.outside is not None:
        return _ask(burst, fiber, node, node.outside, activation, data)
    assert node.program is not None
    if node.arguments is not None:
        data = evaluate.render(node.arguments, data, scope)
    return leave(burst, fiber, node, evaluate.value(node.program, data, scope), node.then)


def arrive(burst: Burst, cause: Called) -> bool:
    """Give what came of a call to the node that waits for it; whether there is one."""
    for fiber in burst.instance.fibers:
        if fiber.blocked == "call" and fiber.frames[-1].activation == cause.activation:
            frame = fiber.frames[-1]
            frame.call = Calling(cause)
            fiber.blocked = ""
            fiber.at = frame.position
            fiber.again = True
            return True
    return False


def again(burst: Burst, fiber: Fiber, frame: Frame, node: Call) -> AnyNode | None:
    """Fold the result, or raise what went wrong; where that was raised before, call again."""
    call = frame.call
    assert call is not None
    outcome = call.outcome
    assert outcome is not None
    if call.raised:
        fiber.frames.pop()
        return enter(burst, fiber, node)
    if not outcome.error:
        return leave(burst, fiber, node, outcome.result, node.then, framed=True)
    frame.call = Calling(outcome, raised=True)
    raise Fault(outcome.error, outcome.title, node.reference, outcome.codes)


def _ask(burst: Burst, fiber: Fiber, node: Call, function: Function, activation: int, data: Any) -> AnyNode | None:
    """Ask the worker for the call; what can fail comes before the effect."""
    scope = burst.scope(fiber)
    arguments = None if node.arguments is None else calling.render(node.arguments, data, scope)
    select = "" if node.select is None else evaluate.text(evaluate.render(node.select, data, scope))
    auth = None
    if function.auth is not None:
        properties = calling.render(function.auth.properties, data, scope)
        auth = Credentials(function.auth.name, function.auth.scheme, properties)
    burst.check_room(1)
    reads = bool(arguments is not None and arguments.open) or (auth is not None and bool(auth.properties.open))
    invocation = Invocation(
        key=f"{burst.instance.id}:{burst.take()}",
        definition=burst.plan.id,
        function=function.name,
        type=function.type,
        operation=function.operation,
        data=data if arguments is None else None,
        arguments=arguments,
        select=select,
        auth=auth,
        secrets=list(burst.plan.secrets) if reads else [],
        metadata=dict(function.metadata),
        timeout_s=function.timeout_s,
        repeat=function.repeat,
        waits=node.wait,
        digest=burst.plan.digest,
    )
    burst.effects.append(Invoke(activation, invocation))
    if not node.wait:
        return leave(burst, fiber, node, NOTHING, node.then)
    fiber.frames.append(Frame(node.position, activation, data, started=burst.now, call=Calling()))
    fiber.blocked = "call"
    return None
