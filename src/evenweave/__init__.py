"""Evenweave: event-driven workflows that people can trust with their orders and payments."""

__version__ = "0.1.0"
