"""A burst: all moves of one instance until everything in it waits again, or it ends.

A burst works on a copy. Whoever runs it keeps the copy only when the transaction that holds the burst is queued, so a
burst that fails leaves nothing behind.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from evenweave import jq
from evenweave.engine import correlate, evaluate, life
from evenweave.engine.causes import Arrival, Begin, Cause, Command, Continue, Deadline
from evenweave.engine.effects import Claim, Effect
from evenweave.engine.fault import Fault
from evenweave.engine.instance import Fiber, Frame, Instance, Reason, copy
from evenweave.engine.merge import merge
from evenweave.engine.nodes import ENDED, ENTER, EXPIRE, await_
from evenweave.plan.nodes import Do, Edge, Into, Leave, Node, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOTHING = Ellipsis
"""The result of a node that leaves the data around it as it is."""


class Limits(Struct, frozen=True):
    """What one burst may use up, and what one instance may become.

    Attributes:
        nodes: How many nodes a burst enters; the rest becomes a new cause.
        fuel: What all expressions of a burst may use up together.
        effects: How many effects a burst may ask for.
        state_bytes: How large the encoded state may be.
        bursts: How many bursts an instance may run without waiting; then it is suspended.
    """

    nodes: int = 10_000
    fuel: int = 1_000_000
    effects: int = 10_000
    state_bytes: int = 1024 * 1024
    bursts: int = 100


LIMITS = Limits()


class Step(Struct, frozen=True):
    """What came of a burst.

    Attributes:
        instance: The new state.
        effects: What it asks of the outside, in order.
        taken: For each cause, whether the instance took it; an arrival that it did not take is somebody else's, or waits.
    """

    instance: Instance
    effects: list[Effect]
    taken: list[bool]


def step(plan: Plan, instance: Instance, causes: Sequence[Cause], *, now: float, limits: Limits = LIMITS) -> Step:
    """Move the instance by all the causes, in order, in one burst.

    The argument is not changed. The same arguments give the same result, byte for byte.

    Args:
        plan: The plan of the instance's digest.
        instance: The state as it was committed last.
        causes: What moves it.
        now: Seconds since the epoch.
        limits: What the burst may use up.
    """
    burst = Burst(plan, instance, now=now, limits=limits)
    taken = [burst.apply(cause) for cause in causes]
    return burst.close(taken)


def start(plan: Plan, *, tenant: str, id: str, begin: Begin, now: float, limits: Limits = LIMITS) -> Step:  # noqa: A002
    """Make an instance and run its first burst."""
    return step(plan, fresh(plan, tenant=tenant, id=id, now=now), [begin], now=now, limits=limits)


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


class Burst:
    """A burst in progress; `apply` causes, then `close` it.

    The modules of `evenweave.engine.nodes` work on it through its public methods.
    """

    __slots__ = (
        "_left",
        "_paused",
        "_scopes",
        "begin",
        "effects",
        "instance",
        "limits",
        "now",
        "plan",
        "ready",
        "trace",
    )

    def __init__(self, plan: Plan, instance: Instance, *, now: float, limits: Limits = LIMITS) -> None:
        self.plan = plan
        self.instance = copy(instance)
        self.now = now
        self.limits = limits
        self.effects: list[Effect] = []
        self.ready: deque[tuple[Fiber, Node]] = deque()
        self.begin: Begin | None = None
        self.trace: tuple[Any, Any] = (None, None)
        self._left = limits.nodes
        self._paused = False
        self._scopes: dict[int, evaluate.Scope] = {}

    # The causes.

    def apply(self, cause: Cause) -> bool:
        """Move the instance by one cause; whether it took it.

        Raises:
            life.NotAllowed: A command that the status does not allow.
        """
        match cause:
            case Arrival():
                if self.instance.status not in {"waiting", "running"}:
                    return False
                if not await_.arrive(self, cause):
                    return False
                self._run()
            case Begin():
                self._turn("start")
                self._begin(cause)
                self._run()
            case Deadline():
                if self.instance.status != "waiting":
                    return False
                if not self._expire():
                    return False
                self._run()
            case Continue():
                if self.instance.status != "running":
                    return False
                self._resume()
                self._run()
            case Command():
                self._command(cause)
        return True

    def expects(self, cause: Arrival) -> bool:
        """Whether something in the instance waits for the event, though its status may not let it take it now."""
        return await_.find(self, cause) is not None

    def close(self, taken: list[bool]) -> Step:
        """End the burst."""
        self.instance.revision += 1
        self.instance.updated = self.now
        return Step(self.instance, self.effects, taken)

    def _begin(self, cause: Begin) -> None:
        self.begin = cause
        self.instance.data = cause.input
        fiber = Fiber(self.take(), 0, 0, [])
        self.instance.fibers.append(fiber)
        if cause.event is not None:
            self.carry(cause.event)
            match = self.plan.starts[cause.start].accept.match
            await_.adopt(self, match, cause.event)
            claimed = correlate.claim(match, cause.event)
            if claimed:
                self.instance.claims = [claimed]
                self.effects.append(Claim(claimed))
        self.attempt(fiber, self.plan.root, lambda: self.descend(fiber, self.plan.root, cause.input))

    def _command(self, cause: Command) -> None:
        match cause.verb:
            case "cancel":
                self._turn("cancel")
                self._drop_all()
                self.instance.data = self.data
                self.instance.fibers = []
                self.instance.reason = Reason(cause.type, cause.reason or "cancelled", "", self.now)
            case "suspend":
                self._turn("suspend")
                self.instance.reason = Reason(cause.type, cause.reason or "suspended", "", self.now)
            case "resume":
                self._turn("resume")
                self.instance.reason = None
                self.instance.bursts = 0
                self._expire()
                self._resume()
                self._run()
            case "fault":
                self._turn("fault")
                self.instance.reason = Reason(cause.type, cause.reason, "", self.now)

    def _expire(self) -> bool:
        over = [
            (fiber, frame)
            for fiber in self.instance.fibers
            for frame in fiber.frames
            if frame.deadline is not None and frame.deadline <= self.now
        ]
        for fiber, frame in over:
            node = self.plan.nodes[frame.position]
            if fiber in self.instance.fibers and frame in fiber.frames:  # an earlier one may have ended it
                self.attempt(fiber, node, partial(EXPIRE[node.__class__], self, fiber, frame, node))
        return bool(over)

    def _resume(self) -> None:
        for fiber in self.instance.fibers:
            if not fiber.blocked and fiber.at:
                node = self.plan.nodes[fiber.at]
                fiber.at = ""
                self.ready.append((fiber, node))

    # The moves.

    def _run(self) -> None:
        instance = self.instance
        if instance.status == "waiting":
            self._turn("move")
        ready = self.ready
        while ready and instance.status == "running":
            fiber, node = ready.popleft()
            self.attempt(fiber, node, partial(self._advance, fiber, node))
        if instance.status != "running":
            return
        if self._paused:
            self._turn("pause")
            instance.bursts += 1
            if instance.bursts > self.limits.bursts:
                self._turn("suspend")
                instance.reason = Reason(
                    "limit", f"{self.limits.bursts} bursts of {self.limits.nodes} nodes without waiting", "", self.now
                )
        elif instance.fibers or self.plan.keep_active:
            self._turn("wait")
            instance.bursts = 0
        else:
            self._turn("end")

    def _advance(self, fiber: Fiber, node: Node | None) -> None:
        while node is not None:
            if self._left <= 0:
                fiber.at = node.position
                self._paused = True
                return
            self._left -= 1
            try:
                node = ENTER[node.__class__](self, fiber, node)
            except Fault as fault:
                fiber.at = node.position
                if not fault.reference:
                    fault.reference = node.reference
                raise

    def _fault(self, fiber: Fiber, node: Node, fault: Fault) -> None:
        fiber.blocked = "fault"
        fiber.at = fiber.at or node.position
        for other, following in self.ready:
            other.at = following.position
        self.ready.clear()
        self._turn("fault")
        self.instance.reason = Reason(fault.type, fault.title, fault.reference or node.reference, self.now)

    def _turn(self, turn: life.Turn) -> None:
        self.instance.status = life.after(self.instance.status, turn)

    # What nodes are made of.

    def attempt(self, fiber: Fiber, node: Node, move: Callable[[], Node | None]) -> None:
        """Make a move of a fiber; a fault in it faults the instance, at the node."""
        try:
            following = move()
        except Fault as fault:
            self._fault(fiber, node, fault)
        else:
            if following is not None:
                self.ready.append((fiber, following))

    def take(self) -> int:
        """The next value of the instance's counter: of an activation, or of an effect (PROTOCOL section 1)."""
        self.instance.counter += 1
        return self.instance.counter

    def scope(self, fiber: Fiber) -> evaluate.Scope:
        """What expressions see in this fiber."""
        known = self._scopes.get(fiber.id)
        if known is None:
            instance, plan = self.instance, self.plan
            variables: dict[str, Any] = {
                "CONST": plan.constants,
                "WORKFLOW": {"id": plan.id, "name": plan.name, "version": plan.version, "instanceId": instance.id},
            }
            if fiber.frames and fiber.frames[0].variables:
                variables.update(fiber.frames[0].variables)
            shared = next(iter(self._scopes.values()), None)
            budget = jq.Budget(self.limits.fuel, now=self.now) if shared is None else shared.budget
            known = self._scopes[fiber.id] = evaluate.Scope(variables, budget)
        return known

    def ask(self, effect: Effect) -> None:
        """Ask something of the outside.

        Raises:
            Fault: The burst asks for too much.
        """
        if len(self.effects) >= self.limits.effects:
            raise Fault("limit", f"more than {self.limits.effects} effects in one burst")
        self.effects.append(effect)

    def carry(self, event: dict[str, Any]) -> None:
        """Let the events that the burst publishes carry the trace of the event that caused it."""
        self.trace = (event.get("traceparent"), event.get("tracestate"))

    def push(self, fiber: Fiber, node: Node, data: Any) -> Frame:
        """Enter a node that needs a frame."""
        frame = Frame(node.position, self.take(), data, started=self.now)
        fiber.frames.append(frame)
        return frame

    def descend(self, fiber: Fiber, node: Do, data: Any, variables: dict[str, Any] | None = None) -> Node | None:
        """Run a node that is the outermost one of a fiber; the node that comes first in it."""
        frame = self.push(fiber, node, data)
        frame.variables = variables
        if node.input is not None:
            frame.data = evaluate.narrow(node.input, data, self.scope(fiber))
        if node.body.first is not None:
            return self.plan.nodes[node.body.first]
        self._end_fiber(fiber, node)
        return None

    def leave(self, fiber: Fiber, node: Node, result: Any, edge: Edge) -> Node | None:
        """Fold the node's result into the data around it and follow the edge.

        Returns the node of the same fiber that comes next; none where the fiber ended or somebody else goes on.
        """
        frames = fiber.frames
        inner: Frame | None = None
        while True:
            if result is not NOTHING:
                try:
                    if node.output is not None:
                        result = evaluate.narrow(node.output, result, self.scope(fiber))
                    self.fold(fiber, node.into, result)
                except Fault:
                    if inner is not None:  # what is faulted keeps its frames
                        frames.append(inner)
                    raise
            if edge.__class__ is str:
                return self.plan.nodes[edge]
            if edge is Leave.TERMINATE:
                self._terminate()
                return None
            around = frames[-1]
            outer = self.plan.nodes[around.position]
            assert isinstance(outer, Do)
            if len(frames) == 1:
                self._end_fiber(fiber, outer)
                return None
            inner = frames.pop()
            node, result = outer, (around.last if outer.yields == "last" else around.data)
            edge = Leave.END if edge is Leave.END else outer.then

    def fold(self, fiber: Fiber, into: Into, result: Any) -> None:
        """Fold a result into the data of the fiber's innermost frame."""
        if into.mode == "discard":
            return
        around = fiber.frames[-1]
        if into.select is not None:
            result = evaluate.value(into.select, result, self.scope(fiber))
        if self.plan.nodes[around.position].yields == "last":  # type: ignore[attr-defined]
            around.last = result
        if into.mode == "replace":
            around.data = result
        elif into.to is not None:
            place = evaluate.path(into.to, around.data, self.scope(fiber))
            try:
                around.data = jq.setpath(around.data, place, merge(jq.getpath(around.data, place), result))
            except jq.JqError as error:
                raise Fault("data", f"{error} in ${{ {into.to.source} }}", into.to.reference) from None
        elif result.__class__ is dict:
            around.data = merge(around.data, result)
        elif result is not None:
            around.data = merge(around.data, {into.name: result})

    def spawn(
        self, fiber: Fiber, frame: Frame, node: Do, index: int, data: Any, variables: dict[str, Any] | None
    ) -> None:
        """Start a child of a fork or a loop."""
        child = Fiber(self.take(), frame.activation, index, [])
        self.instance.fibers.append(child)
        inherited = fiber.frames[0].variables
        if inherited:
            variables = inherited if variables is None else {**inherited, **variables}
        self.attempt(child, node, lambda: self.descend(child, node, data, variables))

    def drop(self, parent: int) -> None:
        """Remove the children of a fork's or loop's frame, with everything in them and everything they wait for."""
        gone = [fiber for fiber in self.instance.fibers if fiber.parent == parent]
        for fiber in gone:
            self.instance.fibers.remove(fiber)
            self._forget(fiber)
            for frame in fiber.frames:
                if frame.branches is not None:
                    self.drop(frame.activation)
        if gone and self.ready:
            left = [item for item in self.ready if item[0] not in gone]
            self.ready.clear()
            self.ready.extend(left)

    @property
    def data(self) -> Any:
        """The data of the instance as far as it got: of its outermost frame."""
        for fiber in self.instance.fibers:
            if fiber.parent == 0 and fiber.frames:
                return fiber.frames[0].data
        return self.instance.data

    def task(self, fiber: Fiber) -> Frame | None:
        """The frame of the task around: its activation is what triggers carry and replies echo."""
        nodes = self.plan.nodes
        for frame in reversed(fiber.frames):
            node = nodes[frame.position]
            if node.__class__ is Do and node.task:
                return frame
        return None

    def _end_fiber(self, fiber: Fiber, node: Do) -> None:
        frame = fiber.frames[-1]
        result = frame.last if node.yields == "last" else frame.data
        if node.output is not None:
            result = evaluate.narrow(node.output, result, self.scope(fiber))
        self.instance.fibers.remove(fiber)
        fiber.frames.pop()
        if fiber.parent == 0:
            self.instance.data = result
            return
        for parent in self.instance.fibers:
            for outer in parent.frames:
                if outer.activation == fiber.parent:
                    around = self.plan.nodes[outer.position]
                    move = partial(ENDED[around.__class__], self, parent, outer, around, fiber.index, result)
                    self.attempt(parent, around, move)
                    return
        raise AssertionError(f"fiber {fiber.id} has no parent")

    def _terminate(self) -> None:
        self.instance.data = self.data
        self._drop_all()
        self.instance.fibers = []
        self.ready.clear()
        self._turn("end")

    def _drop_all(self) -> None:
        for fiber in self.instance.fibers:
            self._forget(fiber)

    def _forget(self, fiber: Fiber) -> None:
        for frame in fiber.frames:
            if frame.waiting is not None:
                await_.forget(self, frame)
