"""Worker processes on one PostgreSQL database, as people start them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import asyncpg
from shop import DOCUMENT, make_definition, make_reply, until

from evenweave.app import remote_broker
from evenweave.cli.remote import Remote

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = 60


class Processes:
    """Catalog, Runtime, and an engine of two workers."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[str]] = []
        self.catalog = self._start("catalog")
        self.runtime = self._start("runtime")
        options = ("--catalog", self.catalog, "--runtime", self.runtime, "--store", url, "--workers", "2")
        self.engine = self._start("engine", *options)
        self.supervisor = self._running[-1]

    def _start(self, part: str, *options: str) -> str:
        command = (sys.executable, "-m", "evenweave", part, "--listen", "127.0.0.1:0", "--data", str(self._folder))
        process = subprocess.Popen((*command, *options), stdout=subprocess.PIPE, text=True)
        self._running.append(process)
        assert process.stdout is not None
        for line in process.stdout:
            if " listens on " in line:
                return line.strip().partition(" listens on ")[2]
        raise AssertionError(f"{part} does not listen")

    def stop(self) -> list[int]:
        """End them, the engine first; their exit statuses."""
        codes = []
        for process in reversed(self._running):
            process.terminate()
            codes.append(process.wait(60))
            assert process.stdout is not None
            process.stdout.close()
        return codes


async def find_workers(connection: asyncpg.Connection) -> list[int]:
    """The process ids of the workers that live."""
    return [
        row[0] for row in await connection.fetch("select process from sessions where expires > now() order by number")
    ]


async def test_a_worker_that_is_killed_is_started_again_and_nothing_is_lost(tmp_path: Path, postgres_url: str) -> None:
    """Where a worker is killed amid a load, every order ends once; its supervisor replaces it, and stops when told."""
    processes = await asyncio.to_thread(Processes, tmp_path, postgres_url)
    connection = await asyncpg.connect(postgres_url)
    broker = remote_broker(processes.runtime)
    shipped: list[str] = []
    serving = [asyncio.create_task(_serve(broker, shipped, name)) for name in ("pay", "ship")]
    try:
        Remote("catalog", processes.catalog).call("POST", "/v1/documents", query={"name": "shop.yaml"}, body=DOCUMENT)
        definition = make_definition("order")
        engine = Remote("engine", processes.engine)
        await asyncio.to_thread(engine.call, "POST", "/v1/definitions", query={"name": "order.yaml"}, body=definition)
        killed: list[int] = []
        for number in range(ORDERS):
            event = {"specversion": "1.0", "id": f"o-{number}", "source": "/shop", "type": "NewOrder"}
            await broker.publish([("shop/order", {**event, "subject": "shop/order", "data": {}})])
            if number == ORDERS // 2:
                await until(lambda: _are_two(connection, killed))
                victim = (await find_workers(connection))[0]
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)
        await until(lambda: len(set(shipped)) >= ORDERS)
        await until(lambda: _have_ended(connection))
        assert len(set(shipped)) == ORDERS
        assert await connection.fetchval("select count(*) from instances") == ORDERS
        await until(lambda: _are_two(connection, killed))
    finally:
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await broker.close()  # type: ignore[attr-defined]
        codes = await asyncio.to_thread(processes.stop)
        await connection.close()
    assert codes == [0, 0, 0]


async def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path, postgres_url: str) -> None:
    """No worker outlives who started it."""
    processes = await asyncio.to_thread(Processes, tmp_path, postgres_url)
    connection = await asyncpg.connect(postgres_url)
    try:
        await until(lambda: _are_two(connection, []))
        processes.supervisor.kill()

        async def are_gone() -> bool:
            return not await find_workers(connection)

        await until(are_gone)
    finally:
        await asyncio.to_thread(processes.stop)
        await connection.close()


async def _are_two(connection: asyncpg.Connection, killed: list[int]) -> bool:
    return len(set(await find_workers(connection)) - set(killed)) == 2


async def _have_ended(connection: asyncpg.Connection) -> bool:
    return not await connection.fetchval("select count(*) from instances where status <> 'completed'")


async def _serve(broker: Any, shipped: list[str], name: str) -> None:
    subscription = await broker.subscribe(name, [f"{name}/in"])
    while True:
        deliveries = await broker.deliveries(subscription.id, 64, 10)
        if name == "pay":
            await broker.publish([("pay/out", make_reply(delivery.event)) for delivery in deliveries])
        else:
            shipped += [delivery.event["id"] for delivery in deliveries]
        if deliveries:
            await broker.settle(subscription.id, [delivery.lease for delivery in deliveries])
