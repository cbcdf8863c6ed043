"""Outages: a part is away for a while, and afterwards it is as if it had never been."""

from __future__ import annotations

import os
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from evenweave.cli.demo.orders import Instances, Orders
from evenweave.cli.demo.stack import Stack, find_example
from evenweave.cli.remote import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLOW = os.environ.get("EVENWEAVE_SLOW") == "1"
SERVICES = ("order", "payment", "shipment")
WAIT_S = 120.0


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """The three processes with the store's documents registered, and no service yet."""
    with Stack(tmp_path, find_example()) as started:
        started.start()
        started.register()
        yield started


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so, within a bound."""
    until = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < until, f"{what} did not happen within {WAIT_S} s"
        time.sleep(0.05)


def finish(stack: Stack, wanted: int) -> Orders:
    """Wait until every order has ended and every parcel has left; look at how."""
    orders = Orders([stack.journal(name) for name in ("store", *SERVICES)])
    instances = Instances(stack.remote("engine"))

    def over() -> bool:
        list(orders.look())
        instances.look()
        known = orders.known.values()
        parcels = all(("shipped" in each.events) == ("paid" in each.events) for each in known)
        return instances.ended == wanted == len(known) and parcels

    wait_for(over, f"the end of {wanted} orders")
    orders.take_statuses(instances.statuses)
    wrong = [order for order in orders.known.values() if not order.ended_right]
    assert not wrong, f"{len(wrong)} orders ended wrong, the first: {wrong[0]}"
    assert len(instances.statuses) == wanted
    return orders


def lines(path: Path) -> int:
    """How many lines a journal has."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def ask(stack: Stack, part: str, sql: str) -> int:
    """A number out of a store."""
    connection = sqlite3.connect(f"file:{stack.folder / part}.db?mode=ro", uri=True)
    try:
        return int(connection.execute(sql).fetchone()[0])
    finally:
        connection.close()


def test_outage_of_the_runtime_publishes_everything_afterwards_once(stack: Stack) -> None:
    """With the Runtime away under load, everything is published when it is back, each event under one id and once."""
    orders = 300
    away_s = 30.0 if SLOW else 4.0
    for service in SERVICES:
        stack.start_service(service)
    stack.start_service("store", "--orders", str(orders))
    wait_for(lambda: lines(stack.journal("payment")) >= 20, "a running load")
    stack.kill("runtime")
    back = time.monotonic() + away_s
    wait_for(lambda: time.monotonic() > back, "the end of the outage")
    stack.start_part("runtime")
    finish(stack, orders)
    for channel in ("order/inbound", "payment/inbound"):
        assert ask(stack, "runtime", f"select count(*) from broker_events where channel = '{channel}'") == orders
    wait_for(lambda: ask(stack, "engine", "select count(*) from outbox") == 0, "an empty outbox")


def test_outage_of_the_catalog_stops_nothing(stack: Stack) -> None:
    """With the Catalog dead, orders run, and even an engine that is started anew runs them."""
    for service in SERVICES:
        stack.start_service(service)
    stack.kill("catalog")
    stack.kill("engine")
    stack.start_part("engine")
    with pytest.raises(Unreachable):
        stack.remote("catalog").call("GET", "/healthz")
    stack.start_service("store", "--orders", "100")
    finish(stack, 100)


def test_outage_of_a_service_is_buffered(stack: Stack) -> None:
    """With the payment service stopped, 1,000 orders are taken; when it is started, 1,000 end."""
    orders = 1_000
    stack.start_service("order")
    stack.start_service("shipment")
    stack.start_service("store", "--orders", str(orders))
    wait_for(
        lambda: ask(stack, "runtime", "select count(*) from broker_events where channel = 'payment/inbound'") == orders,
        "1,000 orders at the payment service's door",
    )
    assert lines(stack.journal("shipment")) == 0
    stack.start_service("payment")
    finish(stack, orders)


def test_outage_of_the_engine_longer_than_retention_misses_nothing(tmp_path: Path) -> None:
    """Events that the engine has not taken are kept beyond the log's minimum retention, however long it is away."""
    orders = 50
    with Stack(tmp_path, find_example()) as stack:
        stack.options["runtime"] = ["--retention", "1"]
        stack.start()
        stack.register()
        for service in SERVICES:
            stack.start_service(service)
        stack.kill("engine")
        stack.start_service("store", "--orders", str(orders))
        wait_for(lambda: lines(stack.journal("store")) == orders, "all orders placed")
        placed = "select count(*) from broker_events where channel = 'store/order'"
        trimmed_at = time.monotonic() + (15.0 if SLOW else 4.0)
        wait_for(lambda: time.monotonic() > trimmed_at, "several rounds of trimming")
        assert ask(stack, "runtime", placed) == orders
        stack.start_part("engine")
        finish(stack, orders)
        # What everybody has taken goes: all but the newest row, which keeps the positions unique.
        wait_for(lambda: ask(stack, "runtime", "select count(*) from broker_events") <= 1, "the trimming of the log")
