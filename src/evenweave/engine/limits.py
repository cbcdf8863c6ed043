"""What a burst may use up."""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Limits(Struct, frozen=True):
    """What one burst may use up, and what one instance may become.

    Attributes:
        nodes: How many nodes a burst enters; the rest becomes a new cause.
        fuel: What all expressions of a burst may use up together.
        effects: How many effects a burst may ask for.
        state_bytes: How large the encoded state may be.
        bursts: How many bursts an instance may run without waiting; then it is suspended.
        depth: How many instances may be around an instance that another one starts.
    """

    nodes: int = 10_000
    fuel: int = 1_000_000
    effects: int = 10_000
    state_bytes: int = 1024 * 1024
    bursts: int = 100
    depth: int = 16


LIMITS: Final = Limits()
