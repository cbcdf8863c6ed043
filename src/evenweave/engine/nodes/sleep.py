"""Waits for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine.moves import NOTHING, leave, push

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber, Frame
    from evenweave.plan.nodes import AnyNode, Sleep


def enter(burst: Burst, fiber: Fiber, node: Sleep) -> None:
    """Set the deadline; it is absolute, so a restart does not start it anew (PROTOCOL section 2)."""
    push(burst, fiber, node, fiber.frames[-1].data).deadline = node.duration.after(burst.now)
    fiber.blocked = "sleep"


def expire(burst: Burst, fiber: Fiber, frame: Frame, node: Sleep) -> None:
    """The time is over."""
    frame.deadline = None
    fiber.blocked = ""
    burst.queue(fiber, node, again=True)


def again(burst: Burst, fiber: Fiber, _frame: Frame, node: Sleep) -> AnyNode | None:
    """Go on."""
    return leave(burst, fiber, node, NOTHING, node.then, framed=True)
