"""The Catalog in another process."""

from evenweave.adapters.catalogs.remote.catalog import RemoteCatalog

__all__ = ["RemoteCatalog"]
