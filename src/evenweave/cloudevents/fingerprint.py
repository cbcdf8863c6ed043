"""The digest that tells a repeated event from another one under the same id."""

from hashlib import blake2b

import msgspec

from evenweave.cloudevents.event import Event

_encode = msgspec.json.Encoder(order="deterministic").encode


def digest(channel: str, event: Event) -> bytes:
    """Return 16 bytes over the channel and the event's type, subject and data (PROTOCOL section 3).

    The order of keys in the data does not count, and neither do the other attributes: `time` or `traceparent` may
    differ between two sendings of one event.
    """
    get = event.get
    subject = (channel, get("type"), get("subject"), get("data"), get("data_base64"))
    return blake2b(_encode(subject), digest_size=16).digest()
