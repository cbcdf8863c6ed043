"""The state of an instance: a small plain value, stored whole (DESIGN section 4).

Data inside it is shared between frames, instances and the store's cache, so nothing here or in a filter may change it
in place. Nothing in it refers back to what holds it, so the collector of cycles need not look at it (``gc=False``).

The structs are written down as arrays (`evenweave.engine.codec`), so the order of their fields is a format: fields are
only ever added at the end, with a default. An older worker passes over them, a newer one fills them in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from evenweave.engine.causes import Called, ChildEnded, Lifetime  # noqa: TC001 - part of the state

if TYPE_CHECKING:
    from evenweave.plan.nodes import Plan

Status = Literal["pending", "running", "waiting", "suspended", "cancelled", "faulted", "completed"]
FINAL: frozenset[Status] = frozenset({"cancelled", "completed"})

Blocked = Literal["", "await", "sleep", "call", "child", "join", "retry", "idle", "fault"]


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


class Waiting(Struct, array_like=True, frozen=True, gc=False):
    """What an await waits for, by the index of each of its accepts. It is replaced where it changes.

    Attributes:
        matched: The events that came. With the last one that is needed nobody is listened for any more; they stay here
            until they are folded, so that a fault on the way loses none.
        keys: The correlation key, where all its values are known; such events find the instance by it.
        fixed: Values that the definition demands, where others of the same event are not known yet.
    """

    matched: dict[int, Any] = {}
    keys: dict[int, str] = {}
    fixed: dict[int, dict[str, Any]] = {}


class ChildCall(Struct, array_like=True, frozen=True, gc=False):
    """An instance that a node started and waits for. It is replaced where it changes.

    Attributes:
        n: The number of the effect that started it.
        with_parent: It is cancelled where the node is left before it has ended.
        outcome: How it ended, until that is folded.
        raised: Its fault was raised here: what is run again starts another one.
    """

    n: int
    with_parent: bool
    outcome: ChildEnded | None = None
    raised: bool = False


class Calling(Struct, array_like=True, frozen=True, gc=False):
    """A call to a function outside. It is replaced where it changes.

    Attributes:
        outcome: What came of it, until that is folded.
        raised: Its error was raised: what is run again calls again.
    """

    outcome: Called | None = None
    raised: bool = False


class Attempt(Struct, array_like=True, frozen=True, gc=False):
    """A node that is run again. It is replaced where it changes.

    Attributes:
        since: When the attempt that runs began, in seconds since the epoch; before it began, when the last one failed.
        delay: How long it was waited for, in seconds.
        type: The type of the error that the last one ended with; empty where something inside was run again.
        title: What that error said.
    """

    since: float
    delay: float = 0.0
    type: str = ""
    title: str = ""


class Branches(Struct, array_like=True, gc=False):
    """What a fork or a loop knows of its children.

    Attributes:
        alive: How many run.
        needed: How many have to end: of a loop all its items.
        next: The index of the item that starts next (a loop).
        items: The collection (a loop); empty for a fork.
        window: How many may run side by side (a loop).
        results: What the ended children yielded, by index; a loop that collects nothing keeps none.
    """

    alive: int
    needed: int
    next: int
    items: list[Any]
    window: int
    results: dict[int, Any]


class Frame(Struct, array_like=True, eq=False, gc=False):
    """One activation of a node that has something inside it or waits.

    Attributes:
        position: The node's position in the plan.
        activation: The value of the instance's counter when the node was entered; triggers carry a task's, replies echo
            it.
        data: The data that the nodes inside read and fold into.
        variables: What enclosing loops bind, by name; in the outermost frame of a fiber.
        last: The last result folded into `data`, where the node yields that.
        started: When it was entered, in seconds since the epoch.
        deadline: When its time is up, in seconds since the epoch; `None` for never.
        attempt: How often the node was retried.
        waiting: For an await.
        branches: For a fork or a loop.
        correlates: The AsyncAPI correlation id that a task's trigger went out with; its reply carries the same.
        child: For a node that waits for another instance.
        call: For a call to a function outside.
        retried: The attempt that runs, where it or something inside was run again.
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
    child: ChildCall | None = None
    call: Calling | None = None
    retried: Attempt | None = None


class Ending(Struct, array_like=True, frozen=True):
    """The instance's time is over.

    Attributes:
        reason: Why it ends as cancelled.
        first: The position of the node that runs before that; empty where none does.
        finishing: The node of the outermost scope that runs now comes to its end first.
    """

    reason: Reason
    first: str
    finishing: bool


class Fiber(Struct, array_like=True, eq=False, gc=False):
    """One path of execution: a stack of frames, the innermost last.

    Attributes:
        id: Value of the instance's counter when it began.
        parent: Activation of the fork's or loop's frame that it is a child of; 0 for the main fiber.
        index: Which branch or item it is.
        frames: Its frames.
            A fiber without frames is over.
        blocked: What it waits for; empty while it runs. A fiber stopped by a ``fault`` keeps its frames.
        at: The position of the node to go on with: where it runs but has no turn now, and after a fault.
        again: That node was entered already and goes on from its own frame, the innermost; else it is entered.
    """

    id: int
    parent: int
    index: int
    frames: list[Frame]
    blocked: Blocked = ""
    at: str | None = None
    again: bool = False


class Opening(Struct, array_like=True, frozen=True):
    """The event that started an instance, until the await that it was meant for takes it.

    Attributes:
        start: Which of the plan's starts it matched.
        event: The event.
        gathered: Where several events started it all of them, by the accept of the await that each is for.
    """

    start: int
    event: dict[str, Any]
    gathered: dict[int, dict[str, Any]] = {}


class Instance(Struct, array_like=True, gc=False):
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
        started: When it came to be, in seconds since the epoch.
        updated: When it last changed.
        data: Its input until it ends, then its output.
        correlation: The values it correlates by, by lower-case name.
        fibers: Its paths.
        reason: Why it is faulted, suspended or cancelled.
        held: How many inbox rows wait for it: events that came while it did not wait for them.
        parent: The (instance, activation, onParentComplete) that started it, where another instance did.
        chain: The instance that this one continues, where it does.
        claims: The correlation keys that it stands for until it ends.
        compensation: What was completed and can be compensated, in order: (of, by), both positions.
        bursts: How many bursts it ran without waiting for anything.
        opening: The event that started it, while nobody has taken it.
        depth: How many instances are around it.
        continued: The number of the effect by which another instance goes on for it; 0 where none does.
        children: The instances that it started, does not wait for, and takes with it: number of the effect by
            activation.
        headers: What ``$WORKFLOW.headers`` yields.
        compensating: The position of the node at which compensation began, while it goes on.
        ending: Why and how it ends, once its time is over.
        lifetime: How long it may take, where the instance that it goes on for says so.
        began: When it had all the events that it needed to begin, where those were several.
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
    compensation: list[tuple[str, str]] = []
    bursts: int = 0
    opening: Opening | None = None
    depth: int = 0
    continued: int = 0
    children: dict[int, int] = {}
    headers: dict[str, str] = {}
    compensating: str = ""
    ending: Ending | None = None
    lifetime: Lifetime | None = None
    began: float | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.status in FINAL

    @property
    def due(self) -> float | None:
        """The earliest deadline in its state; none where deadlines have to wait (suspended, faulted), or are none."""
        if self.status == "running":
            return 0.0
        if self.status not in {"waiting", "pending"}:
            return None
        return min(
            (frame.deadline for fiber in self.fibers for frame in fiber.frames if frame.deadline is not None),
            default=None,
        )


def fresh(plan: Plan, *, tenant: str, id: str, now: float) -> Instance:  # noqa: A002
    """An instance to which nothing has happened yet."""
    return Instance(
        tenant=tenant,
        id=id,
        definition=plan.id,
        version=plan.version,
        digest=plan.digest,
        status="pending",
        started=now,
        updated=now,
    )


def copy(instance: Instance) -> Instance:
    """A copy whose structure may be changed while the data inside it is shared."""
    twin: Instance = instance.__copy__()  # type: ignore[attr-defined]
    fibers = []
    for fiber in instance.fibers:
        frames = []
        for frame in fiber.frames:
            frames.append(other := frame.__copy__())  # type: ignore[attr-defined]
            if frame.branches is not None:
                other.branches = frame.branches.__copy__()  # type: ignore[attr-defined]
                other.branches.results = dict(frame.branches.results)
        fibers.append(Fiber(fiber.id, fiber.parent, fiber.index, frames, fiber.blocked, fiber.at, fiber.again))
    twin.fibers = fibers
    return twin
