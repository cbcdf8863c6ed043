"""Which events a node takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenweave.plan.nodes.outcome import REPLACE

if TYPE_CHECKING:
    from evenweave.plan.nodes.outcome import Edge, Into
    from evenweave.plan.template import Template


@dataclass(frozen=True, slots=True)
class Correlate:
    """One value that an event has to share with an instance.

    Attributes:
        name: Lower-case name: of a CloudEvents attribute, or ``correlationid`` for a location of AsyncAPI.
        location: ``None`` for the attribute ``name``; else a path into the event (AsyncAPI ``correlationId``).
        expected: The value the event must have; ``None`` means the value that the instance already correlates by.
    """

    name: str
    location: tuple[str, ...] | None = None
    expected: Template | None = None


@dataclass(frozen=True, slots=True)
class EventMatch:
    """Which events an event definition means.

    Attributes:
        name: The event's name in the definition.
        channel: Where it arrives.
        type: The CloudEvents type, or ``None`` where the channel alone decides.
        source: The CloudEvents source, or ``None``; ``+`` and ``#`` stand for one and for all further segments.
        correlate: The values that decide which instance it belongs to.
    """

    name: str
    channel: str
    type: str | None = None
    source: str | None = None
    correlate: tuple[Correlate, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the correlation values, in canonical order."""
        return tuple(sorted(rule.name for rule in self.correlate))


@dataclass(frozen=True, slots=True)
class Accept:
    """One kind of event that an await takes.

    Attributes:
        match: Which events.
        echo: The event answers a trigger of the task around: it finds its instance by the echoed attributes.
        data_only: The filter sees the event's data only, else the whole event (0.8 ``dataOnly``).
        into: Folds the event into the data of the frame around.
        then: The edge taken when this event is the one that ends the await.
    """

    match: EventMatch
    echo: bool = False
    data_only: bool = True
    into: Into = REPLACE
    then: Edge | None = None
