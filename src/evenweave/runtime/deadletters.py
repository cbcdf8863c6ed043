"""Dead letters: an event that nobody could take, with the reason."""

from evenweave.cloudevents import Event
from evenweave.ports.broker import DeadLetter

_REASON_LENGTH = 1_000
_REASON = "deadletterreason"
_GROUP = "deadlettergroup"
_CHANNEL = "deadletterchannel"
_ATTEMPTS = "deadletterattempts"


def make_dead_letter(event: Event, channel: str, group: str, reason: str, attempts: int) -> Event:
    """Return `event` as it goes to `dead-letter/<channel>`: unchanged, with four attributes that say why."""
    return event | {
        _REASON: clean_reason(reason),
        _GROUP: group,
        _CHANNEL: channel,
        _ATTEMPTS: attempts,
    }


def clean_reason(reason: str) -> str:
    """Return `reason` as an attribute may hold it: one line, printable, at most 1,000 characters, never empty."""
    line = "".join(character if character.isprintable() else " " for character in reason[: 2 * _REASON_LENGTH])
    line = " ".join(line.split())
    if len(line) > _REASON_LENGTH:
        line = line[: _REASON_LENGTH - 1] + "\u2026"
    return line or "no reason was given"


def read_dead_letter(id: str, time_ms: int, event: Event) -> DeadLetter:  # noqa: A002
    """Read the dead letter out of an event on a dead-letter channel, whoever put it there."""
    attempts = event.get(_ATTEMPTS, 0)
    return DeadLetter(
        id=id,
        channel=str(event.get(_CHANNEL, "")),
        group=str(event.get(_GROUP, "")),
        reason=str(event.get(_REASON, "")),
        attempts=attempts if isinstance(attempts, int) else 0,
        time_ms=time_ms,
        event=event,
    )
