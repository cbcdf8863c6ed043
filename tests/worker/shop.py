"""A shop of several workers on PostgreSQL, in one process with its Catalog, its Runtime and its services."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from evenweave.app import CatalogPart, EnginePart, RuntimePart

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from evenweave.ports.store import InstanceSummary

PATIENCE_S = 120.0
DOCUMENT = b"""
asyncapi: 2.6.0
info: {title: shop, version: '1'}
channels:
  shop/order: {subscribe: {operationId: newOrder, message: {name: newOrder, payload: {type: object}}}}
  pay/in: {publish: {operationId: pay, message: {name: pay, payload: {type: object}}}}
  pay/out: {subscribe: {operationId: paid, message: {name: paid, payload: {type: object}}}}
  ship/in: {publish: {operationId: ship, message: {name: ship, payload: {type: object}}}}
"""


def make_definition(name: str, version: str = "1") -> bytes:
    """Pay, then ship."""
    return f"""
id: {name}
version: '{version}'
specVersion: '0.8'
name: {name}
start: Order
states:
  - name: Order
    type: event
    onEvents:
      - eventRefs: [NewOrder]
        actions:
          - eventRef: {{triggerEventRef: Pay, resultEventRef: Paid}}
    transition: Ship
  - name: Ship
    type: operation
    actions: [{{functionRef: {{refName: ship}}}}]
    end: true
functions: [{{name: ship, type: asyncapi, operation: 'file://shop.yaml#ship'}}]
events:
  - {{name: NewOrder, source: 'file://shop.yaml#newOrder', type: asyncapi, kind: consumed}}
  - {{name: Pay, source: 'file://shop.yaml#pay', type: asyncapi, kind: produced}}
  - {{name: Paid, source: 'file://shop.yaml#paid', type: asyncapi, kind: consumed}}
""".encode()


class Shop:
    """The parts, and what the services got."""

    def __init__(self, catalog: CatalogPart, runtime: RuntimePart, workers: list[EnginePart]) -> None:
        self.catalog = catalog
        self.runtime = runtime
        self.workers = workers
        self.shipped: list[str] = []
        self._tasks = [asyncio.create_task(self._pay()), asyncio.create_task(self._ship())]

    @classmethod
    async def open(cls, folder: Path, url: str, workers: int) -> Shop:
        """Start everything."""
        catalog, runtime = await CatalogPart.start(folder), await RuntimePart.start(folder)
        await catalog.catalog.register("shop.yaml", DOCUMENT)
        engines = [await EnginePart.share(url, runtime.broker, catalog.catalog) for _ in range(workers)]
        return cls(catalog, runtime, engines)

    async def order(self, number: int) -> None:
        """Place an order."""
        event = {"specversion": "1.0", "id": f"o-{number}", "source": "/shop", "type": "NewOrder"}
        await self.runtime.broker.publish([("shop/order", {**event, "subject": "shop/order", "data": {"n": number}})])

    async def instances(self) -> list[InstanceSummary]:
        """All there are."""
        return list(await self.workers[0].engine.instances(limit=10_000))

    async def close(self) -> None:
        """Stop everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self.workers:
            await worker.stop()
        await self.runtime.stop()
        await self.catalog.stop()

    async def _pay(self) -> None:
        broker = self.runtime.broker
        subscription = await broker.subscribe("payment", ["pay/in"])
        while True:
            deliveries = await broker.deliveries(subscription.id, 64, 10)
            for delivery in deliveries:
                await broker.publish([("pay/out", make_reply(delivery.event))])
            await broker.settle(subscription.id, [delivery.lease for delivery in deliveries])

    async def _ship(self) -> None:
        broker = self.runtime.broker
        subscription = await broker.subscribe("shipment", ["ship/in"])
        while True:
            deliveries = await broker.deliveries(subscription.id, 64, 10)
            self.shipped += [delivery.event["id"] for delivery in deliveries]
            await broker.settle(subscription.id, [delivery.lease for delivery in deliveries])


def make_reply(trigger: dict[str, Any]) -> dict[str, Any]:
    """What the payment service answers."""
    return {
        "specversion": "1.0",
        "id": f"{trigger['id']}/paid",
        "source": "/payment",
        "type": "paid",
        "subject": "pay/out",
        "workflowinstanceid": trigger["workflowinstanceid"],
        "workflowtaskinstanceid": trigger["workflowtaskinstanceid"],
        "data": {"status": "ok"},
    }


async def until(condition: Callable[[], Any]) -> None:
    """Return once a condition holds, which may be asked for asynchronously."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.02)
