"""CloudEvents 1.0: an event is a plain `dict` of its attributes, with `data` or `data_base64` beside them.

    event = decode(b'{"specversion": "1.0", "id": "1", "source": "/shop", "type": "order", "data": {"id": "o1"}}')
    encode(event)

All names are those of the JSON format; extension attributes are kept. What is not valid raises `CloudEventError`, which
names the attribute. This package needs msgspec and nothing else of Evenweave.
"""

from evenweave.cloudevents.codec import decode, decode_batch, encode, encode_batch
from evenweave.cloudevents.errors import CloudEventError, CloudEventTooLarge
from evenweave.cloudevents.event import DEFAULT_LIMITS, Event, Limits, check
from evenweave.cloudevents.fingerprint import digest
from evenweave.cloudevents.http import BATCHED, STRUCTURED, from_http, to_http

__all__ = [
    "BATCHED",
    "DEFAULT_LIMITS",
    "STRUCTURED",
    "CloudEventError",
    "CloudEventTooLarge",
    "Event",
    "Limits",
    "check",
    "decode",
    "decode_batch",
    "digest",
    "encode",
    "encode_batch",
    "from_http",
    "to_http",
]
