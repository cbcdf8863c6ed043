"""How far a burst got: the state of its instance, what it asked for, and what it may still use up."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from evenweave import jq
from evenweave.engine import evaluate, life, lifetime
from evenweave.engine.causes import Unknown
from evenweave.engine.chance import draw
from evenweave.engine.fault import Fault
from evenweave.engine.instance import copy
from evenweave.engine.joins import Join, find_joins
from evenweave.engine.limits import LIMITS, Limits
from evenweave.plan.nodes import Do

if TYPE_CHECKING:
    from collections.abc import Callable

    from evenweave.engine.causes import Begin, ChildEnded
    from evenweave.engine.effects import Effect
    from evenweave.engine.instance import Fiber, Frame, Instance
    from evenweave.plan.nodes import Plan

    FindPlan = Callable[[str, str], Plan | None]
    FindDefinition = Callable[[str, str], bool]
    Chance = Callable[[str], float]


def no_other(_definition: str, _digest: str) -> Plan | None:
    """Finds no plan: for bursts in which nothing migrates."""
    return None


def every(_definition: str, _version: str) -> bool:
    """Every definition can start instances: bursts that are run again know from their causes which could not."""
    return True


class Progress:
    """A burst as far as it got; `evenweave.engine.burst.Burst` moves it on.

    Attributes:
        plan: What the instance runs.
        instance: Its state as far as the burst got.
        now: Seconds since the epoch.
        limits: What the burst may use up.
        effects: What it has asked of the outside.
        trace: The traceparent and tracestate that published events carry.
        find_plan: Finds the plan that a migration names.
        chance: Draws the jitter of retries from a seed.
        closing: The instance's time is over, and what runs in its outermost scope is the last.
        find_definition: Whether a definition, of a version or of any, can start instances.
        unknown: The definitions that were asked for and could not.
    """

    __slots__ = (
        "_base",
        "_bound",
        "_joins",
        "_left",
        "_ready",
        "chance",
        "closing",
        "effects",
        "find_definition",
        "find_plan",
        "instance",
        "limits",
        "now",
        "plan",
        "trace",
        "unknown",
    )

    def __init__(
        self,
        plan: Plan,
        instance: Instance,
        *,
        now: float,
        limits: Limits = LIMITS,
        find_plan: FindPlan = no_other,
        chance: Chance = draw,
    ) -> None:
        self.plan = plan if instance.lifetime is None else lifetime.bound(plan, instance.lifetime)
        self.instance = copy(instance)
        self.now = now
        self.limits = limits
        self.find_plan = find_plan
        self.chance = chance
        self.closing = instance.ending is not None and instance.ending.finishing
        self.find_definition: FindDefinition = every
        self.unknown: list[Unknown] = []
        self.effects: list[Effect] = []
        self.trace: tuple[Any, Any] = (None, None)
        self._ready: deque[Fiber] = deque()
        self._left = limits.nodes
        self._joins: dict[int, Join] | None = None
        self._base: evaluate.Scope | None = None
        self._bound: tuple[Fiber, evaluate.Scope] | None = None

    @property
    def entered(self) -> int:
        """How many nodes it has entered so far."""
        return self.limits.nodes - self._left

    def turn(self, turn: life.Turn) -> None:
        """Take a turn in the life cycle."""
        self.instance.status = life.after(self.instance.status, turn)

    @property
    def joins(self) -> dict[int, Join]:
        """The forks and loops that have begun, by the activation of their frame."""
        if self._joins is None:
            self._joins = find_joins(self.instance.fibers)
        return self._joins

    @property
    def data(self) -> Any:
        """The data of the instance as far as it got: of its outermost frame."""
        for fiber in self.instance.fibers:
            if fiber.parent == 0 and fiber.frames:
                return fiber.frames[0].data
        return self.instance.data

    def take(self) -> int:
        """The next value of the instance's counter: of an activation, or of an effect (PROTOCOL section 1)."""
        instance = self.instance
        instance.counter = value = instance.counter + 1
        return value

    def knows(self, definition: str, version: str) -> bool:
        """Whether there is a definition that can start an instance; where not, it is noted for the history."""
        asked = Unknown(definition, version)
        if asked in self.unknown:
            return False
        known = self.find_definition(definition, version)
        if not known:
            self.unknown.append(asked)
        return known

    def replan(self, plan: Plan) -> None:
        """Go on by another plan, for the time that the instance was given where it was."""
        given = self.instance.lifetime
        self.plan = plan if given is None else lifetime.bound(plan, given)
        self._base = self._bound = None

    def scope(self, fiber: Fiber) -> evaluate.Scope:
        """What expressions see in this fiber."""
        base = self._base
        if base is None:
            plan, instance = self.plan, self.instance
            workflow: dict[str, Any] = {
                "id": plan.id,
                "name": plan.name,
                "version": plan.version,
                "instanceId": instance.id,
            }
            if instance.headers:
                workflow["headers"] = instance.headers
            budget = jq.Budget(self.limits.fuel, now=self.now)
            base = self._base = evaluate.Scope({"CONST": plan.constants, "WORKFLOW": workflow}, budget)
        variables = fiber.frames[0].variables
        if not variables:
            return base
        if self._bound is None or self._bound[0] is not fiber:
            self._bound = fiber, evaluate.Scope({**base.variables, **variables}, base.budget)
        return self._bound[1]

    def check_room(self, count: int) -> None:
        """Make sure that so many effects can be asked for.

        Raises:
            Fault: The burst would ask for too much.
        """
        if len(self.effects) + count > self.limits.effects:
            raise Fault("limit", f"more than {self.limits.effects} effects in one burst")

    def carry(self, event: dict[str, Any]) -> None:
        """Let the events that are published from here on carry the trace of the event that caused them."""
        self.trace = (event.get("traceparent"), event.get("tracestate"))

    def carry_from(self, cause: Begin | ChildEnded) -> None:
        """The same of another instance, where that was in a trace."""
        if cause.traceparent:
            self.trace = cause.traceparent, cause.tracestate or None

    @property
    def context(self) -> tuple[str, str]:
        """The traceparent and tracestate for another instance; empty where there are none."""
        parent, state = self.trace
        return parent if isinstance(parent, str) else "", state if isinstance(state, str) else ""

    def task(self, fiber: Fiber) -> Frame | None:
        """The frame of the task around: its activation is what triggers carry and replies echo."""
        nodes = self.plan.nodes
        for frame in reversed(fiber.frames):
            node = nodes[frame.position]
            if node.__class__ is Do and node.task:
                return frame
        return None
