"""The remote broker: a Runtime in another process, over HTTP (PROTOCOL section 5)."""

from evenweave.adapters.brokers.remote.broker import RemoteBroker

__all__ = ["RemoteBroker"]
