"""The Catalog in this process, on SQLite."""

from evenweave.adapters.catalogs.local.catalog import MIGRATIONS, DocumentRow, LocalCatalog

__all__ = ["MIGRATIONS", "DocumentRow", "LocalCatalog"]
