"""Serving an ASGI application on a port, within a running loop."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any, Self

import uvicorn

from evenweave.errors import EvenweaveError

_GRACE_S = 5


class ListenError(EvenweaveError):
    """The address cannot be listened on."""


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: it may have more to stop than this server."""
        yield


class Server:
    """An ASGI application that is being served.

    `port` is the one that is listened on, also where 0 was asked for.
    """

    def __init__(self, server: _Uvicorn, listener: socket.socket, on_stop: Callable[[], None] | None) -> None:
        """Use `start` instead."""
        self.host: str = listener.getsockname()[0]
        self.port: int = listener.getsockname()[1]
        self._server = server
        self._on_stop = on_stop
        self._task = asyncio.create_task(server.serve([listener]), name=f"server on port {self.port}")

    @property
    def url(self) -> str:
        """Where clients on this machine reach it, without a slash at the end."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host and host[0] != "[" else f"http://{host}:{self.port}"

    @classmethod
    async def start(
        cls,
        app: Any,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        listener: socket.socket | None = None,
        on_stop: Callable[[], None] | None = None,
    ) -> Self:
        """Listen, and return once requests are taken. `on_stop` is called when stopping begins: to end long polls.

        A `listener` listens already. Raises `ListenError` where the address is taken or not ours.
        """
        listener = listener or listen(host, port)
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            timeout_keep_alive=75,
        )
        server = _Uvicorn(config)
        self = cls(server, listener, on_stop)
        while not server.started:
            if self._task.done():
                await self._task
            await asyncio.sleep(0)
        return self

    async def stop(self) -> None:
        """Take no more requests, end those that wait, and return when all are answered (at most 5 s)."""
        if self._on_stop is not None:
            self._on_stop()
        self._server.should_exit = True
        await self._task


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises `ListenError` where the address is taken or not ours."""
    try:
        return _listen(host, port)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise ListenError(
            f"cannot listen on {host}:{port}: {why}", "choose another port, or stop what has it"
        ) from error


def _listen(host: str, port: int) -> socket.socket:
    # The protocol has to be named: asyncio turns Nagle's algorithm off only where it sees TCP, and with it every answer
    # in two writes, headers and body, waits 40 ms for the client's delayed acknowledgement.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener
