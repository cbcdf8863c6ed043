"""What a person asks of an instance: suspend, resume, cancel, retry, skip."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from evenweave.engine import gathering, guarding, life
from evenweave.engine.fault import Fault
from evenweave.engine.instance import Reason
from evenweave.engine.patching import patch
from evenweave.engine.skipping import skip

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.causes import Command


def command(burst: Burst, cause: Command) -> bool:
    """Do what a command asks for; whether the instance runs now.

    Raises:
        evenweave.engine.life.NotAllowed: The status does not allow it, or the patch fits nowhere.
    """
    instance = burst.instance
    match cause.verb:
        case "cancel":
            burst.turn("cancel")
            gathering.give_up(burst, f"instance {instance.id} was cancelled before it began")
            burst.end_all()
            instance.reason = Reason(cause.type, cause.reason or "cancelled", "", burst.now)
        case "suspend":
            burst.turn("suspend")
            instance.reason = Reason(cause.type, cause.reason or "suspended", "", burst.now)
        case "fault":
            burst.turn("fault")
            instance.reason = Reason(cause.type, cause.reason, "", burst.now)
        case "resume" if instance.status == "suspended" and (not instance.counter or gathering.is_gathering(instance)):
            burst.turn("reopen")  # it was suspended before it began
            instance.reason = None
        case "resume" | "retry" | "skip":
            _go_on(burst, cause, cause.verb)
            return True
        case _:
            assert_never(cause.verb)
    return False


def _go_on(burst: Burst, cause: Command, turn: life.Turn) -> None:
    instance = burst.instance
    life.after(instance.status, turn)
    if cause.patch:
        patch(burst, cause.patch)
    burst.turn(turn)
    instance.reason = None
    instance.bursts = 0
    for fiber in instance.fibers[:]:
        if fiber.blocked != "fault":
            continue
        fiber.blocked = ""
        guarding.renew(burst, fiber)
        if turn == "skip" and fiber.at is not None:
            stopped = burst.plan.nodes[fiber.at]
            try:
                following = skip(burst, fiber, stopped)
            except Fault as fault:
                # What is around it cannot end: that is taken there, or it stops there and has another reason now.
                burst.fault(fiber, stopped, fault)
                if instance.status == "faulted":
                    return
                continue
            fiber.at = None if following is None else following.position
    burst.wake()
    burst.expire()
