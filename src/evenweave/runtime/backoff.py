"""How long to wait before the next attempt."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that double from `first_s` up to `cap_s`, less up to `spread` of it, so that nobody marches in step."""

    first_s: float = 0.2
    cap_s: float = 30.0
    spread: float = 0.25

    def delay_s(self, failures: int, jitter: float) -> float:
        """Return the seconds to wait after the `failures`-th failure (from 1); `jitter` is drawn from 0 <= x < 1."""
        # The exponent is bounded because two to the power of a few thousand is no float.
        delay_s = min(self.cap_s, self.first_s * 2.0 ** min(failures - 1, 60))
        return delay_s * (1.0 - self.spread * jitter)
