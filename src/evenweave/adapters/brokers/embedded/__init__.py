"""The embedded broker: the rules of `evenweave.runtime` on a SQLite database (PROTOCOL section 4)."""

from evenweave.adapters.brokers.embedded.broker import MIGRATIONS, EmbeddedBroker
from evenweave.adapters.brokers.embedded.feed import Feed

__all__ = ["MIGRATIONS", "EmbeddedBroker", "Feed"]
