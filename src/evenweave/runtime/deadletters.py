"""Dead letters: an event that a group could not take, with the reason; and the way back from there.

A replay is the event as it was published, on the channel it was published on, with two attributes more: `replayfor`
names the group that it is for, all others pass over it, and `replayid` makes it another one than the replay before, for
whoever dedupes. Both belong to the Runtime: it takes them off everything that is published.
"""

from typing import Any

import msgspec

from evenweave.cloudevents import Event
from evenweave.ports.broker import DeadLetter

_REASON_LENGTH = 1_000
_REASON = "deadletterreason"
_GROUP = "deadlettergroup"
_CHANNEL = "deadletterchannel"
_ATTEMPTS = "deadletterattempts"
_FOR = "replayfor"
_REPLAY = "replayid"
_FOR_IN_JSON = b'"replayfor"'
_MARK_IN_JSON = b'"replay'
_OF_A_REPLAY = frozenset((_FOR, _REPLAY))
_ADDED = _OF_A_REPLAY | {_REASON, _GROUP, _CHANNEL, _ATTEMPTS}


class _Marks(msgspec.Struct):
    """What is read of a body without reading all of it. Anybody may have put anything there."""

    replayfor: Any = ""
    deadlettergroup: Any = ""


_decode_marks = msgspec.json.Decoder(_Marks).decode


def make_dead_letter(event: Event, channel: str, group: str, reason: str, attempts: int) -> Event:
    """Return `event` as it goes to `dead-letter/<channel>`: as published, with four attributes that say why."""
    return take_off(event, _OF_A_REPLAY) | {
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


def make_replay(letter: Event, group: str, replay_id: str) -> Event:
    """Return the event of a dead letter as it goes back to its channel, for `group` alone."""
    return take_off(letter, _ADDED) | {_FOR: group, _REPLAY: replay_id}


def replay_id(event: Event) -> str:
    """Return what makes a replay another event than the one it repeats, for keys of dedupe; empty for all others."""
    return str(event.get(_REPLAY, ""))


def replay_name(event: Event) -> str:
    """Return the id by which an event is known to have been taken: of a replay it is another one each time."""
    replay = replay_id(event)
    return f"{event['id']}\0{replay}" if replay else str(event["id"])


def find_addressee(body: bytes) -> str:
    """Return the group that an event in the log is for, empty where that is all. Most bodies are only searched."""
    return str(_decode_marks(body).replayfor) if _FOR_IN_JSON in body else ""


def find_group(body: bytes) -> str:
    """Return the group of a dead letter."""
    return str(_decode_marks(body).deadlettergroup)


def is_marked(body: bytes) -> bool:
    """Tell whether an event may carry the attributes of a replay. Never wrong where it says no."""
    return _MARK_IN_JSON in body


def unmark(event: Event) -> Event:
    """Return `event` without the attributes of a replay, which producers have no say in.

    A service that answers with all attributes of what it got would otherwise address its reply to itself.
    """
    return take_off(event, _OF_A_REPLAY)


def take_off(event: Event, names: frozenset[str]) -> Event:
    """Return `event` without some attributes; itself where it has none of them."""
    if names.isdisjoint(event):
        return event
    return {name: value for name, value in event.items() if name not in names}
