"""DBOS on the order workload, in a process of its own: ``python bench/dbos_orders.py URL IN_FLIGHT SECONDS``.

Each trigger is a step, each reply a message to the workflow. Both are durable, as they are in Evenweave; the services
are coroutines beside it. SQLite is put into WAL, which DBOS does not do by itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import apsw
from dbos import DBOS, DBOSConfig
from workload import measure

# How often a workflow looks for its message on SQLite (PostgreSQL tells it). Its default, a second, is no use here.
POLL_S = 0.05
POOL = 20

triggers: asyncio.Queue[tuple[str, str, dict[str, Any]]] = asyncio.Queue()


@DBOS.step()
async def trigger(service: str, workflow: str, body: dict[str, Any]) -> None:
    """Tell a service."""
    triggers.put_nowait((service, workflow, body))


@DBOS.workflow()
async def order_workflow(order: dict[str, Any]) -> str:
    """The order workload, see `workload`."""
    workflow = DBOS.workflow_id
    assert workflow is not None
    await trigger("order", workflow, order)
    booked = await DBOS.recv_async("order", timeout_seconds=60)
    await trigger("payment", workflow, booked)
    payment = await DBOS.recv_async("payment", timeout_seconds=60)
    if payment is not None and payment["status"] == "success":
        await trigger("shipment", workflow, {"orderId": order["orderId"]})
        return "shipped"
    return "rejected"


async def serve() -> None:
    """The services."""
    answering = set()
    while True:
        service, workflow, body = await triggers.get()
        if service != "shipment":
            status = "success" if service == "payment" else "ok"
            reply = {"orderId": body["orderId"], "status": status}
            task = asyncio.create_task(DBOS.send_async(workflow, reply, topic=service))
            answering.add(task)
            task.add_done_callback(answering.discard)


async def place(order: dict[str, Any]) -> None:
    """Run an order."""
    handle = await DBOS.start_workflow_async(order_workflow, order)
    result = await handle.get_result()
    assert result == "shipped", result


async def run(url: str, in_flight: int, seconds: float) -> None:
    """Measure, print and leave."""
    if url.startswith("sqlite:///"):
        connection = apsw.Connection(url.removeprefix("sqlite:///"))
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table prepared (a)")
        connection.close()
    config: DBOSConfig = {
        "name": "orders",
        "system_database_url": url,
        "log_level": "ERROR",
        "notification_listener_polling_interval_sec": POLL_S,
        "sys_db_pool_size": POOL,
        "run_admin_server": False,
    }
    DBOS(config=config)
    DBOS.launch()
    serving = asyncio.create_task(serve())
    figures = await measure(place, in_flight, seconds)
    print(json.dumps(figures._asdict()), flush=True)
    serving.cancel()
    os._exit(0)  # its threads have nothing left to do that anybody waits for


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
