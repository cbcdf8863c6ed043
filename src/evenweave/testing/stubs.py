"""What stands in for the outside in a rehearsal: events that come, replies to triggers, results of functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from evenweave.engine import Called, ChildEnded
from evenweave.plan.duration import Duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.engine import Launch

AT_ONCE = Duration(0, 0)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service answers to a trigger.

    Attributes:
        data: The payload of the event; a callable makes it from the payload of the trigger.
        event: The event's name in the definition; ``None`` is the one that the trigger's action waits for.
        attributes: Further context attributes.
        after: How long after the trigger.
    """

    data: Any = None
    event: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    after: Duration = AT_ONCE


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of a call to a function, or of a subflow.

    Attributes:
        result: What it returns; a callable makes it from the arguments.
        error: The code of the error that it ends with instead, such as ``404``; empty where it ends well.
        title: What the error says.
        after: How long it takes.
    """

    result: Any = None
    error: str = ""
    title: str = ""
    after: Duration = AT_ONCE


Stub = TypeVar("Stub", Reply, Outcome)


class Stubs:
    """What the outside was told to do: each stub in its turn, and the last one from then on."""

    def __init__(self) -> None:
        self._replies: dict[str, list[Reply]] = {}
        self._functions: dict[str, list[Outcome]] = {}
        self._subflows: dict[str, list[Outcome]] = {}
        self._used: dict[tuple[str, str], int] = {}

    def add_reply(self, trigger: str, reply: Reply) -> None:
        """Answer a trigger."""
        self._replies.setdefault(trigger, []).append(reply)

    def add_function(self, name: str, outcome: Outcome) -> None:
        """End a call to a function."""
        self._functions.setdefault(name, []).append(outcome)

    def add_subflow(self, definition: str, outcome: Outcome) -> None:
        """End a subflow."""
        self._subflows.setdefault(definition, []).append(outcome)

    def reply(self, trigger: str) -> Reply | None:
        """The answer to a trigger, where there is one."""
        return self._turn("event", trigger, self._replies)

    def call(self, name: str, activation: int, given: Any) -> tuple[Called, Duration]:
        """What comes of a call, and after which time; without a stub an error."""
        outcome = self._turn("function", name, self._functions)
        if outcome is None:
            outcome = Outcome(error="no-stub", title=f"no stub for the function {name}")
        error = outcome.error
        codes = [f"HTTP:{error}", error] if error.isdigit() else [error]
        called = Called(
            activation,
            result=None if error else made(outcome.result, given),
            error=error,
            codes=codes if error else [],
            title=outcome.title or (f"the function {name} ended with {error}" if error else ""),
        )
        return called, outcome.after

    def end_child(self, effect: Launch, activation: int, data: Any) -> tuple[ChildEnded, Duration]:
        """How a subflow ends, and after which time; without a stub with an error."""
        outcome = self._turn("subflow", effect.definition, self._subflows)
        if outcome is None:
            outcome = Outcome(error="unknown-workflow", title=f"no stub for the subflow {effect.definition}")
        ended = ChildEnded(
            activation,
            f"{effect.definition}-{effect.n}",
            effect.definition,
            "faulted" if outcome.error else "completed",
            data=None if outcome.error else made(outcome.result, data),
            type=outcome.error,
            title=outcome.title,
        )
        return ended, outcome.after

    def _turn(self, kind: str, name: str, stubs: Mapping[str, list[Stub]]) -> Stub | None:
        """The stub whose turn it is."""
        told = stubs.get(name)
        if not told:
            return None
        used = self._used.get((kind, name), 0)
        self._used[kind, name] = used + 1
        return told[min(used, len(told) - 1)]


def made(data: Any, given: Any) -> Any:
    """The data of a stub, which may be made from what it was given."""
    return data(given) if callable(data) else data
