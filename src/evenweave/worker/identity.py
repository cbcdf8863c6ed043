"""Ids that are the same however often the same thing happens (PROTOCOL section 1)."""

from __future__ import annotations

import hashlib
from typing import Final

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS: Final = tuple(first + second for first in _LETTERS for second in _LETTERS)


def of_event(tenant: str, definition: str, source: str, event: str, digest: bytes) -> str:
    """The id of the instance that an event starts."""
    return _hash("event", tenant, definition, source, event, digest.hex())


def of_command(tenant: str, definition: str, command: str) -> str:
    """The id of the instance that a command starts."""
    return _hash("command", tenant, definition, command)


def of_time(tenant: str, definition: str, at: float) -> str:
    """The id of the instance that a schedule starts at a time."""
    return _hash("time", tenant, definition, f"{at:.3f}")


def of_child(tenant: str, instance: str, n: int) -> str:
    """The id of the instance that an effect of another one starts: as a child, or to go on for it."""
    return _hash("child", tenant, instance, str(n))


def dedupe_key(source: str, event: str) -> bytes:
    """What an event is found by that was taken before; with another digest it is another event (PROTOCOL section 3)."""
    return _digest(source, event)


def definition_digest(document: str, operations: bytes) -> str:
    """What pins an instance to what it started with: the document's text and the operations it resolved to."""
    return hashlib.blake2b(document.encode() + b"\0" + operations, digest_size=16).hexdigest()


def _digest(*parts: str) -> bytes:
    # Each part with its length: no two lists of parts look alike.
    joined = b"".join(b"%d:%s" % (len(part.encode()), part.encode()) for part in parts)
    return hashlib.blake2b(joined, digest_size=16).digest()


def _hash(*parts: str) -> str:
    # Base32 in lower case without padding, ten bits at a time: `base64.b32encode` takes ten times as long.
    number = int.from_bytes(_digest(*parts), "big") << 2
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])
