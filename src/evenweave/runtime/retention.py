"""Which rows of the log are old enough to go, by a clock that may jump."""

from collections import deque

from evenweave.runtime.rules import Rules

_SLACK_MS = 1_000.0


class Retention:
    """Judges the age of rows that bear the time of the clock on the wall, so that none goes before its time.

    When that clock is put forward, everything looks older than it is. Each such jump is taken off all ages for as long
    as rows from before it may be too young to go. Put back, it makes rows look younger, and keeps them longer.
    """

    def __init__(self, rules: Rules, now_ms: int, monotonic_s: float) -> None:
        self._rules = rules
        self._seen = (now_ms, monotonic_s)
        self._jumps: deque[tuple[float, float]] = deque()

    def before_ms(self, channel: str, now_ms: int, monotonic_s: float) -> int:
        """Return the time before which rows of `channel` must have been appended to go now."""
        seen_ms, seen_s = self._seen
        ahead_ms = (now_ms - seen_ms) - (monotonic_s - seen_s) * 1000
        if ahead_ms > _SLACK_MS:
            self._jumps.append((monotonic_s, ahead_ms))
        self._seen = (now_ms, monotonic_s)
        longest_s = max(self._rules.retention_s, self._rules.dead_letter_retention_s)
        while self._jumps and self._jumps[0][0] <= monotonic_s - longest_s:
            self._jumps.popleft()
        retained_s = self._rules.retained_s(channel)
        jumped_ms = sum(ahead_ms for at_s, ahead_ms in self._jumps if at_s > monotonic_s - retained_s)
        return round(now_ms - retained_s * 1000 - jumped_ms)
