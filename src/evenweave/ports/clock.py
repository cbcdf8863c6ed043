"""The clock: the only source of time above floor 3."""

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call that is due at some time."""

    def cancel(self) -> None:
        """Forget the call. Must do nothing if it was made or cancelled already."""
        ...


class Clock(Protocol):
    """Time as people read it, time as it passes, and calls at a later time."""

    def now(self) -> int:
        """Return milliseconds since 1970-01-01T00:00Z. May jump, in both directions."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some moment. Must never go back, nor jump when `now` does."""
        ...

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` on the loop's thread after `delay_s` seconds of `monotonic`, or at once."""
        ...
