"""Calls Python callables: coroutine functions on the loop, others in a thread of their own."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from evenweave.ports.functions import CallFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evenweave.engine.calling import Invocation
    from evenweave.ports.functions import Request

KEY = "idempotency_key"


class PythonFunctions:
    """See `evenweave.ports.functions.Functions`.

    An object as arguments becomes keywords, an array or a scalar is the one positional argument; without arguments
    that is the data of the state. A callable with a keyword-only parameter ``idempotency_key`` gets the call's key.
    """

    def __init__(self, callables: Mapping[str, Callable[..., Any]]) -> None:
        self._callables = dict(callables)

    def find(self, invocation: Invocation) -> Callable[..., Any] | None:
        """The callable that was registered under the function's name, or under that of its operation."""
        operation = invocation.operation
        _, _, behind = operation.partition("#")
        for name in (invocation.function, operation, behind, behind.rpartition("#")[2]):
            if name and name in self._callables:
                return self._callables[name]
        return None

    async def call(self, request: Request) -> Any:
        """Call it."""
        function = self.find(request.invocation)
        if function is None:
            name = request.invocation.function
            raise CallFailed("unknown-function", f'no Python callable is registered for the function "{name}"')
        args, kwargs = _bind(function, request)
        try:
            if inspect.iscoroutinefunction(function):
                result = await function(*args, **kwargs)
            else:
                result = await _in_thread(function, args, kwargs)
                if inspect.isawaitable(result):
                    result = await result
        except Exception as error:
            # Its codes are the names of its classes, the most particular first, so that a definition can name any.
            names = [each.__name__ for each in type(error).__mro__ if issubclass(each, Exception)]
            title = f"{request.invocation.function}: {type(error).__name__}: {error}"
            raise CallFailed("function", title, [*names, "function"]) from error
        try:
            return msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(result)))
        except (TypeError, ValueError, RecursionError) as error:
            raise CallFailed("response", f"{request.invocation.function}: its result is no JSON: {error}") from None

    async def close(self) -> None:
        """Nothing to let go of."""


def _bind(function: Callable[..., Any], request: Request) -> tuple[tuple[Any, ...], dict[str, Any]]:
    given = request.invocation.data if request.invocation.arguments is None else request.arguments
    args: tuple[Any, ...] = (given,)
    kwargs: dict[str, Any] = {}
    if request.invocation.arguments is not None and isinstance(given, dict):
        args, kwargs = (), dict(given)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some that are written in C do not tell
        return args, kwargs
    wanted = signature.parameters.get(KEY)
    if wanted is not None and wanted.kind is wanted.KEYWORD_ONLY:
        kwargs.setdefault(KEY, request.invocation.key)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise CallFailed("arguments", f"{request.invocation.function}: {error}") from None
    return args, kwargs


async def _in_thread(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run it in a thread that keeps nothing from ending: one that takes too long is left behind."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def run() -> None:
        result: Any = None
        failed: Exception | None = None
        try:
            result = function(*args, **kwargs)
        except StopIteration as error:  # a future cannot hold one
            failed = RuntimeError(f"StopIteration: {error}")
        except Exception as error:  # noqa: BLE001 - it is handed to whoever waits
            failed = error
        try:
            loop.call_soon_threadsafe(settle, result, failed)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    threading.Thread(target=run, daemon=True, name="evenweave function").start()
    return await future
