"""Catalogs: in this process, and in another."""
