"""One instance of a definition, run in memory against stubs, with time that jumps."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from evenweave.engine import Invoke, Launch, Publish, correlate
from evenweave.plan.nodes import Call, Emit
from evenweave.testing.history import Moment, draw
from evenweave.testing.stubs import AT_ONCE, Outcome, Reply, Stubs, made
from evenweave.testing.watching import Watched, find_answers
from evenweave.worker.alone import Came
from evenweave.worker.view import current_data

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evenweave.engine import Cause, Effect, Instance
    from evenweave.engine.calling import Invocation
    from evenweave.engine.instance import Reason
    from evenweave.plan.duration import Duration
    from evenweave.plan.nodes import EventMatch
    from evenweave.testing.flow import Flow

BEGINNING: Final = 1_893_456_000.0
"""When a rehearsal begins, unless it is told: 2030-01-01T00:00:00Z."""

_JUMPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Published:
    """An event that the instance published.

    Attributes:
        name: Its name in the definition; of an AsyncAPI function the function's.
        event: The event, whole.
        at_s: When, in seconds since the beginning.
    """

    name: str
    event: dict[str, Any]
    at_s: float

    @property
    def data(self) -> Any:
        """Its payload."""
        return self.event.get("data")


@dataclass(frozen=True, slots=True)
class MadeCall:
    """A call to a function.

    Attributes:
        function: The function's name in the definition.
        arguments: What it was called with; null where a secret belongs. Without arguments it is the action's data.
        at_s: When, in seconds since the beginning.
    """

    function: str
    arguments: Any
    at_s: float


class Rehearsal:
    """One run of a definition: tell it what the outside answers, start it or send it an event, and look at what it did.

    Nothing leaves the process and no time passes: ``jump`` and ``finish`` move the clock to the next deadline, so that
    a time-out of an hour takes a millisecond. What happens is the same at each run, ids included.
    """

    def __init__(self, flow: Flow, *, now: float = BEGINNING, interrupted: bool = False) -> None:
        self._flow = flow
        self._began = now
        self._now = now
        self._interrupted = interrupted
        self._revision = -1
        self._alone: Watched | None = None
        self._stubs = Stubs()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._published: list[Published] = []
        self._calls: list[MadeCall] = []
        self._continued: tuple[str, str, Any] | None = None
        self._answers = find_answers(flow.plan)

    # What the outside does.

    def reply(
        self, trigger: str, data: Any = None, *, event: str | None = None, after: Duration = AT_ONCE, **attributes: Any
    ) -> None:
        """Answer the event that the definition calls `trigger` each time it is published.

        Where it is told several times, the answers are given in that order, and the last one from then on. The reply
        echoes the trigger, as services do.

        Args:
            trigger: The name of the produced event.
            data: The payload of the reply, or a callable that makes it from the trigger's.
            event: The name of the event that is the reply, by default the one that the trigger's action waits for.
            after: How long it takes.
            attributes: Further context attributes.

        Raises:
            LookupError: The definition publishes no such event, or waits for no such reply.
        """
        self._check_produced(trigger)
        if event is None and self._answers.get(trigger) is None:
            raise LookupError(f"nothing waits for a reply to {trigger}: say which event it is")
        if event is not None:
            self._match(event)
        self._stubs.add_reply(trigger, Reply(data, event, attributes, after))

    def function(
        self, name: str, result: Any = None, *, error: str = "", title: str = "", after: Duration = AT_ONCE
    ) -> None:
        """Let a function return this result, a callable that makes it from the arguments, or end with an error.

        Told several times, it does so in that order, and as the last one from then on.

        Args:
            name: The function's name in the definition.
            result: What it returns.
            error: The code of the error that it ends with instead, as an error of the definition has it: ``404``.
            title: What the error says.
            after: How long it takes.

        Raises:
            LookupError: The definition calls no such function; expressions are evaluated, not called.
        """
        called = {
            node.function
            for node in self._flow.plan.nodes.values()
            if isinstance(node, Call) and node.outside is not None
        }
        if name not in called:
            raise LookupError(
                f"the definition calls no function {name}; it calls {', '.join(sorted(called)) or 'none'}"
            )
        self._stubs.add_function(name, Outcome(result, error, title, after))

    def subflow(
        self, workflow_id: str, output: Any = None, *, error: str = "", title: str = "", after: Duration = AT_ONCE
    ) -> None:
        """Let a subflow end with this output, a callable that makes it from its input, or an error.

        Told several times, it ends in that order, and as the last one from then on.
        """
        self._stubs.add_subflow(workflow_id, Outcome(output, error, title, after))

    def start(self, data: Any = None) -> None:
        """Start the instance with its input, and let everything happen that needs no time.

        A definition that begins with events waits for the first one then.
        """
        if self._alone is None:
            self._alone = Watched(self._flow.plan, {} if data is None else data, now=self._now)
        self._settle()

    def send(self, event: str, data: Any = None, *, after: Duration = AT_ONCE, **attributes: Any) -> None:
        """Let an event come, now or later: by its name in the definition, with a payload and context attributes.

        One that nobody waits for yet is kept. It starts the instance where that was not done.

        Raises:
            LookupError: The definition waits for no such event.
        """
        match = self._match(event)
        if self._alone is None:
            self.start()
        self._plan_ahead(after, lambda: self._deliver(match, data, attributes))
        self._settle()

    # Time.

    def jump(self, seconds: float) -> None:
        """Let time pass, and everything happen that has its time in it."""
        until = self._now + seconds
        self._go(until)
        self._now = max(self._now, until)

    def finish(self) -> None:
        """Let time pass until the instance has ended, or nothing more can happen to it.

        Raises:
            RuntimeError: It goes on and on: after 10,000 jumps of the clock it still has not ended.
        """
        self._go(None)

    # What came of it.

    @property
    def status(self) -> str:
        """The status of the instance, such as ``completed`` or ``waiting``; ``pending`` before it began."""
        return self._instance.status

    @property
    def output(self) -> Any:
        """The data of the instance: its output once it has completed, else as far as it got."""
        return current_data(self._instance)

    @property
    def error(self) -> Reason | None:
        """Why the instance is faulted, cancelled or suspended."""
        return self._instance.reason

    @property
    def path(self) -> list[str]:
        """The names of the states that it was in, in order."""
        return [] if self._alone is None else self._alone.path(self._flow.states)

    @property
    def published(self) -> list[Published]:
        """What it published, in order."""
        return list(self._published)

    @property
    def calls(self) -> list[MadeCall]:
        """The functions that it called, in order."""
        return list(self._calls)

    @property
    def waits_for(self) -> list[str]:
        """The names of the events that would move it now."""
        if self._alone is None:
            return sorted({start.accept.match.name for start in self._flow.plan.starts})
        return sorted({accept.match.name for accept in self._alone.waiting})

    @property
    def continued(self) -> tuple[str, str, Any] | None:
        """The definition, its version and its input that the instance continues as."""
        return self._continued

    @property
    def began(self) -> float:
        """When it began, in seconds since the epoch."""
        return self._began

    @property
    def took_s(self) -> float:
        """How long it took, on the clock of the rehearsal, until it last moved."""
        return self._instance.updated - self._began

    @property
    def history(self) -> list[Moment]:
        """Everything that moved it, and what it did then."""
        return [] if self._alone is None else list(self._alone.moments)

    def explain(self) -> str:
        """The history as text."""
        return "\n".join(draw(self.history, self._flow.definition))

    @property
    def _instance(self) -> Instance:
        if self._alone is None:
            raise RuntimeError("the rehearsal has not begun: call start or send first")
        return self._alone.instance

    def _check_produced(self, trigger: str) -> None:
        produced = {node.name for node in self._flow.plan.nodes.values() if isinstance(node, Emit)}
        if trigger not in produced:
            known = ", ".join(sorted(produced)) or "none"
            raise LookupError(f"the definition publishes no event {trigger}; it publishes {known}")

    def _match(self, event: str) -> EventMatch:
        found = {accept.match.name: accept.match for accept in self._flow.plan.accepts}
        if event not in found:
            raise LookupError(f"the definition waits for no event {event}; it waits for {', '.join(sorted(found))}")
        return found[event]

    def _go(self, until: float | None) -> None:
        self.start()
        for _ in range(_JUMPS):
            moment = self._next()
            if moment is None or (until is not None and moment > until):
                return
            self._now = max(self._now, moment)
            self._settle()
        raise RuntimeError(f"after {_JUMPS} jumps of the clock the instance has not ended")

    def _next(self) -> float | None:
        assert self._alone is not None
        if self._alone.over:
            return None
        due = self._alone.instance.due
        moments = [self._agenda[0][0]] if self._agenda else []
        return min([*moments, *([] if due is None else [due])], default=None)

    def _settle(self) -> None:
        """Do everything that needs no time."""
        assert self._alone is not None
        while True:
            self._alone.advance(self._now)
            for name, effect in self._alone.take_effects():
                self._answer(name, effect)
            if not self._agenda or self._agenda[0][0] > self._now:
                if not self._interrupt():
                    return
                continue
            heapq.heappop(self._agenda)[2]()

    def _interrupt(self) -> bool:
        """Suspend the instance, kill it and let it go on, once wherever it waits; whether that was done."""
        assert self._alone is not None
        instance = self._alone.instance
        waits = instance.status in {"waiting", "pending"} and instance.revision != self._revision
        if not self._interrupted or not waits:
            return False
        self._alone.interrupt(self._now)
        self._revision = self._alone.instance.revision
        return True

    def _plan_ahead(self, after: Duration, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (after.after(self._now), self._count, action))

    def _deliver(
        self, match: EventMatch, data: Any, attributes: Mapping[str, Any], trigger: Mapping[str, Any] | None = None
    ) -> None:
        assert self._alone is not None
        self._count += 1
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"event-{self._count}",
            "source": "/".join("any" if part in {"+", "#"} else part for part in (match.source or "/test").split("/")),
            "type": match.type or match.name,
            "subject": match.channel,
        }
        if trigger is not None:
            kept = (correlate.INSTANCE, correlate.TASK, *match.names)
            event |= {name: trigger[name] for name in kept if name in trigger}
        event |= {name.lower(): value for name, value in attributes.items()}
        if data is not None:
            event["data"] = data
        self._alone.kept.append(Came(match.channel, event))

    def _answer(self, name: str, effect: Effect) -> None:
        """Let the outside do what it was told to do about an effect."""
        match effect:
            case Publish(event=event):
                self._published.append(Published(name, event, self._now - self._began))
                reply = self._stubs.reply(name)
                if reply is not None:
                    match_ = self._answers[name] if reply.event is None else self._match(reply.event)
                    assert match_ is not None
                    data = made(reply.data, event.get("data"))
                    self._plan_ahead(reply.after, lambda: self._deliver(match_, data, reply.attributes, event))
            case Invoke():
                self._call(effect.activation, effect.invocation)
            case Launch(begin=begin) if begin.chain:
                self._continued = effect.definition, effect.version, begin.input
            case Launch(begin=begin):
                assert begin.parent is not None
                self._end_child(effect, begin.parent[1], begin.input)
            case _:
                pass

    def _call(self, activation: int, invocation: Invocation) -> None:
        given = invocation.data if invocation.arguments is None else invocation.arguments.value
        name = invocation.function
        self._calls.append(MadeCall(name, given, self._now - self._began))
        called, after = self._stubs.call(name, activation, given)
        assert self._alone is not None
        alone = self._alone
        self._plan_ahead(after, lambda: alone.answer(called, self._now))

    def _end_child(self, effect: Launch, activation: int, data: Any) -> None:
        ended, after = self._stubs.end_child(effect, activation, data)
        self._plan_ahead(after, lambda: self._tell(ended))

    def _tell(self, cause: Cause) -> None:
        assert self._alone is not None
        self._alone.tell(cause, self._now)
