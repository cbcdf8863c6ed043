"""Adapters: what a port stands on (SQLite, HTTP, the system's clock).

They do not import one another, but for those that stand on `sqlite`.
"""
