"""Waits for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber, Frame
    from evenweave.plan.nodes import Node, Sleep


def enter(burst: Burst, fiber: Fiber, node: Sleep) -> Node | None:
    """Set the deadline; it is absolute, so a restart does not start it anew (PROTOCOL section 2)."""
    frame = burst.push(fiber, node, fiber.frames[-1].data)
    frame.deadline = node.duration.after(burst.now)
    fiber.blocked = "sleep"
    return None


def expire(burst: Burst, fiber: Fiber, frame: Frame, node: Sleep) -> Node | None:
    """Go on."""
    fiber.frames.remove(frame)
    fiber.blocked = ""
    return burst.leave(fiber, node, ..., node.then)
