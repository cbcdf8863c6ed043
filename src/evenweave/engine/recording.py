"""What happens inside of bursts, noted node by node: for traces, and to begin anew somewhere on the way.

A burst that is not recorded knows nothing of it: a recorded one runs nodes by other tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from msgspec import Struct

from evenweave.engine.burst import Burst
from evenweave.engine.effects import Publish
from evenweave.engine.nodes import AGAIN, ENTER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evenweave.engine.causes import Cause
    from evenweave.engine.instance import Fiber, Frame, Instance, Opening
    from evenweave.engine.limits import Limits
    from evenweave.engine.progress import FindPlan
    from evenweave.plan.nodes import AnyNode, Plan

What = Literal["entered", "ran", "left", "dropped", "faulted", "published"]


class Note(Struct, frozen=True):
    """Something that happened in a burst.

    Attributes:
        what: A node with something inside it was *entered*, *left* or *dropped* with what was around it; one that
            neither waits nor has something inside *ran*; a node *faulted*; an event was *published*.
        position: The node's; of an event that of the node that published it.
        kind: The node's kind, in lower case; of an event its channel.
        depth: How many nodes are around it in its fiber.
        fiber: The id of its fiber.
        took_s: How many seconds it was in there, where it was left or dropped.
        event: The id of the event that was published.
    """

    what: What
    position: str
    kind: str
    depth: int
    fiber: int
    took_s: float | None = None
    event: str = ""


class Entry(Struct, frozen=True):
    """The moment at which a node of the outermost scope was entered, with all that a fork needs to begin there."""

    plan: Plan
    position: str
    at: float
    data: Any
    correlation: dict[str, Any]
    claims: list[str]
    opening: Opening | None
    compensation: list[tuple[str, str]] = []
    compensating: str = ""


class Recorder:
    """Takes notes of one instance, burst after burst.

    Attributes:
        notes: Of the cause that is being handled; whoever reads them empties it.
        entries: Every entry into a node of the outermost scope so far.
    """

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.entries: list[Entry] = []
        self._open: dict[int, tuple[Frame, int, int]] = {}
        self._published = 0

    def entering(self, burst: Burst, fiber: Fiber, node: AnyNode) -> None:
        """A node is about to be entered."""
        instance = burst.instance
        if fiber.parent == 0 and len(fiber.frames) == 1 and node.position in burst.plan.root.body.nodes:
            data = fiber.frames[0].data
            moment = Entry(
                burst.plan,
                node.position,
                burst.now,
                data,
                instance.correlation,
                instance.claims,
                instance.opening,
                instance.compensation,
                instance.compensating,
            )
            self.entries.append(moment)
        self.see(burst, fiber)

    def ran(self, burst: Burst, fiber: Fiber, node: AnyNode, before: list[Frame], *, entered: bool) -> None:
        """A node ran; whatever came of it."""
        after = fiber.frames
        if entered and not any(frame.position == node.position for frame in (*before, *after)):
            self._note("ran", burst, node.position, len(before), fiber.id)
        self._note_published(burst, fiber, node, len(before))
        for frame in reversed(before):
            if not any(frame is other for other in after):
                self._leave(burst, frame, "left")
        self.see(burst, fiber)

    def faulted(self, burst: Burst, fiber: Fiber, node: AnyNode, depth: int) -> None:
        """A node failed, with so many frames around it."""
        self._note("faulted", burst, node.position, depth, fiber.id)

    def see(self, burst: Burst, fiber: Fiber) -> None:
        """Note the frames that are new."""
        for depth, frame in enumerate(fiber.frames):
            if frame.activation not in self._open:
                self._open[frame.activation] = frame, depth, fiber.id
                self._note("entered", burst, frame.position, depth, fiber.id)

    def close(self, burst: Burst) -> None:
        """A cause is handled: what is not there any more was left by somebody else."""
        alive = {frame.activation for fiber in burst.instance.fibers for frame in fiber.frames}
        for activation in [each for each in self._open if each not in alive]:
            self._leave(burst, self._open[activation][0], "dropped")

    def begin(self) -> None:
        """A burst begins."""
        self._published = 0

    def _leave(self, burst: Burst, frame: Frame, what: What) -> None:
        found = self._open.pop(frame.activation, None)
        if found is not None:
            self._note(what, burst, frame.position, found[1], found[2], burst.now - frame.started)

    def _note_published(self, burst: Burst, fiber: Fiber, node: AnyNode, depth: int) -> None:
        for effect in burst.effects[self._published :]:
            if isinstance(effect, Publish):
                self.notes.append(
                    Note("published", node.position, effect.channel, depth, fiber.id, event=effect.event["id"])
                )
        self._published = len(burst.effects)

    def _note(  # what happened, and where
        self, what: What, burst: Burst, position: str, depth: int, fiber: int, took_s: float | None = None
    ) -> None:
        node = burst.plan.nodes.get(position)
        kind = "" if node is None else type(node).__name__.lower()
        self.notes.append(Note(what, position, kind, depth, fiber, took_s))


def _enters(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(burst: RecordedBurst, fiber: Fiber, node: AnyNode) -> Any:
        burst.recorder.entering(burst, fiber, node)
        before = fiber.frames[:]
        entered = False
        try:
            following = function(burst, fiber, node)
            entered = True
        finally:
            burst.recorder.ran(burst, fiber, node, before, entered=entered)
        return following

    return run


def _goes_on(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(burst: RecordedBurst, fiber: Fiber, frame: Frame, node: AnyNode) -> Any:
        before = fiber.frames[:]
        try:
            return function(burst, fiber, frame, node)
        finally:
            burst.recorder.ran(burst, fiber, node, before, entered=False)

    return run


_ENTER: Final[Mapping[type, Callable[..., Any]]] = {kind: _enters(function) for kind, function in ENTER.items()}
_AGAIN: Final[Mapping[type, Callable[..., Any]]] = {kind: _goes_on(function) for kind, function in AGAIN.items()}


class RecordedBurst(Burst):
    """A burst of which a recorder takes notes."""

    __slots__ = ("recorder",)

    ENTER: ClassVar[Mapping[type, Callable[..., Any]]] = _ENTER
    AGAIN: ClassVar[Mapping[type, Callable[..., Any]]] = _AGAIN

    def __init__(
        self, plan: Plan, instance: Instance, recorder: Recorder, *, now: float, limits: Limits, find_plan: FindPlan
    ) -> None:
        super().__init__(plan, instance, now=now, limits=limits, find_plan=find_plan)
        self.recorder = recorder
        recorder.begin()

    def apply(self, cause: Cause) -> bool:
        """See `Burst.apply`."""
        taken = super().apply(cause)
        self.recorder.close(self)
        return taken

    def fault(self, fiber: Fiber, node: AnyNode, fault: Any) -> None:
        """See `Burst.fault`."""
        depth = len(fiber.frames)
        super().fault(fiber, node, fault)
        if self.instance.status != "faulted":
            self.recorder.faulted(self, fiber, node, depth)

    def halt(self, fiber: Fiber, node: AnyNode, fault: Any) -> None:
        """See `Burst.halt`."""
        super().halt(fiber, node, fault)
        self.recorder.faulted(self, fiber, node, len(fiber.frames))
