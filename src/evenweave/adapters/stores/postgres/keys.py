"""The numbers of advisory locks (PROTOCOL section 2): ``hash64(tenant, definition, channel, key)``."""

from __future__ import annotations

from hashlib import blake2b

ANY = "\0any"
"""Stands for every channel: no channel is named like this, for PostgreSQL's text has no NUL."""


class LockKeys:
    """Makes the numbers. Advisory locks are of a whole database, so the schema is part of each."""

    __slots__ = ("_head", "definitions", "registrar")

    def __init__(self, schema: str, tenant: str) -> None:
        self._head = _join((schema, tenant))
        self.definitions = self._number("definitions")
        self.registrar = self._number("registrar")

    def key(self, definition: str, channel: str, key: str) -> int:
        """The lock of a correlation key (empty: of those without one) on a channel of a definition, or on `ANY`."""
        return self._number("key", definition, channel, key)

    def _number(self, *parts: str) -> int:
        digest = blake2b(self._head + _join(parts), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)


def _join(parts: tuple[str, ...]) -> bytes:
    # Each part with its length: no two lists of parts look alike.
    encoded = (part.encode("utf-8", "surrogatepass") for part in parts)
    return b"".join(b"%d:%s" % (len(part), part) for part in encoded)
