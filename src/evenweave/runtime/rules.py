"""The figures of the broker, and what a name may be."""

from dataclasses import dataclass, field

from evenweave.cloudevents import DEFAULT_LIMITS, Limits
from evenweave.ports.broker import Refused
from evenweave.runtime.backoff import Backoff

DEAD_LETTER = "dead-letter/"
"""Dead letters of a channel lie on the channel of this prefix."""

_NAME_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Rules:
    """How long events are retained, how often they are tried, and what is held in memory. Times in seconds."""

    attempts: int = 5
    backoff: Backoff = field(default_factory=Backoff)
    limits: Limits = DEFAULT_LIMITS
    retention_s: float = 3_600.0
    dead_letter_retention_s: float = 30 * 86_400.0
    broadcast_idle_s: float = 3_600.0
    trim_every_s: float = 10.0
    trim_rows: int = 500
    batch_events: int = 1_000
    lease_max_s: float = 3_600.0
    wait_max_s: float = 60.0
    tail_events: int = 2_048
    tail_bytes: int = 16_777_216

    def retained_s(self, channel: str) -> float:
        """Return how long an event of `channel` is kept at least, acknowledged or not."""
        return self.dead_letter_retention_s if channel.startswith(DEAD_LETTER) else self.retention_s


def check_name(kind: str, name: object) -> str:
    """Return the name of a channel or a group if it is usable; raise `Refused` if not."""
    if not isinstance(name, str) or not name:
        raise Refused(f"the name of a {kind} must be a string that is not empty")
    if len(name) > _NAME_LENGTH or not name.isprintable():
        raise Refused(f"the name of a {kind} must have at most {_NAME_LENGTH} printable characters: {name[:40]!r}")
    return name
