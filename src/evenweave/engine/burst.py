"""A burst: all moves of one instance until everything in it waits again, or it ends.

A burst works on a copy. Whoever runs it keeps the copy only when the transaction that holds the burst is queued, so a
burst that fails leaves nothing behind.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, assert_never

from msgspec import Struct

from evenweave.engine import closing, gathering, guarding, migration
from evenweave.engine.beginning import begin
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
from evenweave.engine.commands import command
from evenweave.engine.fault import Fault
from evenweave.engine.instance import Fiber, Instance, Reason, fresh
from evenweave.engine.leaving import dismiss_children, withdraw
from evenweave.engine.limits import LIMITS, Limits
from evenweave.engine.listening import find, will_wait
from evenweave.engine.moves import stop
from evenweave.engine.nodes import AGAIN, ENDED, ENTER, EXPIRE, await_, call, child
from evenweave.engine.progress import Progress
from evenweave.plan.nodes import Do

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evenweave.engine.effects import Effect
    from evenweave.plan.guards import Timeout
    from evenweave.plan.nodes import AnyNode

__all__ = ["LIMITS", "Burst", "Limits", "Step", "fresh"]


class Step(Struct, frozen=True):
    """What came of a burst.

    Attributes:
        instance: The new state.
        effects: What it asks of the outside, in order.
        taken: For each cause, whether the instance took it; an arrival that it did not take is somebody else's, or
            waits.
    """

    instance: Instance
    effects: list[Effect]
    taken: list[bool]


class Burst(Progress):
    """A burst in progress; `apply` causes, then `close` it.

    `evenweave.engine.moves` and the modules of `evenweave.engine.nodes` work on it through its public attributes, and
    those of `Progress`.
    """

    __slots__ = ()

    # What runs a node; a recording takes others (`evenweave.engine.recording`).
    ENTER: ClassVar[Mapping[type, Callable[..., Any]]] = ENTER
    AGAIN: ClassVar[Mapping[type, Callable[..., Any]]] = AGAIN

    # The causes.

    def apply(self, cause: Cause) -> bool:
        """Move the instance by one cause; whether it took it.

        Raises:
            life.NotAllowed: A command that the status does not allow, or a beginning after the first; the burst must
                not be used any more, but for `evenweave.engine.migration.CannotMigrate`.
        """
        status = self.instance.status
        self.trace = (None, None)
        match cause:
            case Arrival():
                if status == "running":
                    self.wake()
                elif status != "waiting":
                    return status == "pending" and self._gather(cause)
                if not await_.arrive(self, cause):
                    return False
            case Begin():
                if self.plan.gathers and cause.event is not None and cause.at is None:
                    gathering.gather(self, cause)
                    return True
                self.turn("start")
                self.carry_from(cause)
                begin(self, cause)
            case Deadline():
                if status == "running":
                    self.wake()
                elif status != "waiting":
                    return status == "pending" and gathering.expire(self)
                if not self.expire():
                    return False
            case Continue():
                if status != "running":
                    return False
                self.wake()
                self.expire()
            case Command():
                if not command(self, cause):
                    return True
            case Migrate():
                migration.migrate(self, cause)
                return True
            case ChildEnded():
                if status == "running":
                    self.wake()
                elif status not in {"waiting", "faulted"}:
                    return False
                self.carry_from(cause)
                if not child.arrive(self, cause):
                    return False
            case Called():
                if not call.arrive(self, cause):
                    return False
                if status not in {"waiting", "running"}:
                    return True  # it is kept until the instance goes on
                self.wake()
            case Unknown():
                self.unknown.append(cause)
                return True
            case _:
                assert_never(cause)
        self._run()
        return True

    def expects(self, cause: Arrival) -> bool:
        """Whether something in the instance waits for the event, or will, though it cannot take it now."""
        return find(self, cause) is not None or will_wait(self, cause)

    def close(self, taken: list[bool]) -> Step:
        """End the burst."""
        self.instance.revision += 1
        self.instance.updated = self.now
        return Step(self.instance, self.effects, taken)

    def expire(self) -> bool:
        """Tell every frame whose deadline is over, the earliest first; whether there is one."""
        over = [
            (frame.deadline, frame.activation, fiber, frame)
            for fiber in self.instance.fibers
            for frame in fiber.frames
            if frame.deadline is not None and frame.deadline <= self.now
        ]
        over.sort(key=lambda each: each[:2])
        if over and self.instance.status == "waiting":
            self.turn("move")
        for _, _, fiber, frame in over:
            if self.instance.status != "running":
                break  # the deadlines that are left wait
            # An earlier one may have ended it, or given it more time.
            if frame in fiber.frames and frame.deadline is not None and frame.deadline <= self.now:
                node = self.plan.nodes[frame.position]
                EXPIRE[node.__class__](self, fiber, frame, node)
        return bool(over)

    # The moves.

    def queue(self, fiber: Fiber, node: AnyNode, *, again: bool = False) -> None:
        """Give a fiber its turn at this node, behind those that are ready before it."""
        fiber.at = node.position
        fiber.again = again
        self._ready.append(fiber)

    def wake(self) -> None:
        """Give a turn to what was left over from a burst that was too long, or stopped."""
        waiting = set(map(id, self._ready))
        self._ready.extend(
            fiber
            for fiber in self.instance.fibers
            if not fiber.blocked and fiber.at is not None and id(fiber) not in waiting
        )

    def _gather(self, cause: Arrival) -> bool:
        """Let an instance that has not begun take an event; with the last one it begins, and runs."""
        taken = gathering.take(self, cause)
        if self.instance.status == "running":
            self._run()
        return taken

    def _run(self) -> None:
        instance, ready = self.instance, self._ready
        if instance.status == "waiting":
            self.turn("move")
        while ready and self._left > 0 and instance.status == "running":
            fiber = ready.popleft()
            if fiber.frames:
                self._advance(fiber)
        fibers = instance.fibers
        if len(fibers) > 1 or (fibers and not fibers[0].frames):
            instance.fibers = [fiber for fiber in fibers if fiber.frames]
        if instance.status != "running":
            ready.clear()
        elif ready:
            self.turn("pause")
            instance.bursts += 1
            if instance.bursts > self.limits.bursts:
                self.turn("suspend")
                limit = f"{self.limits.bursts} bursts of {self.limits.nodes} nodes without waiting"
                where = self.plan.nodes[ready[0].at].reference if ready[0].at is not None else ""
                instance.reason = Reason("limit", limit, where, self.now)
        elif instance.fibers:
            self.turn("wait")
            instance.bursts = 0
        elif self.plan.keep_active and instance.ending is None:
            if closing.stay(self):
                self._run()
            else:
                self.turn("wait")
                instance.bursts = 0
        else:
            self.finish()
            if instance.children:
                dismiss_children(self)

    def _advance(self, fiber: Fiber) -> None:
        """Run a fiber until it waits, ends, or the burst is too long."""
        node: AnyNode | None = self.plan.nodes[fiber.at]  # type: ignore[index]
        again = fiber.again
        fiber.at = None
        fiber.again = False
        try:
            while node is not None:
                current = node
                if self._left <= 0:
                    fiber.at = current.position
                    fiber.again = again
                    self._ready.appendleft(fiber)
                    return
                self._left -= 1
                if again:
                    again = False
                    node = self.AGAIN[current.__class__](self, fiber, fiber.frames[-1], current)
                else:
                    node = self.ENTER[current.__class__](self, fiber, current)
        except Fault as fault:
            self.fault(fiber, current, fault)
        except RecursionError:
            self.fault(fiber, current, Fault("limit", "the data is nested too deeply"))

    def fault(self, fiber: Fiber, node: AnyNode, fault: Fault) -> None:
        """A node failed: what is around it takes the error, or the instance stops there."""
        left = guarding.catch(self, fiber, node, fault)
        if left is not None:
            self.halt(*left)

    def halt(self, fiber: Fiber, node: AnyNode, fault: Fault) -> None:
        """Stop where a node failed."""
        # A node that has made its frame goes on from there; a Do that has not come to its first node is entered again.
        entered = node.__class__ is not Do and fiber.frames[-1].position == node.position
        stop(fiber, node, fault, again=entered)
        fiber.blocked = "fault"
        self.turn("fault")
        self.instance.reason = Reason(fault.type, fault.title, fault.reference, self.now)

    def rest(self, fiber: Fiber) -> None:
        """Let a fiber wait for nothing and take its turn back."""
        fiber.blocked = ""
        fiber.at = None
        fiber.again = False
        if any(each is fiber for each in self._ready):
            self._ready = deque(each for each in self._ready if each is not fiber)

    # The ends.

    def end_child(self, fiber: Fiber, result: Any) -> None:
        """A child of a fork or a loop has ended with a result: tell its node."""
        join = self.joins[fiber.parent]
        del join.children[fiber.id]
        node = self.plan.nodes[join.frame.position]
        ENDED[node.__class__](self, join, node, fiber.index, result)

    def terminate(self) -> None:
        """End the instance, whatever else goes on in it."""
        self.finish()
        self.end_all()

    def finish(self) -> None:
        """The instance has ended: as completed, or as cancelled where its time was over."""
        ending = self.instance.ending
        self.turn("end" if ending is None else "expire")
        if ending is not None:
            self.instance.reason = ending.reason

    def close_by(self, timeout: Timeout) -> None:
        """The time of the instance is over."""
        closing.close(self, timeout)

    def go_before_end(self, fiber: Fiber) -> AnyNode | None:
        """What ran last in the instance's time is over: the node that runs before the end, where there is one."""
        return closing.go(self, fiber)

    def end_all(self) -> None:
        """Leave everything, and take back whatever is waited for."""
        instance = self.instance
        instance.data = self.data
        instance.opening = None
        for fiber in instance.fibers:
            for frame in fiber.frames:
                withdraw(self, frame, ends=True)
            fiber.frames.clear()
        instance.fibers = []
        if instance.children:
            dismiss_children(self)
        self._ready.clear()
