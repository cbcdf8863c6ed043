"""Several worker processes of one engine: started, watched, and started again when they die."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import click
import structlog

from evenweave.http.server import listen as open_socket

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
LIVED_S = 10.0
"""Who lived for so long and died is started again at once; else with a backoff."""

STOP_S = 20.0


class Place(click.ParamType[tuple[int, int, int]]):
    """What a worker is told by who started it: its number, the socket it listens on, and the pipe that ends with it."""

    name = "NUMBER,SOCKET,PIPE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int, int]:
        """Read it."""
        try:
            number, listener, pipe = (int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not what a worker is told", param, ctx)
        return number, listener, pipe


worker_place = click.option("--worker", "place", type=Place(), hidden=True)


class Workers:
    """Runs the same command as this process so many times; the first one of them listens.

    The socket is opened here and stays open: while the first worker is started again, requests wait. All are told by a
    pipe when this process is gone, however it went.
    """

    def __init__(self, count: int, host: str, port: int) -> None:
        self._count = count
        self._listener: socket.socket = open_socket(host, port)
        self._listener.set_inheritable(True)
        self._pipe, self._end = os.pipe()
        os.set_inheritable(self._pipe, True)
        self._stopping = asyncio.Event()
        self._log = structlog.get_logger("evenweave.workers")

    async def run(self) -> None:
        """Serve until told to stop; then return once all have."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopping.set)
        await asyncio.gather(*(self._keep(number) for number in range(self._count)))
        self._listener.close()
        os.close(self._pipe)
        os.close(self._end)

    async def _keep(self, number: int) -> None:
        """Keep one worker alive."""
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            process = await self._start(number)
            ended, stopping = asyncio.create_task(process.wait()), asyncio.create_task(self._stopping.wait())
            await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if self._stopping.is_set():
                await _stop(process, ended)
                return
            pause_s = FIRST_PAUSE_S if time.monotonic() - began >= LIVED_S else min(LONGEST_PAUSE_S, pause_s * 2)
            self._log.error(
                "a worker died and is started again", worker=number, status=process.returncode, in_s=pause_s
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)

    async def _start(self, number: int) -> asyncio.subprocess.Process:
        place = f"{number},{self._listener.fileno()},{self._pipe}"
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "evenweave", *sys.argv[1:], "--worker", place),
            pass_fds=(self._listener.fileno(), self._pipe),
        )


def watch_parent(pipe: int, stop: Callable[[], None]) -> None:
    """Stop when the process that started this one is gone; its end of the pipe goes with it."""
    asyncio.get_running_loop().add_reader(pipe, stop)


async def _stop(process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    done, _ = await asyncio.wait({ended}, timeout=STOP_S)
    if not done:
        with suppress(ProcessLookupError):
            process.kill()
        await ended
