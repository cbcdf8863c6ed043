"""The same orders over HTTP, with Evenweave in one process of its own and in three: ``python bench/networked.py``.

Services and orders are in this process; each event is published, delivered and acknowledged over HTTP on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from orders import quieten, write
from subject import Subject
from workload import measure

from evenweave.app import remote_broker
from evenweave.cli.process import tune_process

if TYPE_CHECKING:
    from evenweave.ports.broker import Broker

IN_FLIGHT = (1, 16, 64, 256)
PARTS = ("catalog", "runtime", "engine")


class Door:
    """Where documents are registered, over HTTP."""

    def __init__(self, url: str, path: str) -> None:
        self._url = f"{url}{path}"

    async def register(self, name: str, data: bytes) -> None:
        """Register a document."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(self._url, params={"name": name}, data=data) as answer,
        ):
            if answer.status >= 300:
                raise SystemExit(f"{self._url} answers {answer.status}: {await answer.text()}")


class Processes:
    """Evenweave in processes of its own, as a subject knows it."""

    def __init__(self, resources: AsyncExitStack, urls: dict[str, str]) -> None:
        self.catalog = Door(urls["catalog"], "/v1/documents")
        self.engine = Door(urls["engine"], "/v1/definitions")
        self.broker: Broker = remote_broker(urls["runtime"])
        self._resources = resources

    @classmethod
    async def start(cls, folder: Path, *, together: bool) -> Processes:
        """Start them: all together as ``evenweave dev``, or each by itself."""
        resources = AsyncExitStack()
        async with resources:
            urls: dict[str, str] = {}
            if together:
                url = await _start(resources, "dev", str(folder))
                urls = dict.fromkeys(PARTS, url)
            else:
                for part in PARTS:
                    known = [f"--{name}={url}" for name, url in urls.items()] if part == "engine" else []
                    urls[part] = await _start(resources, part, f"--data={folder}", *known)
            return cls(resources.pop_all(), urls)

    async def stop(self) -> None:
        """Stop them."""
        await self.broker.close()  # type: ignore[attr-defined]
        await self._resources.aclose()


async def _start(resources: AsyncExitStack, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "evenweave", *arguments, "--listen=127.0.0.1:0", "--log-level=error"),
        stdout=asyncio.subprocess.PIPE,
    )

    async def stop() -> None:
        process.terminate()
        await process.wait()

    resources.push_async_callback(stop)
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    if "listens on" not in line:
        raise SystemExit(f"evenweave {arguments[0]} does not start")
    return line.split()[-1]


async def run(seconds: float) -> list[dict[str, Any]]:
    """Print a table, and return its rows."""
    print("  ".join(f"{name:>12}" for name in ("processes", "in flight", "orders/s", "p50 ms", "p99 ms", "CPU s/1000")))
    rows = []
    for together in (True, False):
        for in_flight in IN_FLIGHT:
            with tempfile.TemporaryDirectory() as name:
                subject = await Subject.serve(await Processes.start(Path(name), together=together))
                figures = await measure(subject.place, in_flight, seconds)
                await subject.close()
            row = {"processes": 1 if together else 3, "in_flight": in_flight, **figures._asdict()}
            rows.append(row)
            cells = (row["processes"], in_flight, *(row[key] for key in ("orders_s", "p50_ms", "p99_ms")))
            print("  ".join(f"{cell:>12}" for cell in (*cells, row["cpu_s_per_1000"])), flush=True)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    quieten()
    tune_process()
    write("networked.json", asyncio.run(run(options.seconds)))
