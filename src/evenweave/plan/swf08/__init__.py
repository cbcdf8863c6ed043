"""The compiler from Serverless Workflow 0.8 to the plan."""

from evenweave.plan.swf08.compiler import Compiled, compile  # noqa: A004 - the room is a compiler

__all__ = ["Compiled", "compile"]
