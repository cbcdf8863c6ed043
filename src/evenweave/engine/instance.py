"""The state of an instance: a small plain value, stored whole (DESIGN section 4).

Data inside it is shared between frames, instances and the store's cache, so nothing here or in a filter may change it in place.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from msgspec import Struct

_S = TypeVar("_S", bound=Struct)

Status = Literal["pending", "running", "waiting", "suspended", "cancelled", "faulted", "completed"]
FINAL: frozenset[Status] = frozenset({"cancelled", "completed"})

Blocked = Literal["", "await", "sleep", "call", "join", "fault"]


class Reason(Struct, array_like=True, frozen=True):
    """Why an instance is faulted, suspended or cancelled.

    Attributes:
        type: What kind of error: a short stable name such as ``expression`` or ``publish``.
        title: One sentence for people.
        reference: JSON pointer of the element of the definition where it happened; empty for the whole.
        at: When, in seconds since the epoch.
    """

    type: str
    title: str
    reference: str
    at: float


class Waiting(Struct, array_like=True):
    """What an await still needs: by the index of each accept, the events that came (mode ``all``).

    Attributes:
        matched: Events by the index of the accept that took them.
        keys: The correlation key by index of accept, where one is known; such events find the instance by it.
        begun: Which accepts took the event that started the instance; nobody had to listen for those.
    """

    matched: dict[int, Any]
    keys: dict[int, str]
    begun: list[int]


class Branches(Struct, array_like=True):
    """What a fork or a loop knows of its children.

    Attributes:
        alive: How many run.
        needed: How many have to end.
        next: The index of the item that starts next (a loop).
        items: The collection (a loop); empty for a fork.
        window: How many may run side by side (a loop).
        results: What the ended children yielded, by index.
    """

    alive: int
    needed: int
    next: int
    items: list[Any]
    window: int
    results: dict[int, Any]


class Frame(Struct, eq=False):
    """One activation of a node that has something inside it or waits.

    Attributes:
        position: The node's position in the plan.
        activation: The value of the instance's counter when the node was entered; triggers carry a task's, replies echo it.
        data: The data that the nodes inside read and fold into.
        variables: What an enclosing loop binds, by name.
        last: The last result folded into `data`, where the node yields that.
        started: When it was entered, in seconds since the epoch.
        deadline: When its time is up, in seconds since the epoch; `None` for never.
        attempt: How often the node was retried.
        waiting: For an await.
        branches: For a fork or a loop.
        correlates: The AsyncAPI correlation id that a task's trigger went out with; its reply carries the same.
    """

    position: str
    activation: int
    data: Any = None
    variables: dict[str, Any] | None = None
    last: Any = None
    started: float = 0.0
    deadline: float | None = None
    attempt: int = 0
    waiting: Waiting | None = None
    branches: Branches | None = None
    correlates: Any = None


class Fiber(Struct, eq=False):
    """One path of execution: a stack of frames, the innermost last.

    Attributes:
        id: Value of the instance's counter when it began.
        parent: Activation of the fork's or loop's frame that it is a child of; 0 for the main fiber.
        index: Which branch or item it is.
        frames: Its frames.
        blocked: What it waits for; empty while it runs. A fiber stopped by a ``fault`` keeps its frames.
        at: The position of the node to enter next, where that is not given by the frames (after a fault, or between bursts).
    """

    id: int
    parent: int
    index: int
    frames: list[Frame]
    blocked: Blocked = ""
    at: str = ""


class Instance(Struct):
    """One run of a definition.

    Attributes:
        tenant: Whose it is.
        id: Its id; effects and activations are named ``<id>:<n>``.
        definition: The definition's id.
        version: The definition's version as written.
        digest: Content digest of what it runs (PROTOCOL section 1).
        status: Where it is in its life cycle.
        revision: How many bursts changed it.
        counter: The last value given to an activation or an effect.
        started: When it began, in seconds since the epoch.
        updated: When it last changed.
        data: Its input until it ends, then its output.
        correlation: The values it correlates by, by lower-case name.
        fibers: Its paths.
        reason: Why it is faulted, suspended or cancelled.
        held: How many inbox rows wait for it: events that came while it did not wait for them.
        parent: The (instance, activation, onParentComplete) that started it, where another instance did.
        chain: The instance that this one continues, where it does.
        claims: The correlation keys that it stands for until it ends.
        compensation: What was completed and can be compensated, in order.
        bursts: How many bursts it ran without waiting for anything.
    """

    tenant: str
    id: str
    definition: str
    version: str
    digest: str
    status: Status
    started: float
    updated: float
    revision: int = 0
    counter: int = 0
    data: Any = None
    correlation: dict[str, Any] = {}
    fibers: list[Fiber] = []
    reason: Reason | None = None
    held: int = 0
    parent: tuple[str, int, str] | None = None
    chain: str = ""
    claims: list[str] = []
    compensation: list[Any] = []
    bursts: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.status in FINAL

    @property
    def due(self) -> float | None:
        """The earliest deadline in its state; none where deadlines have to wait (suspended, faulted) or nothing is left."""
        if self.status == "running":
            return 0.0
        if self.status not in {"waiting", "pending"}:
            return None
        return min(
            (frame.deadline for fiber in self.fibers for frame in fiber.frames if frame.deadline is not None),
            default=None,
        )


def copy(instance: Instance) -> Instance:
    """A copy whose structure may be changed while the data inside it is shared."""
    twin = _shallow(instance)
    twin.fibers = [_copy_fiber(fiber) for fiber in instance.fibers]
    return twin


def _copy_fiber(fiber: Fiber) -> Fiber:
    return Fiber(fiber.id, fiber.parent, fiber.index, [_copy_frame(f) for f in fiber.frames], fiber.blocked, fiber.at)


def _copy_frame(frame: Frame) -> Frame:
    twin = _shallow(frame)
    if frame.waiting is not None:
        twin.waiting = Waiting(dict(frame.waiting.matched), frame.waiting.keys, frame.waiting.begun)
    if frame.branches is not None:
        twin.branches = _shallow(frame.branches)
        twin.branches.results = dict(frame.branches.results)
    return twin


def _shallow(struct: _S) -> _S:
    return struct.__copy__()  # type: ignore[no-any-return, attr-defined]
