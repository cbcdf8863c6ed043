"""The workflow engine: deterministic, without I/O.

A *cause* moves an instance, a *burst* is all moves until everything in it waits again, an *effect* is what a burst asks
of the outside. The same instance and causes give the same effects, byte for byte: time comes in as ``now``, ids are
counted.
"""

from evenweave.engine.burst import Burst, Step
from evenweave.engine.causes import (
    Arrival,
    Begin,
    Called,
    Cause,
    ChildEnded,
    Command,
    Continue,
    Deadline,
    Migrate,
    Unknown,
)
from evenweave.engine.effects import (
    Claim,
    Dismiss,
    Effect,
    Forget,
    GiveUp,
    Invoke,
    Launch,
    Listen,
    Publish,
    Remove,
    Withdraw,
)
from evenweave.engine.instance import Fiber, Frame, Instance, Reason, Status, fresh
from evenweave.engine.limits import LIMITS, Limits
from evenweave.engine.stepping import start, step

__all__ = [
    "LIMITS",
    "Arrival",
    "Begin",
    "Burst",
    "Called",
    "Cause",
    "ChildEnded",
    "Claim",
    "Command",
    "Continue",
    "Deadline",
    "Dismiss",
    "Effect",
    "Fiber",
    "Forget",
    "Frame",
    "GiveUp",
    "Instance",
    "Invoke",
    "Launch",
    "Limits",
    "Listen",
    "Migrate",
    "Publish",
    "Reason",
    "Remove",
    "Status",
    "Step",
    "Unknown",
    "Withdraw",
    "fresh",
    "start",
    "step",
]
