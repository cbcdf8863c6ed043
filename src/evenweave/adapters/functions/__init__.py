"""Functions outside of the engine: one package for each way of calling, and what chooses between them."""

from evenweave.adapters.functions.router import Router

__all__ = ["Router"]
