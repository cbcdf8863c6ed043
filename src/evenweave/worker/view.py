"""An instance as people see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from evenweave.plan.nodes import Await, Do
from evenweave.worker import identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.engine import Fiber, Instance, Reason
    from evenweave.plan.nodes import Plan
    from evenweave.ports.store import InstanceSummary


class Expectation(Struct, frozen=True):
    """Something that an instance waits for.

    Attributes:
        reference: Where in the definition.
        kind: ``event``, ``time``, ``branches``, ``child``, or ``repair`` where a fault stopped it.
        events: For an event: the names and channels that would do, and how it is found; for a child its id.
        since: Since when, in seconds since the epoch.
        until: The deadline, in seconds since the epoch.
    """

    reference: str
    kind: str
    events: list[dict[str, Any]]
    since: float
    until: float | None


class Relative(Struct, frozen=True):
    """An instance that has to do with another one."""

    id: str
    definition: str
    version: str
    status: str


class InstanceView(Struct, frozen=True, omit_defaults=True):
    """An instance, whole, for people and programs.

    Attributes:
        parent: The instance that started it, by which activation, and what becomes of it when that one ends.
        continues: The instance that it goes on for.
        continued_by: The instance that goes on for it.
        children: The instances that it started, and those that go on for them, oldest first; at most a hundred.
    """

    id: str
    definition: str
    version: str
    digest: str
    status: str
    reason: Reason | None
    started: float
    updated: float
    revision: int
    correlation: dict[str, Any]
    waits: list[Expectation]
    held: int
    data: Any
    parent: tuple[str, int, str] | None = None
    continues: str = ""
    continued_by: str = ""
    children: list[Relative] = []


def view(instance: Instance, plan: Plan | None, children: Sequence[InstanceSummary] = ()) -> InstanceView:
    """Show an instance; without its plan, what it waits for is not known."""
    waits = [] if plan is None else [_expectation(fiber, plan, instance) for fiber in instance.fibers if fiber.frames]
    data = current_data(instance)
    return InstanceView(
        instance.id,
        instance.definition,
        instance.version,
        instance.digest,
        instance.status,
        instance.reason,
        instance.started,
        instance.updated,
        instance.revision,
        instance.correlation,
        waits,
        instance.held,
        data,
        instance.parent,
        instance.chain,
        successor(instance),
        [Relative(each.id, each.definition, each.version, each.status) for each in children],
    )


def successor(instance: Instance) -> str:
    """The instance that goes on for one that has ended; empty where none does."""
    return identity.of_child(instance.tenant, instance.id, instance.continued) if instance.continued else ""


def current_data(instance: Instance) -> Any:
    """The data as far as it got: of the state that the main path is in, whose output is not the instance's yet."""
    for fiber in instance.fibers:
        if fiber.parent == 0 and fiber.frames:
            return fiber.frames[min(1, len(fiber.frames) - 1)].data
    return instance.data


def _expectation(fiber: Fiber, plan: Plan, instance: Instance) -> Expectation:
    frame = fiber.frames[-1]
    node = plan.nodes.get(fiber.at if fiber.blocked == "fault" and fiber.at else frame.position)
    reference = "" if node is None else node.reference
    kinds = {
        "await": "event",
        "sleep": "time",
        "join": "branches",
        "child": "child",
        "call": "result",
        "retry": "retry",
        "fault": "repair",
    }
    events = []
    if frame.child is not None and fiber.blocked == "child":
        events.append({"child": identity.of_child(instance.tenant, instance.id, frame.child.n)})
    if isinstance(node, Await) and frame.waiting is not None:
        task = _task(fiber, plan)
        for index, accept in enumerate(node.accepts):
            if index in frame.waiting.matched:
                continue
            one: dict[str, Any] = {"event": accept.match.name, "channel": accept.match.channel}
            if accept.echo and task is not None:
                one["echo"] = f"{instance.id}:{task}"
            if index in frame.waiting.keys:
                one["key"] = frame.waiting.keys[index]
            events.append(one)
    return Expectation(reference, kinds.get(fiber.blocked, "turn"), events, frame.started, frame.deadline)


def _task(fiber: Fiber, plan: Plan) -> int | None:
    for frame in reversed(fiber.frames):
        node = plan.nodes.get(frame.position)
        if isinstance(node, Do) and node.task:
            return frame.activation
    return None
