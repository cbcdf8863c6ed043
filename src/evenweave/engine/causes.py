"""What moves an instance."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct


class Lifetime(Struct, array_like=True, frozen=True):
    """How long an instance may take that goes on for another one: it overrides the time-out of its own definition.

    Attributes:
        months: How many months.
        milliseconds: How many milliseconds beside those.
        text: The same as the definition of the other has it, for people.
        interrupt: What runs is left at once (`evenweave.plan.guards.Closing`).
        before_end: The name of the node that runs before the end; empty where none does.
        by: The id of the definition that says so.
    """

    months: int
    milliseconds: int
    text: str
    interrupt: bool
    before_end: str
    by: str


class Begin(Struct, frozen=True, omit_defaults=True, tag_field="cause", tag="begin"):
    """The instance starts: with its input and, where an event started it, that event.

    Attributes:
        input: The data of the instance; an event's payload is folded in by the definition's own rules.
        event: The event that started it.
        start: Which of the plan's starts it matched.
        at: The position of the outermost scope's node to begin with; ``None`` is the first. So begins a fork of another
            instance: its input is the data that the other had there.
        correlation: What a fork correlates by, by lower-case name.
        claims: The correlation keys that a fork stands for; nobody else may.
        parent: The instance that started it, by which activation, and what becomes of it when that one ends.
        chain: The instance that it goes on for.
        depth: How many instances are around it.
        bursts: How many bursts the instances that it goes on for ran without waiting.
        headers: What ``$WORKFLOW.headers`` yields.
        compensation: What was done before the fork and can be compensated.
        compensating: Where compensation began, of a fork in the middle of it.
        lifetime: How long it may take, where the instance that it goes on for says so.
        gathered: All the events that started it, by the accept of its await that each is for; nothing where it was one.
        traceparent: The trace context of the instance that started it, or that it goes on for; so is ``tracestate``.
            Empty where there is none.
    """

    input: Any
    event: dict[str, Any] | None = None
    start: int = 0
    at: str | None = None
    correlation: dict[str, Any] = {}
    claims: list[str] = []
    parent: tuple[str, int, str] | None = None
    chain: str = ""
    depth: int = 0
    bursts: int = 0
    headers: dict[str, str] = {}
    compensation: list[tuple[str, str]] = []
    compensating: str = ""
    lifetime: Lifetime | None = None
    gathered: dict[int, dict[str, Any]] = {}
    traceparent: str = ""
    tracestate: str = ""


class Arrival(Struct, frozen=True, tag_field="cause", tag="arrival"):
    """An event for this instance.

    Attributes:
        channel: Where it arrived.
        event: The event.
        activation: The activation that it has to match: of a task (an echo) or of an await (a wait row); `None` lets
            the instance look through everything that it waits for (correlation).
        echo: The activation is a task's.
    """

    channel: str
    event: dict[str, Any]
    activation: int | None = None
    echo: bool = False


class Deadline(Struct, frozen=True, tag_field="cause", tag="deadline"):
    """The time that the instance waited for has come; every deadline up to ``now`` is over."""


class Continue(Struct, frozen=True, tag_field="cause", tag="continue"):
    """The rest of a burst that was too long."""


class Command(Struct, frozen=True, omit_defaults=True, tag_field="cause", tag="command"):
    """What a person asks for, or the shell around the engine.

    Attributes:
        verb: The command. ``retry`` lets a faulted instance run the node again that stopped it, ``skip`` lets it go on
            behind it; ``fault`` is the shell's: something that the instance asked for can never be done.
        reason: One sentence that says why, for the instance's reason.
        type: The type of the reason.
        patch: For ``retry`` and ``skip``: what to put into the data of the stopped fiber first, by jq path.
    """

    verb: Literal["suspend", "resume", "cancel", "fault", "retry", "skip"]
    reason: str = ""
    type: str = "command"
    patch: dict[str, Any] = {}


class Migrate(Struct, frozen=True, tag_field="cause", tag="migrate"):
    """The instance goes on by another plan of its definition.

    Attributes:
        digest: Of the definition that it goes on by.
        version: The version of that, as written.
        before: The digest of what it ran until now, so that its history can be replayed.
    """

    digest: str
    version: str
    before: str


class ChildEnded(Struct, frozen=True, omit_defaults=True, tag_field="cause", tag="child-ended"):
    """An instance that this one started has ended, or stopped with a fault.

    Attributes:
        activation: The activation that started it.
        child: Its id: of the last one, where others went on for it.
        definition: The id of its definition.
        status: ``completed``, ``cancelled`` or ``faulted``.
        data: Its output, where it completed.
        type: The type of its reason, where it did not.
        title: What its reason says.
        traceparent: The trace context that it ended in; so is ``tracestate``. Empty where there is none.
    """

    activation: int
    child: str
    definition: str
    status: str
    data: Any = None
    type: str = ""
    title: str = ""
    traceparent: str = ""
    tracestate: str = ""


class Unknown(Struct, frozen=True, tag_field="cause", tag="unknown"):
    """There was no such definition when the causes behind this one asked for it: it moves nothing by itself.

    It stands in the history, so that a burst that is run again finds what it found.
    """

    definition: str
    version: str


class Called(Struct, frozen=True, omit_defaults=True, tag_field="cause", tag="called"):
    """What came of a call to a function.

    Attributes:
        activation: The call's.
        result: What the function returned.
        error: A short stable name of what went wrong; empty where nothing did: ``http``, ``timeout``, ``connection``,
            ``function``, ``arguments``, ``response``, ``not-allowed``, ``outcome-unknown``.
        codes: What the definition may know the error by, the most particular first: ``HTTP:404``, ``404``.
        title: One sentence that says what went wrong.
    """

    activation: int
    result: Any = None
    error: str = ""
    codes: list[str] = []
    title: str = ""


Cause = Begin | Arrival | Deadline | Continue | Command | Migrate | ChildEnded | Unknown | Called
