"""The time that an instance is given by the one that it goes on for (0.8, "Continuing as a new Execution").

It takes the place of the time-out of the instance's own definition, for this instance alone: one that goes on for it in
turn has the time that this one gives it, else that of its definition.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from evenweave.engine.causes import Lifetime
from evenweave.engine.fault import Fault
from evenweave.plan.duration import Duration
from evenweave.plan.guards import Closing, Guard, Timeout

if TYPE_CHECKING:
    from evenweave.engine.instance import Instance
    from evenweave.plan.nodes import ContinueAs, Plan


def of(plan: Plan, node: ContinueAs) -> Lifetime | None:
    """The time that a node gives the instance that goes on; nothing where it leaves that to its definition."""
    given = node.lifetime
    if given is None:
        return None
    duration = given.duration
    before_end = given.before_end or ""
    return Lifetime(duration.months, duration.milliseconds, given.text, given.interrupt, before_end, plan.id)


def bound(plan: Plan, lifetime: Lifetime) -> Plan:
    """The plan as an instance runs it whose time is given: only the time-out that ends the instance is another one."""
    made = Timeout(
        reference="",
        name=f"workflowExecTimeout of {lifetime.by}'s continueAs",
        duration=Duration(lifetime.months, lifetime.milliseconds),
        text=lifetime.text,
        closes=Closing(lifetime.interrupt, plan.aside.get(lifetime.before_end)),
    )
    guard = plan.root.guard or Guard()
    others = tuple(timeout for timeout in guard.timeouts if timeout.closes is None)
    root = replace(plan.root, guard=replace(guard, timeouts=(made, *others)))
    return replace(plan, root=root, nodes={**plan.nodes, root.position: root})


def check(plan: Plan, instance: Instance) -> None:
    """Make sure that what is to run before the end is there; a retry looks again, as by another version it may be.

    Raises:
        Fault: It is not.
    """
    lifetime = instance.lifetime
    if lifetime is not None and lacks(plan, lifetime):
        title = (
            f'{lifetime.by} continues with "runBefore: {lifetime.before_end}", and that is no state that may run '
            "before the end"
        )
        raise Fault("unknown-state", title)


def lacks(plan: Plan, lifetime: Lifetime) -> bool:
    """Whether what is to run before the end is missing in a plan."""
    return bool(lifetime.before_end) and lifetime.before_end not in plan.aside
