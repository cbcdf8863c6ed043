"""Events as JSON (the CloudEvents JSON event format 1.0.2), alone and in batches."""

from collections.abc import Iterable
from typing import Any

import msgspec

from evenweave.cloudevents.errors import CloudEventError, CloudEventTooLarge
from evenweave.cloudevents.event import DEFAULT_LIMITS, Event, Limits, check

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def decode(body: bytes, limits: Limits = DEFAULT_LIMITS) -> Event:
    """Decode and check one event. Attributes that are null count as absent (JSON format, section 2.2)."""
    if len(body) > limits.event_bytes:
        raise CloudEventTooLarge(f"the event has {len(body)} bytes, the limit is {limits.event_bytes}")
    return _finish(decode_json(body, limits.depth))


def decode_batch(body: bytes, limits: Limits = DEFAULT_LIMITS) -> list[Event]:
    """Decode and check a JSON array of events. An error carries the index of the event that it is about."""
    if len(body) > limits.batch_bytes:
        raise CloudEventTooLarge(f"the batch has {len(body)} bytes, the limit is {limits.batch_bytes}")
    batch = decode_json(body, limits.depth + 1)
    if batch.__class__ is not list:
        raise CloudEventError("a batch must be a JSON array of events")
    if len(batch) > limits.batch_events:
        raise CloudEventTooLarge(f"the batch has {len(batch)} events, the limit is {limits.batch_events}")
    large = len(body) > limits.event_bytes
    for index, event in enumerate(batch):
        try:
            _finish(event)
            if large and (size := len(_encode(event))) > limits.event_bytes:
                raise CloudEventTooLarge(f"the event has {size} bytes, the limit is {limits.event_bytes}")
        except CloudEventError as error:
            raise error.at(index) from None
    return batch


def encode(event: Event) -> bytes:
    """Encode one event. It should have been checked: this only turns it into JSON.

    Raises `CloudEventError` where its data cannot be JSON.
    """
    try:
        return _encode(event)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise CloudEventError(f"cannot be written as JSON: {error}", "data") from None


def encode_batch(events: Iterable[Event]) -> bytes:
    """Encode events as one JSON array."""
    return b"[" + b",".join([encode(event) for event in events]) + b"]"


def decode_json(body: bytes, depth: int) -> Any:
    """Decode JSON of at most `depth` levels of arrays and objects."""
    try:
        value = _decode(body)
    except msgspec.DecodeError as error:
        raise CloudEventError(f"is not JSON: {error}", "the body") from None
    except RecursionError:
        raise CloudEventError(f"is nested deeper than {depth} levels", "the body") from None
    # As many levels need as many brackets: most events are done after counting them.
    if body.count(b"{") + body.count(b"[") > depth and _is_deeper(value, depth):
        raise CloudEventError(f"is nested deeper than {depth} levels", "the body")
    return value


def _is_deeper(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        level = [
            child
            for parent in level
            for child in (parent.values() if parent.__class__ is dict else parent)
            if child.__class__ is dict or child.__class__ is list
        ]
        if not level:
            return False
    return True


def _finish(event: Any) -> Event:
    try:
        return check(event)
    except CloudEventError:
        # Null is rare enough to be looked for only where something is wrong.
        if event.__class__ is not dict or None not in event.values():
            raise
        for name in [name for name, value in event.items() if value is None and name != "data"]:
            del event[name]
        return check(event)
