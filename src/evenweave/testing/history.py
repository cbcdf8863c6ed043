"""The history of a rehearsal, as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from evenweave.engine import Arrival, Begin, Called, ChildEnded, Command, Deadline
from evenweave.source import pointer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evenweave.engine import Cause
    from evenweave.engine.recording import Note

_VERBS: Final = {"entered": "", "ran": "", "faulted": "failed: ", "dropped": "cancelled: "}
_CALLS: Final = ("functionRef", "eventRef", "subFlowRef")
_NAMED_BY: Final = ("name", "refName", "triggerEventRef", "workflowId", "eventRef")


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that moved the instance, and what it did then.

    Attributes:
        at_s: When, in seconds since the beginning.
        cause: What moved it.
        notes: What happened, node by node.
        status: The status behind it.
        reason: Why it stopped there, where it did.
    """

    at_s: float
    cause: Cause
    notes: Sequence[Note]
    status: str
    reason: str = ""


def draw(moments: Sequence[Moment], definition: Any) -> list[str]:
    """The moments as lines of text: when, why, and what happened, by the names of the definition.

    Args:
        moments: What happened.
        definition: The definition as written, for names.
    """
    lines: list[str] = []
    for moment in moments:
        lines.append(f"{_clock(moment.at_s)}  {_describe(moment.cause)}")
        lines += [f"{'':>12}{line}" for line in _steps(moment.notes, definition)]
    if moments:
        last = moments[-1]
        lines.append(f"{_clock(last.at_s)}  {last.status}{f': {last.reason}' if last.reason else ''}")
    return lines


def name_of(definition: Any, reference: str) -> str:
    """What a place of the definition is called; empty where it has no name."""
    value = definition
    for token in pointer.split(reference):
        if isinstance(value, dict):
            value = value.get(token)
        elif isinstance(value, list) and token.isdigit() and int(token) < len(value):
            value = value[int(token)]
        else:
            return ""
    if not isinstance(value, dict):
        return ""
    if "name" not in value:
        value = next((value[key] for key in _CALLS if key in value), value)
        if isinstance(value, str):
            return value
    return next((str(value[key]) for key in _NAMED_BY if key in value), "")


def _clock(seconds: float) -> str:
    text = f"{seconds:.3f}".rstrip("0").rstrip(".")
    return f"{f'+{text} s':>10}"


def _describe(cause: Cause) -> str:
    match cause:
        case Begin(event=None):
            return "begins"
        case Begin(event=event):
            return f"begins, by the event {_event(event)}"
        case Arrival():
            return f"the event {_event(cause.event)} on {cause.channel}"
        case Deadline():
            return "its time has come"
        case Called(error=""):
            return "a function returned"
        case Called():
            return f"a function ended with the error {cause.error}"
        case ChildEnded():
            return f"the subflow {cause.definition} {cause.status}"
        case Command():
            return f"command {cause.verb}"
        case _:
            return type(cause).__name__.lower()


def _event(event: dict[str, Any] | None) -> str:
    return "" if event is None else f"{event.get('type')} from {event.get('source')}"


def _steps(notes: Sequence[Note], definition: Any) -> Iterator[str]:
    seen = ""
    for note in notes:
        reference = note.position.partition("#")[0]
        name = name_of(definition, reference)
        while note.what == "faulted" and not name and reference:
            reference = reference.rpartition("/")[0]
            name = name_of(definition, reference)
        if note.what == "published":
            yield f"{'  ' * note.depth}published on {note.kind}"
        elif note.what in _VERBS and name and (reference != seen or note.what not in {"entered", "ran"}):
            yield f"{'  ' * max(note.depth - 1, 0)}{_VERBS[note.what]}{name} ({reference})"
            seen = reference
