"""Chance for jitter: drawn from a seed, so that a burst that is run again draws the same."""

from __future__ import annotations

import hashlib


def draw(seed: str) -> float:
    """A number from -1 to 1 for a seed; seeds that differ give numbers that have nothing to do with each other."""
    digest = hashlib.blake2b(seed.encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**47 - 1
