"""Stops between any two steps of the protocol: whatever dies wherever, each order ends once."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from stopping import POINTS

from evenweave.cli.demo.orders import Orders
from evenweave.cli.demo.stack import Stack, find_example
from evenweave.cli.remote import ProblemAnswer, Unreachable

if TYPE_CHECKING:
    import subprocess

STOPPING = Path(__file__).with_name("stopping.py")
ORDERS = 50
SERVICES = ("order", "payment", "shipment")
WAIT_S = 90.0


class StoppedStack(Stack):
    """A stack of which one process is killed at a point; it is started again as anyone would."""

    def __init__(self, folder: Path, point: str, count: int) -> None:
        super().__init__(folder, find_example())
        self.victim = point.partition(":")[0]
        self.stops = 0
        self._plant: tuple[str, str] | None = (point, str(count))

    def _spawn(self, name: str, command: list[str], *, stdout: int) -> subprocess.Popen[str]:
        python, *rest = command
        if name == self.victim and self._plant is not None:
            what = ["evenweave", *rest[2:]] if rest[0] == "-m" else rest
            command = [python, str(STOPPING), *self._plant, *what]
            self._plant = None
        elif name in SERVICES:
            command = [python, str(STOPPING), "-", "0", *rest]
        return super()._spawn(name, command, stdout=stdout)

    def revive(self) -> None:
        """Start the victim again where it has died."""
        process = self._processes.get(self.victim)
        if process is not None and process.poll() is not None:
            self.stops += 1
            self.kill(self.victim)
            if self.victim in self.urls:
                self.start_part(self.victim)
            else:
                self.start_service(self.victim)


def register(stack: StoppedStack) -> None:
    """Register the documents, again where the Catalog died meanwhile."""
    while True:
        try:
            stack.register()
        except (Unreachable, ProblemAnswer):
            stack.revive()
        else:
            return


def run(stack: StoppedStack) -> Orders:
    """Place the orders and wait until every parcel has left, reviving the victim."""
    stack.start()
    register(stack)
    stack.revive()
    for service in SERVICES:
        stack.start_service(service)
    stack.start_service("store", "--orders", str(ORDERS))
    orders = Orders([stack.journal(name) for name in ("store", *SERVICES)])
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        stack.revive()
        list(orders.look())
        known = orders.known.values()
        ended = [each for each in known if "shipped" in each.events or "denied" in each.events]
        if len(ended) == ORDERS and stack.stops and is_idle(stack):
            break
        time.sleep(0.1)
    return orders


def is_idle(stack: StoppedStack) -> bool:
    """Whether no instance moves any more and nothing waits to be published or settled."""
    try:
        rows = stack.remote("engine").call("GET", "/v1/instances", query={"max": 1000})
    except (Unreachable, ProblemAnswer):
        return False
    return all(row["status"] == "completed" for row in rows) and not ask(stack, "engine", "select count(*) from outbox")


def ask(stack: StoppedStack, part: str, sql: str) -> int:
    """A number out of a store."""
    connection = sqlite3.connect(f"file:{stack.folder / part}.db?mode=ro", uri=True)
    try:
        return int(connection.execute(sql).fetchone()[0])
    finally:
        connection.close()


@pytest.mark.parametrize("point", POINTS)
def test_stops_lose_and_double_nothing(point: str, tmp_path: Path) -> None:
    """A process that is killed at the point and started again: 0 orders lost, 0 doubled, 0 stuck."""
    count = {"catalog": 2, "payment": 3}.get(point.partition(":")[0], 8)  # in the middle of the load
    with StoppedStack(tmp_path, point, count) as stack:
        orders = run(stack)
        assert stack.stops == 1, f"{point} was never passed {count} times"
    known = orders.known
    assert len(known) == ORDERS
    for order in known.values():
        assert ("shipped" in order.events) == ("paid" in order.events) != ("denied" in order.events), order
        # However often a service was asked, it was by one event.
        assert all(len(events) == 1 for events in order.events.values()), order
    assert ask(stack, "engine", "select count(*) from instances") == ORDERS
    assert ask(stack, "engine", "select count(*) from instances where status = 'completed'") == ORDERS
    for table in ("waits", "outbox", "inbox", "correlations", "parked"):
        assert ask(stack, "engine", f"select count(*) from {table}") == 0, table
    for channel in ("store/order", "order/inbound", "order/outbound", "payment/inbound", "payment/outbound"):
        sql = f"select count(*) from broker_events where channel = '{channel}'"
        assert ask(stack, "runtime", sql) == ORDERS, channel
    assert ask(stack, "runtime", "select count(*) from broker_events where channel like 'dead-letter/%'") == 0
