"""The life cycle of an instance, as one table (DESIGN section 4).

What happens to an instance is a *turn*; the table says which status it has after it. A turn that is not in the table
for a status is refused: a command with `NotAllowed`, anything else is kept until the instance can take it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from evenweave.engine.instance import FINAL
from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from evenweave.engine.instance import Status

Turn = Literal[
    "start",
    "move",
    "pause",
    "wait",
    "end",
    "expire",
    "fault",
    "suspend",
    "resume",
    "reopen",
    "cancel",
    "retry",
    "skip",
    "migrate",
]

LIFE: dict[tuple[Status, Turn], Status] = {
    # Before the first burst.
    ("pending", "start"): "running",
    ("pending", "suspend"): "suspended",
    ("pending", "cancel"): "cancelled",
    ("pending", "expire"): "cancelled",
    # Inside a burst.
    ("running", "pause"): "running",
    ("running", "wait"): "waiting",
    ("running", "end"): "completed",
    ("running", "expire"): "cancelled",
    ("running", "fault"): "faulted",
    ("running", "suspend"): "suspended",
    ("running", "cancel"): "cancelled",
    # Between bursts.
    ("waiting", "move"): "running",
    ("waiting", "fault"): "faulted",
    ("waiting", "suspend"): "suspended",
    ("waiting", "cancel"): "cancelled",
    ("suspended", "resume"): "running",
    ("suspended", "reopen"): "pending",
    ("suspended", "cancel"): "cancelled",
    # A faulted instance keeps its frames, so that a step can be run again or passed over.
    ("faulted", "retry"): "running",
    ("faulted", "skip"): "running",
    ("faulted", "cancel"): "cancelled",
    # Another version of its definition is no move: it stays where it is.
    ("running", "migrate"): "running",
    ("waiting", "migrate"): "waiting",
    ("suspended", "migrate"): "suspended",
    ("faulted", "migrate"): "faulted",
}


class NotAllowed(EvenweaveError):
    """The instance's status does not allow what was asked of it."""


def allows(status: Status, turn: Turn) -> bool:
    """Whether an instance in this status can take the turn."""
    return (status, turn) in LIFE


def after(status: Status, turn: Turn) -> Status:
    """The status after the turn.

    Raises:
        NotAllowed: The status does not allow the turn; the message names both.
    """
    try:
        return LIFE[status, turn]
    except KeyError:
        raise NotAllowed(f"an instance that is {status} cannot {turn}") from None


def draw() -> str:
    """The table as a Mermaid state diagram; ``docs/engine.md`` shows it."""
    lines = ["stateDiagram-v2", "    [*] --> pending"]
    ways: dict[tuple[str, str], list[str]] = {}
    for (status, turn), following in LIFE.items():
        ways.setdefault((status, following), []).append(turn)
    lines += [f"    {status} --> {following}: {', '.join(turns)}" for (status, following), turns in ways.items()]
    lines += [f"    {status} --> [*]" for status in sorted(FINAL)]
    return "\n".join(lines) + "\n"
