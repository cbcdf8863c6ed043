"""What can be set on a worker."""

from __future__ import annotations

from msgspec import Struct

from evenweave.engine.burst import LIMITS, Limits


class Settings(Struct, frozen=True):
    """Bounds and times of a worker.

    Attributes:
        group: The group by which the engine takes events.
        replaces: A group by which it took them before it came to this store; it is given up.
        keep_s: How long an event that nobody waits for is kept.
        kept: How many events are kept at most; beyond it the oldest are given up.
        batch: How many events are taken at a time, where the store does not want fewer.
        poll_s: How long a read waits for an event.
        in_flight: How many transactions may be queued and not yet durable.
        dedupe_s: How long dedupe keys and tombstones are remembered; it must outlast every redelivery.
        calls: How many calls to functions are made at a time.
        call_s: How long a call may take, where its function says nothing of it.
        result_bytes: How large the result of a call may be.
        limits: Of a burst.
        history_s: How long the history of an instance is kept after its end; ``None`` is as long as the instance.
        ended_s: How long an instance is kept after its end; ``None`` is for ever.
    """

    group: str = "evenweave.engine"
    replaces: str = ""
    keep_s: float = 3600.0
    kept: int = 100_000
    batch: int = 256
    poll_s: float = 20.0
    in_flight: int = 8
    dedupe_s: float = 7 * 24 * 3600.0
    calls: int = 64
    call_s: float = 30.0
    result_bytes: int = 512 * 1024
    limits: Limits = LIMITS
    history_s: float | None = None
    ended_s: float | None = None
