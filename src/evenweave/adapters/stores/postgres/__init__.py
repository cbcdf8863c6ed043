"""The PostgreSQL store of the Workflow Engine."""

from evenweave.adapters.stores.postgres.errors import PostgresTooNew, PostgresUnusable
from evenweave.adapters.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore", "PostgresTooNew", "PostgresUnusable"]
