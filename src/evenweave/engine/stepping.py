"""A burst in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine.burst import Burst, Step
from evenweave.engine.chance import draw
from evenweave.engine.instance import fresh
from evenweave.engine.limits import LIMITS, Limits
from evenweave.engine.progress import every, no_other

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.engine.causes import Begin, Cause
    from evenweave.engine.instance import Instance
    from evenweave.engine.progress import Chance, FindDefinition, FindPlan
    from evenweave.plan.nodes import Plan


def step(
    plan: Plan,
    instance: Instance,
    causes: Sequence[Cause],
    *,
    now: float,
    limits: Limits = LIMITS,
    find_plan: FindPlan = no_other,
    chance: Chance = draw,
    find_definition: FindDefinition = every,
) -> Step:
    """Move the instance by all the causes, in order, in one burst.

    The argument is not changed. The same arguments give the same result, byte for byte.

    Args:
        plan: The plan of the instance's digest.
        instance: The state as it was committed last.
        causes: What moves it.
        now: Seconds since the epoch.
        limits: What the burst may use up.
        find_plan: Finds the plan that a migration names.
        chance: Draws the jitter of retries: a number from -1 to 1 for a seed, the same for the same seed.
        find_definition: Whether a definition can start instances.

    Raises:
        evenweave.engine.life.NotAllowed: A command that the status does not allow.
    """
    burst = Burst(plan, instance, now=now, limits=limits, find_plan=find_plan, chance=chance)
    burst.find_definition = find_definition
    taken = [burst.apply(cause) for cause in causes]
    return burst.close(taken)


def start(plan: Plan, *, tenant: str, id: str, begin: Begin, now: float, limits: Limits = LIMITS) -> Step:  # noqa: A002
    """Make an instance and run its first burst."""
    return step(plan, fresh(plan, tenant=tenant, id=id, now=now), [begin], now=now, limits=limits)
