"""The shell around the engine: receive, route, load, step, commit, publish, and keep time."""

from evenweave.worker.engine import Engine
from evenweave.worker.settings import Settings

__all__ = ["Engine", "Settings"]
