"""The order workload, the same for every engine that is measured: a closed loop of orders of 1 KB.

An order: start with the order -> trigger the order service, await its reply -> trigger the payment service, await its
reply -> switch on ``payment.status`` -> trigger the shipment -> done.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")

Place = Callable[[dict[str, Any]], Awaitable[None]]
"""Places an order and returns when it has ended."""


class Figures(NamedTuple):
    """One measurement: orders a second, latencies in milliseconds, CPU seconds per 1,000 orders, memory in MB."""

    orders_s: float
    p50_ms: float
    p99_ms: float
    cpu_s_per_1000: float
    rss_mb: float


def make_order(number: int) -> dict[str, Any]:
    """An order of 1 KB."""
    items = [
        {"sku": f"SKU-{line:04d}", "qty": line % 3 + 1, "price": 19.99, "title": "A plain thing of good quality"}
        for line in range(8)
    ]
    order = {
        "orderId": f"o-{number}",
        "customerId": f"c-{number % 997}",
        "currency": "EUR",
        "items": items,
        "note": "",
    }
    order["note"] = "x" * max(0, 1024 - len(json.dumps(order)))
    return order


async def measure(place: Place, in_flight: int, seconds: float) -> Figures:
    """Run the closed loop with so many orders in flight, after a short run that does not count."""
    await warm_up(place, in_flight, seconds)
    return await run(place, in_flight, seconds)


async def warm_up(place: Place, in_flight: int, seconds: float) -> None:
    """Run some orders that do not count."""
    await run(place, min(in_flight, 8), min(1.0, seconds))


def take_median(runs: list[Figures]) -> Figures:
    """The median run by orders a second."""
    return sorted(runs, key=lambda figures: figures.orders_s)[len(runs) // 2]


def median(figures: list[float]) -> float:
    """The middle one."""
    return statistics.median(figures)


def cpu_s(pids: list[int] | None = None) -> float:
    """CPU seconds of processes and all that they started, so far."""
    return sum(_stat(pid)[0] for pid in _tree(pids or [os.getpid()]))


def rss_mb(pids: list[int] | None = None) -> float:
    """Memory of processes and all that they started that is theirs alone, in MB."""
    return sum(_stat(pid)[1] for pid in _tree(pids or [os.getpid()]))


async def run(place: Place, in_flight: int, seconds: float) -> Figures:
    """Run the closed loop once."""
    latencies: list[float] = []
    stop = time.perf_counter() + seconds
    numbers = iter(range(random.randrange(10**9), 10**12))

    async def client() -> None:
        while time.perf_counter() < stop:
            order = make_order(next(numbers))
            began = time.perf_counter()
            await place(order)
            latencies.append(time.perf_counter() - began)

    began, cpu = time.perf_counter(), cpu_s()
    await asyncio.gather(*(client() for _ in range(in_flight)))
    elapsed, used = time.perf_counter() - began, cpu_s() - cpu
    latencies.sort()
    count = len(latencies)
    return Figures(
        orders_s=round(count / elapsed, 1),
        p50_ms=round(latencies[count // 2] * 1000, 2),
        p99_ms=round(latencies[min(count - 1, int(count * 0.99))] * 1000, 2),
        cpu_s_per_1000=round(used / count * 1000, 3),
        rss_mb=round(rss_mb()),
    )


def _tree(roots: list[int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(name))
    found: list[int] = []
    todo = list(roots)
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def _stat(pid: int) -> tuple[float, float]:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            pages = file.read().split()
    except OSError:
        return 0.0, 0.0
    return sum(int(value) for value in fields[11:15]) / TICKS, (int(pages[1]) - int(pages[2])) * PAGE / 1e6
