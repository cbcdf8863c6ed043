"""One instance in memory, without a store or a broker: what `evenweave run` drives."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from evenweave.engine import (
    Arrival,
    Begin,
    Called,
    Continue,
    Deadline,
    Dismiss,
    Invoke,
    Launch,
    Publish,
    Withdraw,
    correlate,
    step,
)
from evenweave.engine.burst import fresh
from evenweave.engine.gathering import is_gathering
from evenweave.plan.nodes import Await, Do
from evenweave.worker.view import current_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.engine import Cause, Instance, Step
    from evenweave.engine.calling import Invocation
    from evenweave.plan.nodes import Accept, Plan
    from evenweave.worker.family import Family

_TURNS = 100


class Came(Struct, frozen=True):
    """An event from outside.

    Attributes:
        channel: Where it arrived; empty where that is not known: then it is matched by its type and source.
        event: The event.
    """

    channel: str
    event: dict[str, Any]


class Alone:
    """One instance of a definition.

    It follows PROTOCOL section 3 with one difference: as there is only one instance, an event with neither an echo
    nor a rule goes to it. An event that comes early is kept until somebody in the instance waits for it.

    Attributes:
        published: What the instance published, in order.
        kept: Events that nobody waited for yet.
        calls: The calls to functions that it asks for, by activation; whoever makes them answers them.
        asked: What it asks of other instances; whoever runs those takes it from here.
    """

    def __init__(
        self,
        plan: Plan,
        data: Any,
        *,
        now: float,
        id: str = "run",  # noqa: A002
        headers: Mapping[str, str] | None = None,
        begin: Begin | None = None,
        family: Family | None = None,
    ) -> None:
        self.published: list[dict[str, Any]] = [] if family is None else family.published
        self.kept: deque[Came] = deque()
        self.calls: dict[int, Invocation] = {}
        self._plan = plan
        self._instance: Instance = fresh(plan, tenant="default", id=id, now=now)
        self._input = data
        self._headers = dict(headers or {})
        self._family = family
        self.asked: list[Launch | Dismiss] = []
        if begin is not None or not plan.starts:
            self._move(begin or Begin(data, headers=self._headers), now)
            self.advance(now)

    @property
    def instance(self) -> Instance:
        """The instance as it is now."""
        return self._instance

    @property
    def data(self) -> Any:
        """Its output, or its data as far as it got."""
        return current_data(self._instance)

    @property
    def due(self) -> float | None:
        """Its earliest deadline."""
        return self._instance.due

    @property
    def over(self) -> bool:
        """Whether nothing can move it any more."""
        return self._instance.ended or self._instance.status in {"faulted", "suspended"}

    @property
    def waiting(self) -> list[Accept]:
        """The kinds of event that would move it now."""
        if self._instance.status == "pending" and not is_gathering(self._instance):
            return [start.accept for start in self._plan.starts]
        return [
            accept
            for fiber in self._instance.fibers
            if fiber.blocked == "await" and isinstance(node := self._plan.nodes[fiber.frames[-1].position], Await)
            for index, accept in enumerate(node.accepts)
            if node.mode == "any" or fiber.frames[-1].waiting is None or index not in fiber.frames[-1].waiting.matched
        ]

    def deliver(self, came: Came, now: float) -> None:
        """An event arrives."""
        self.kept.append(came)
        self.advance(now)

    def tell(self, cause: Cause, now: float) -> None:
        """Another instance has something for it."""
        self._move(cause, now)
        self.advance(now)

    def answer(self, outcome: Called, now: float) -> None:
        """A call was made; where nobody waits for it any more, that is nothing."""
        invocation = self.calls.pop(outcome.activation, None)
        if invocation is not None and invocation.waits:
            self._move(outcome, now)
            self.advance(now)

    def advance(self, now: float) -> None:
        """Do everything that can be done now: deadlines that are over, and events that were kept.

        A loop that sleeps for no time is over again and again: after some turns whoever drives it may look at the time.
        """
        moved, turns = True, 0
        while moved and not self.over:
            moved = False
            due = self._instance.due
            if self._instance.status == "running":
                moved = self._move(Continue(), now)
            elif due is not None and due <= now and turns < _TURNS:
                moved, turns = self._move(Deadline(), now), turns + 1
            for came in list(self.kept):
                if self.offer(came, now):
                    self.kept.remove(came)
                    moved = True
                    break

    def offer(self, came: Came, now: float) -> bool:
        """Give it an event; whether it takes it now."""
        if self._instance.status == "pending":
            for index, start in enumerate(self._plan.starts):
                match = start.accept.match
                channel = self._channel(came, match.channel)
                if not correlate.fits(match, channel, came.event):
                    continue
                if not is_gathering(self._instance):
                    return self._move(Begin(self._input, came.event, index, headers=self._headers), now)
                if self._move(Arrival(channel, came.event), now):
                    return True
            return False
        return any(self._move(cause, now) for cause in self._causes(came))

    def _causes(self, came: Came) -> list[Arrival]:
        """The ways in which the event may find what waits for it: echo, rules, and as it is the only instance."""
        causes = []
        echo = correlate.echo(came.event)
        for fiber in self._instance.fibers:
            if fiber.blocked != "await":
                continue
            node = self._plan.nodes[fiber.frames[-1].position]
            assert isinstance(node, Await)
            tasks = [
                frame.activation
                for frame in fiber.frames
                if isinstance(around := self._plan.nodes[frame.position], Do) and around.task
            ]
            for accept in node.accepts:
                channel = self._channel(came, accept.match.channel)
                if accept.echo and tasks and (echo is None or echo[1] == tasks[-1]):
                    # A rule decides where the event has the values that it compares; one without them says nothing.
                    rules = accept.match.correlate
                    ruled = bool(rules) and echo is None and correlate.values(rules, came.event) is not None
                    causes.append(Arrival(channel, came.event, None if ruled else tasks[-1], echo=not ruled))
                elif not accept.echo:
                    causes.append(Arrival(channel, came.event))
        return causes

    def _channel(self, came: Came, expected: str) -> str:
        # An event of a type of its own travels on the channel of that type, whatever its subject says.
        if any(accept.match.channel == expected and accept.match.type == expected for accept in self._plan.accepts):
            return str(came.event.get("type", ""))
        return came.channel

    def _move(self, cause: Cause, now: float) -> bool:
        made = self._step(cause, now)
        if not made.taken[0]:
            return False
        self._instance = made.instance
        for effect in made.effects:
            match effect:
                case Publish():
                    self.published.append(effect.event)
                case Invoke():
                    self.calls[effect.activation] = effect.invocation
                case Launch() | Dismiss():
                    self.asked.append(effect)
                case Withdraw():
                    self.calls.pop(effect.activation, None)
                case _:
                    pass
        return True

    def _step(self, cause: Cause, now: float) -> Step:
        """Run a burst; who watches it runs one that is recorded."""
        knows = nothing if self._family is None else self._family.knows
        return step(self._plan, self._instance, [cause], now=now, find_definition=knows)


def nothing(_definition: str, _version: str) -> bool:
    """There is no other definition."""
    return False
