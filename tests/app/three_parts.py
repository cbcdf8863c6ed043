"""Catalog, Runtime and Engine with databases of their own, the first two behind real servers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from evenweave.app import CatalogPart, EnginePart, RuntimePart
from evenweave.http.catalog import CatalogFace
from evenweave.http.runtime import RuntimeFace
from evenweave.http.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

SHOP = b"""
asyncapi: 2.2.0
info: {title: Shop, version: '1'}
channels:
  new: {subscribe: {operationId: new, message: {name: New, payload: {type: object}}}}
  ask: {publish: {operationId: ask, message: {name: Ask, payload: {type: object}}}}
  answer: {subscribe: {operationId: answer, message: {name: Answer, payload: {type: object}}}}
  tell: {publish: {operationId: tell, message: {name: Tell, payload: {type: object}}}}
"""
ORDER = b"""
id: order
name: order
version: '1'
specVersion: '0.8'
events:
  - {name: New, type: asyncapi, kind: consumed, source: 'file://shop.yaml#new'}
  - {name: Ask, type: asyncapi, kind: produced, source: 'file://shop.yaml#ask'}
  - {name: Answer, type: asyncapi, kind: consumed, source: 'file://shop.yaml#answer'}
  - {name: Tell, type: asyncapi, kind: produced, source: 'file://shop.yaml#tell'}
states:
  - name: begin
    type: event
    onEvents:
      - eventRefs: [New]
        actions:
          - eventRef: {triggerEventRef: Ask, resultEventRef: Answer}
    transition: end
  - name: end
    type: operation
    actions:
      - eventRef: {triggerEventRef: Tell}
    end: true
"""


def new(name: str, **attributes: Any) -> dict[str, Any]:
    """An order."""
    return {
        "specversion": "1.0",
        "id": name,
        "source": "/shop",
        "type": "New",
        "subject": "new",
        "data": {"order": name},
        **attributes,
    }


def answer(ask: dict[str, Any]) -> dict[str, Any]:
    """What the shop answers; a repeated question has the same answer."""
    echoed = {key: ask[key] for key in ("workflowinstanceid", "workflowtaskinstanceid")}
    return {
        "specversion": "1.0",
        "id": f"{ask['id']}/answer",
        "source": "/shop",
        "type": "Answer",
        "subject": "answer",
        "data": {"answered": True},
        **echoed,
    }


async def serve_shop(broker: Any) -> None:
    """Answer every question, until the broker is closed."""
    group = await broker.subscribe("shop", ["ask"])
    while True:
        for asked in await broker.deliveries(group.id, 50, 10.0):
            await broker.publish([("answer", answer(asked.event))])
            await broker.settle(group.id, [asked.lease])
        # A broker that has been closed answers at once, with nothing.
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def shop(broker: Any) -> AsyncIterator[None]:
    """Have the shop beside the test."""
    task = asyncio.create_task(serve_shop(broker))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def read_all(broker: Any, channel: str) -> list[dict[str, Any]]:
    """Every event of a channel, in the order of the log."""
    probe = await broker.subscribe(f"probe of {channel}", [channel], mode="read")
    log = probe.positions[channel][0]
    found: list[dict[str, Any]] = []
    last = 0
    while part := await broker.read(probe.id, {channel: (log, last)}, 1000):
        found += [each.event for each in part]
        last = part[-1].position
    return found


async def until(look: Callable[[], Awaitable[Any]], wanted: Any, seconds: float = 20.0) -> None:
    """Wait until something is as wanted, for a bounded time."""
    end = time.monotonic() + seconds
    found = await look()
    while found != wanted and time.monotonic() < end:
        await asyncio.sleep(0.005)
        found = await look()
    assert found == wanted


class Parts:
    """The three, each of which can be stopped, can lose its folder, and can be started again where it was."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {"catalog": 0, "runtime": 0}
        self.catalog: CatalogPart | None = None
        self.runtime: RuntimePart | None = None
        self.engine: EnginePart | None = None
        self._servers: dict[str, Server] = {}

    @property
    def broker(self) -> Any:
        """The Runtime's own broker."""
        assert self.runtime is not None
        return self.runtime.broker

    def url(self, part: str) -> str:
        """Where a part listens."""
        return f"http://127.0.0.1:{self.ports[part]}"

    async def start_catalog(self) -> None:
        """Serve the Catalog, with the shop in it."""
        self.catalog = await CatalogPart.start(self.folder)
        await self.catalog.catalog.register("shop.yaml", SHOP)
        await self._serve("catalog", CatalogFace(self.catalog.catalog).app())

    async def start_runtime(self) -> None:
        """Serve the Runtime, always on the same port."""
        self.runtime = await RuntimePart.start(self.folder)
        face = RuntimeFace(self.runtime.broker)
        await self._serve("runtime", face, face.stop)

    async def start_engine(self) -> None:
        """Start the engine in this process."""
        self.engine = await EnginePart.start(self.folder, catalog=self.url("catalog"), runtime=self.url("runtime"))

    async def start(self) -> None:
        """Start all."""
        await self.start_catalog()
        await self.start_runtime()
        await self.start_engine()

    async def stop_runtime(self) -> None:
        """Stop the Runtime."""
        await self._servers.pop("runtime").stop()
        assert self.runtime is not None
        await self.runtime.stop()
        self.runtime = None

    async def stop_engine(self) -> None:
        """Stop the engine."""
        assert self.engine is not None
        await self.engine.stop()
        self.engine = None

    def lose(self, part: str) -> None:
        """Remove a part's database."""
        for file in self.folder.glob(f"{part}.db*"):
            file.unlink()

    async def stop(self) -> None:
        """Stop what runs."""
        if self.engine is not None:
            await self.stop_engine()
        if self.runtime is not None:
            await self.stop_runtime()
        for server in self._servers.values():
            await server.stop()
        if self.catalog is not None:
            await self.catalog.stop()

    async def statuses(self) -> list[str]:
        """The status of every instance, oldest first."""
        assert self.engine is not None
        return [each.status for each in await self.engine.engine.instances(limit=1000)]

    async def is_ready(self) -> bool:
        """Whether the engine is subscribed."""
        return self.engine is not None and self.engine.engine.ready

    async def _serve(self, part: str, app: Any, on_stop: Callable[[], None] | None = None) -> None:
        self._servers[part] = await Server.start(app, port=self.ports[part], on_stop=on_stop)
        self.ports[part] = self._servers[part].port
