"""Chooses who makes a call, by the type of its function."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from evenweave.engine import evaluate
from evenweave.ports.functions import CallFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evenweave.adapters.functions.python import PythonFunctions
    from evenweave.ports.functions import Functions, Request

_SYSOUT: Final = re.compile(r"sysout(?::(\w+))?")
_REST: Final = re.compile(r"rest:(\w+:.+)", re.DOTALL)


class Router:
    """See `evenweave.ports.functions.Functions`.

    Args:
        python: The Python callables; one of them stands in for an rpc or custom function of its name.
        types: Who makes calls to functions of a type.
        write: Writes a line for ``sysout``: the level, and the text.
    """

    def __init__(
        self, python: PythonFunctions, types: Mapping[str, Functions], write: Callable[[str, str], None]
    ) -> None:
        self._python = python
        self._types = dict(types)
        self._write = write

    async def call(self, request: Request) -> Any:
        """Make a call."""
        invocation = request.invocation
        if invocation.type in {"custom", "rpc"} and self._python.find(invocation) is not None:
            return await self._python.call(request)
        if invocation.type == "custom":
            return await self._call_custom(request)
        functions = self._types.get(invocation.type)
        if functions is None:
            hint = ": install evenweave[grpc]" if invocation.type == "rpc" else ""
            title = f"this engine makes no calls to functions of the type {invocation.type}{hint}"
            raise CallFailed("unknown-function", title)
        return await functions.call(request)

    async def close(self) -> None:
        """Let everybody let go of connections."""
        for functions in self._types.values():
            await functions.close()

    async def _call_custom(self, request: Request) -> Any:
        """``sysout``, ``sysout:LEVEL`` and ``rest:METHOD:URL``, as SonataFlow writes them."""
        operation = request.invocation.operation
        sysout = _SYSOUT.fullmatch(operation)
        if sysout is not None:
            told = request.invocation.data if request.invocation.arguments is None else request.arguments
            if isinstance(told, dict) and set(told) == {"message"}:
                told = told["message"]
            self._write((sysout[1] or "INFO").lower(), evaluate.text(told))
            return None
        rest = _REST.fullmatch(operation)
        if rest is not None and "rest" in self._types:
            invocation = msgspec.structs.replace(request.invocation, type="rest", operation=rest[1])
            return await self._types["rest"].call(msgspec.structs.replace(request, invocation=invocation))
        return await self._python.call(request)
