"""Evenweave on the order workload: one process, one database, events through its own broker, services beside it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from evenweave.app import Whole

if TYPE_CHECKING:
    from pathlib import Path

    from evenweave.adapters.brokers.embedded import EmbeddedBroker
    from evenweave.adapters.catalogs.local import LocalCatalog
    from evenweave.worker import Engine

AT_ONCE = 256
_DOCUMENTS = {
    "shop.yaml": [("shop/order", "subscribe", "newOrder")],
    "order.yaml": [("order/inbound", "publish", "sendOrder"), ("order/outbound", "subscribe", "booked")],
    "payment.yaml": [("payment/inbound", "publish", "sendPayment"), ("payment/outbound", "subscribe", "receipt")],
    "shipment.yaml": [("shipment/inbound", "publish", "sendShipment")],
}
_DEFINITION = b"""
id: orders
version: '1'
specVersion: '0.8'
name: The order workload
start: Order
states:
  - name: Order
    type: event
    onEvents:
      - eventRefs: [NewOrder]
        eventDataFilter: {toStateData: '${ .order }'}
        actions:
          - eventRef: {triggerEventRef: SendOrder, resultEventRef: Booked}
            actionDataFilter: {toStateData: '${ .booked }'}
          - eventRef: {triggerEventRef: SendPayment, resultEventRef: Receipt, data: '${ .booked }'}
            actionDataFilter: {toStateData: '${ .payment }'}
    transition: Check
  - name: Check
    type: switch
    dataConditions:
      - condition: '${ .payment.status == "success" }'
        transition: Ship
    defaultCondition: {end: true}
  - name: Ship
    type: operation
    actions:
      - functionRef: {refName: ship, arguments: {orderId: '${ .order.orderId }'}}
    end: true
functions:
  - {name: ship, type: asyncapi, operation: 'file://shipment.yaml#sendShipment'}
events:
  - {name: NewOrder, source: 'file://shop.yaml#newOrder', type: asyncapi, kind: consumed}
  - {name: SendOrder, source: 'file://order.yaml#sendOrder', type: asyncapi, kind: produced}
  - {name: Booked, source: 'file://order.yaml#booked', type: asyncapi, kind: consumed}
  - {name: SendPayment, source: 'file://payment.yaml#sendPayment', type: asyncapi, kind: produced}
  - {name: Receipt, source: 'file://payment.yaml#receipt', type: asyncapi, kind: consumed}
"""


class Parts(Protocol):
    """What an order needs; they run."""

    catalog: LocalCatalog
    broker: EmbeddedBroker
    engine: Engine

    async def stop(self) -> None:
        """Stop them."""


class Subject:
    """Evenweave with the services of the workload as coroutines in the same process."""

    def __init__(self, whole: Parts) -> None:
        self.whole = whole
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def start(cls, path: Path) -> Subject:
        """Serve from a database file."""
        return await cls.serve(await Whole.start(path))

    @classmethod
    async def serve(cls, whole: Parts) -> Subject:
        """Serve by parts that run."""
        for name, operations in _DOCUMENTS.items():
            await whole.catalog.register(name, _document(name, operations))
        await whole.engine.register("orders.yaml", _DEFINITION)
        subject = cls(whole)
        for group, inbound, outbound, status in (
            ("order", "order/inbound", "order/outbound", "ok"),
            ("payment", "payment/inbound", "payment/outbound", "success"),
        ):
            subject._tasks.append(asyncio.create_task(subject._serve(group, inbound, outbound, status)))
        subject._tasks.append(asyncio.create_task(subject._ship()))
        return subject

    async def place(self, order: dict[str, Any]) -> None:
        """Place an order and wait until its shipment was asked for."""
        id_ = order["orderId"]
        future = self._waiting[id_] = asyncio.get_running_loop().create_future()
        event = {"specversion": "1.0", "id": id_, "source": "/shop", "type": "NewOrder", "subject": "shop/order"}
        await self.whole.broker.publish([("shop/order", {**event, "data": order})])
        await future

    async def close(self) -> None:
        """Stop."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.whole.stop()

    async def _serve(self, group: str, inbound: str, outbound: str, status: str) -> None:
        broker = self.whole.broker
        subscription = await broker.subscribe(group, [inbound])
        settling: asyncio.Future[Any] | None = None
        while True:
            deliveries = await broker.deliveries(subscription.id, AT_ONCE, 30)
            replies = [(outbound, _reply(delivery.event, group, outbound, status)) for delivery in deliveries]
            leases = [delivery.lease for delivery in deliveries]
            if settling is not None:
                await settling
            # In one iteration of the loop, so in one commit: the trigger is done if and only if its reply is there.
            settling = asyncio.gather(broker.publish(replies), broker.settle(subscription.id, leases))

    async def _ship(self) -> None:
        broker = self.whole.broker
        subscription = await broker.subscribe("shipment", ["shipment/inbound"])
        while True:
            deliveries = await broker.deliveries(subscription.id, AT_ONCE, 30)
            for delivery in deliveries:
                future = self._waiting.pop(delivery.event["data"]["orderId"], None)
                if future is not None:
                    future.set_result(None)
            if deliveries:
                await broker.settle(subscription.id, [delivery.lease for delivery in deliveries])


def _reply(trigger: dict[str, Any], group: str, channel: str, status: str) -> dict[str, Any]:
    data = trigger["data"]
    return {
        "specversion": "1.0",
        "id": f"{trigger['id']}/{channel}",
        "source": f"/services/{group}",
        "type": channel,
        "subject": channel,
        "workflowinstanceid": trigger["workflowinstanceid"],
        "workflowtaskinstanceid": trigger["workflowtaskinstanceid"],
        "data": {"orderId": data.get("orderId") or data["order"]["orderId"], "status": status},
    }


def _document(name: str, operations: list[tuple[str, str, str]]) -> bytes:
    lines = ["asyncapi: 2.6.0", f"info: {{title: {name}, version: '1'}}", "channels:"]
    for channel, verb, operation in operations:
        message = f"message: {{name: {operation}, payload: {{type: object}}}}"
        lines.append(f"  {channel}: {{{verb}: {{operationId: {operation}, {message}}}}}")
    return "\n".join(lines).encode()
