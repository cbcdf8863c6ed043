"""How often and when something is run again (0.8, "Retry Definition")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine import evaluate
from evenweave.engine.fault import Fault
from evenweave.plan.duration import Duration

if TYPE_CHECKING:
    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Fiber, Frame
    from evenweave.plan.guards import Retry
    from evenweave.plan.template import Expression


def attempts(burst: Burst, fiber: Fiber, frame: Frame, retry: Retry) -> int:
    """How often it may be run again.

    Raises:
        Fault: The expression for it failed, or yields no whole number.
    """
    if isinstance(retry.limit, int):
        return retry.limit
    return int(_number(burst, fiber, frame, retry.limit))


def next_delay(burst: Burst, fiber: Fiber, frame: Frame, retry: Retry) -> float:
    """How long to wait before it is run again, in seconds.

    The delay before, with its jitter, is what grows: so the specification's example has it (10 +- 1, then 4 times
    that). Jitter is drawn by the instance and the attempt, so that many instances do not come back at one moment.

    Raises:
        Fault: The expression of the multiplier failed, or yields no number.
    """
    before = frame.retried.delay if frame.retried is not None and frame.attempt else None
    if before is None:
        delay = _seconds(burst, retry.delay)
    else:
        factor = retry.multiplier
        if factor is not None and not isinstance(factor, int | float):
            factor = _number(burst, fiber, frame, factor)
        delay = before * (1 if factor is None else factor) + _seconds(burst, retry.increment)
    if retry.jitter is not None:
        most = _seconds(burst, retry.jitter) if isinstance(retry.jitter, Duration) else delay * retry.jitter
        delay += most * burst.chance(f"{burst.instance.id}:{frame.activation}:{frame.attempt}")
    if retry.longest is not None:
        delay = min(delay, _seconds(burst, retry.longest))
    return max(delay, 0.0)


def _seconds(burst: Burst, duration: Duration | None) -> float:
    if duration is None:
        return 0.0
    return duration.after(burst.now) - burst.now if duration.months else duration.milliseconds / 1000


def _number(burst: Burst, fiber: Fiber, frame: Frame, expression: Expression) -> float:
    value = evaluate.value(expression, frame.data, burst.scope(fiber))
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        found = evaluate.describe(value)
        title = f"${{ {expression.source} }} yields {found}, it must yield a number"
        raise Fault("data", title, expression.reference)
    return value
