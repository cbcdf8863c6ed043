"""The log as a part of somebody else's transactions on the same database (PROTOCOL section 2, SQLite)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from evenweave.adapters.brokers.embedded.broker import EmbeddedBroker
    from evenweave.adapters.brokers.embedded.intake import Prepared
    from evenweave.adapters.sqlite import Unit
    from evenweave.cloudevents import Event


class JoinedLog:
    """What a store needs of the log, for one reading group.

    Attributes:
        subscription: The group's id, once it is subscribed; without it nothing was read that could be acknowledged.
    """

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.subscription = ""
        self._broker = broker

    def prepare(self, channel: str, event: Event) -> Prepared:
        """Make an event ready. Raises `Refused` where the log will never take it."""
        return self._broker.prepare(channel, event)

    def append(self, unit: Unit, prepared: Iterable[Prepared]) -> None:
        """Put prepared events into a unit that is submitted at once."""
        self._broker.append_prepared(unit, prepared)

    def acknowledge(self, unit: Unit, through: Mapping[str, int]) -> None:
        """Acknowledge positions of the group in a unit that is submitted at once."""
        if self.subscription:
            self._broker.acknowledge_in(unit, self.subscription, through)
