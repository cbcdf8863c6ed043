"""The SQLite store."""

from evenweave.adapters.stores.sqlite.store import MIGRATIONS, SqliteStore

__all__ = ["MIGRATIONS", "SqliteStore"]
