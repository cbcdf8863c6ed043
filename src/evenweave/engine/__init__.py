"""The workflow engine: deterministic, without I/O.

A *cause* moves an instance, a *burst* is all moves until everything in it waits again, an *effect* is what a burst asks
of the outside. The same instance and causes give the same effects, byte for byte: time comes in as ``now``, ids are
counted.
"""

from evenweave.engine.burst import Burst, Step, start, step
from evenweave.engine.causes import Arrival, Begin, Cause, Command, Continue, Deadline, Migrate
from evenweave.engine.effects import Claim, Effect, Forget, Listen, Publish
from evenweave.engine.instance import Fiber, Frame, Instance, Reason, Status, fresh
from evenweave.engine.limits import LIMITS, Limits

__all__ = [
    "LIMITS",
    "Arrival",
    "Begin",
    "Burst",
    "Cause",
    "Claim",
    "Command",
    "Continue",
    "Deadline",
    "Effect",
    "Fiber",
    "Forget",
    "Frame",
    "Instance",
    "Limits",
    "Listen",
    "Migrate",
    "Publish",
    "Reason",
    "Status",
    "Step",
    "fresh",
    "start",
    "step",
]
