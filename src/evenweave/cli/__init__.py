"""The command line. Each command has a module of its own, imported when it is used: `evenweave --help` is quick."""

from evenweave.cli.main import main

__all__ = ["main"]
