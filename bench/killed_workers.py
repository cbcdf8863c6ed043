"""One worker against two on PostgreSQL, one of them killed every few seconds: orders a second, and whether any is lost.

    python bench/killed_workers.py [--seconds N] [--every SECONDS]

The processes of the store's example, each on its own: Catalog, Runtime, Workflow Engine, three services, and a customer
who orders as fast as the Runtime takes it. A worker is killed (SIGKILL) at the same rhythm in both cases, and started
again as the engine of several does it: after a pause that grows, as it never lived for long. Then no more is ordered,
and every order must come to its end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg

from evenweave.cli.demo.orders import Orders
from evenweave.cli.demo.stack import Stack, find_example
from evenweave.cli.workers import FIRST_PAUSE_S, LONGEST_PAUSE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

POSTGRES = os.environ.get("EVENWEAVE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
SERVICES = ("order", "payment", "shipment")
WAIT_S = 120.0


class Result(NamedTuple):
    """What came of one case: orders completed while workers were killed, and what became of all of them."""

    workers: int
    kills: int
    orders_s: float
    placed: int
    lost: int


class KilledWorkers(Stack):
    """A stack whose engine has some workers on a database, of which always the youngest is killed."""

    def __init__(self, folder: Path, url: str, workers: int) -> None:
        super().__init__(folder, find_example())
        self.workers = workers
        self.options["engine"] = ["--store", url, "--workers", str(workers)]
        self._pause_s = FIRST_PAUSE_S
        self._back_at = 0.0

    def revive(self) -> None:
        """Start the only worker again once its pause is over."""
        if "engine" not in self._processes and time.monotonic() >= self._back_at:
            self.start_part("engine")

    def kill_worker(self) -> bool:
        """Kill one; false where it is not back since the last time."""
        if self.workers == 1:
            if "engine" not in self._processes:
                return False
            self.kill("engine")
            self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2)
            self._back_at = time.monotonic() + self._pause_s
            return True
        engine = self._processes["engine"].pid
        pids = [int(pid) for pid in Path(f"/proc/{engine}/task/{engine}/children").read_text().split()]
        if len(pids) == self.workers:
            os.kill(max(pids), signal.SIGKILL)
        return len(pids) == self.workers


@contextmanager
def schema() -> Iterator[str]:
    """A schema of its own, by its URL, removed afterwards."""
    name = f"bench_{uuid.uuid4().hex}"
    asyncio.run(ask(POSTGRES, f"create schema {name}"))
    try:
        yield f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}search_path={name}"
    finally:
        asyncio.run(ask(POSTGRES, f"drop schema {name} cascade"))


async def ask(url: str, sql: str) -> Any:
    """The first value that a statement yields."""
    connection = await asyncpg.connect(url, timeout=30)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def count(url: str, where: str) -> int:
    """How many instances are so."""
    return int(asyncio.run(ask(url, f"select count(*) from instances where {where}")))


def measure(workers: int, seconds: float, every_s: float) -> Result:
    """Kill for some seconds, then wait for the last order."""
    with (
        schema() as url,
        tempfile.TemporaryDirectory() as folder,
        KilledWorkers(Path(folder), url, workers) as stack,
    ):
        stack.start()
        stack.register()
        for service in SERVICES:
            stack.start_service(service)
        stack.start_service("store", "--orders", "1000000")
        orders = Orders([stack.journal(name) for name in ("store", *SERVICES)])
        wait_until(lambda: count(url, "status = 'completed'") > 0, WAIT_S)
        began, before, kills = time.monotonic(), count(url, "status = 'completed'"), 0
        following = began + every_s
        while (now := time.monotonic()) < began + seconds:
            stack.revive()
            if now >= following:
                following += every_s
                kills += stack.kill_worker()
            time.sleep(0.05)
        rate = (count(url, "status = 'completed'") - before) / (time.monotonic() - began)
        stack.kill("store")

        def over() -> bool:
            stack.revive()
            list(orders.look())
            return not open_orders(orders) and not count(url, "status <> 'completed'")

        wait_until(over, WAIT_S)
        list(orders.look())
        lost = len(open_orders(orders)) + count(url, "status <> 'completed'")
        return Result(workers, kills, rate, len(orders.known), lost)


def open_orders(orders: Orders) -> list[str]:
    """The orders that have not ended as their payment said, each thing once."""
    return [
        id_
        for id_, order in orders.known.items()
        if not ("denied" in order.events or {"paid", "shipped"} <= set(order.events))
        or any(len(events) > 1 for events in order.events.values())
    ]


def wait_until(condition: Any, within_s: float) -> None:
    """Wait for a condition, within a bound."""
    until = time.monotonic() + within_s
    while not condition() and time.monotonic() < until:
        time.sleep(0.2)


def main() -> None:
    """Measure both, and say which is more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0, help="for how long workers are killed, in each case")
    parser.add_argument("--every", type=float, default=3.0, help="the seconds between two kills")
    arguments = parser.parse_args()
    results = []
    try:
        asyncio.run(ask(POSTGRES, "select 1"))
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        print(f"no PostgreSQL at {POSTGRES} ({error}): left out; EVENWEAVE_TEST_POSTGRES names another")
        return
    print(f"a worker is killed every {arguments.every:g} s")
    for workers in (1, 2):
        found = measure(workers, arguments.seconds, arguments.every)
        results.append(found)
        print(
            f"{found.workers} worker{'s' * (workers > 1)}: {found.orders_s:6.1f} orders/s, {found.kills} kills, "
            f"{found.placed} orders, {found.lost} lost",
            flush=True,
        )
    one, two = results
    print(f"two are {two.orders_s / max(one.orders_s, 0.1):.2f} times one; {one.lost + two.lost} lost")
    sys.exit(bool(one.lost or two.lost or two.orders_s <= one.orders_s))


if __name__ == "__main__":
    main()
