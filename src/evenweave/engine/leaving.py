"""What a frame has asked of the outside is taken back where it is left before it came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine.effects import Dismiss, Withdraw
from evenweave.engine.listening import forget

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Frame


def withdraw(burst: Burst, frame: Frame, *, ends: bool = False) -> None:
    """Take back what a frame that goes still waits for (PROTOCOL section 2: in the same commit).

    A child that a fault stopped stays where it is, for somebody to look at, unless the whole instance ``ends``.
    """
    if frame.waiting is not None:
        forget(burst, frame)
    child = frame.child
    if child is not None and child.with_parent:
        outcome = child.outcome
        if outcome is None or (ends and outcome.status == "faulted"):
            burst.effects.append(Dismiss(child.n))
    call = frame.call
    if call is not None and call.outcome is None:
        burst.effects.append(Withdraw(frame.activation))


def dismiss_children(burst: Burst) -> None:
    """The instance ends: so do those that it started and that may not go on alone (0.8, ``onParentComplete``)."""
    for n in burst.instance.children.values():
        burst.effects.append(Dismiss(n))
    burst.instance.children = {}
