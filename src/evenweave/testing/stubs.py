"""What stands in for the outside in a rehearsal: events that come, replies to triggers, results of functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evenweave.plan.duration import Duration

if TYPE_CHECKING:
    from collections.abc import Mapping

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
