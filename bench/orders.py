"""Orders a second on the order workload, against the floor in the same run: ``python bench/orders.py [SECONDS]``."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
from pathlib import Path

import structlog
from floor import SqliteFloor
from subject import Subject
from workload import Figures, measure

IN_FLIGHT = (1, 16, 64, 256)
HEAD = ("in flight", "orders/s", "floor", "ratio", "p50 ms", "p99 ms", "floor p50", "CPU s/1000", "MB")


async def compare(in_flight: int, seconds: float, folder: Path) -> tuple[Figures, Figures]:
    """Evenweave and the floor with so many orders in flight, on files of their own."""
    floor = SqliteFloor(folder / f"floor-{in_flight}.db")
    least = await measure(floor.place, in_flight, seconds)
    await floor.close()
    subject = await Subject.start(folder / f"subject-{in_flight}.db")
    figures = await measure(subject.place, in_flight, seconds)
    await subject.close()
    return figures, least


async def run(seconds: float) -> None:
    """Print a table, and write the rows to ``bench/out/results.json``."""
    print("  ".join(f"{name:>10}" for name in HEAD), flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for in_flight in IN_FLIGHT:
            figures, floor = await compare(in_flight, seconds, Path(name))
            ratio = round(figures.orders_s / floor.orders_s, 3)
            cells = (in_flight, figures.orders_s, floor.orders_s, ratio, figures.p50_ms, figures.p99_ms, floor.p50_ms)
            print("  ".join(f"{cell:>10}" for cell in (*cells, figures.cpu_s_per_1000, figures.rss_mb)), flush=True)
            rows.append(
                {
                    "store": "sqlite",
                    "in_flight": in_flight,
                    "orders_s": figures.orders_s,
                    "floor_orders_s": floor.orders_s,
                    "floor_ratio": ratio,
                    "p50_ms": figures.p50_ms,
                    "p99_ms": figures.p99_ms,
                    "floor_p50_ms": floor.p50_ms,
                    "cpu_s_per_1000": figures.cpu_s_per_1000,
                    "rss_mb": figures.rss_mb,
                }
            )
    out = Path(__file__).parent / "out"
    out.mkdir(exist_ok=True)
    (out / "results.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    # As a process is run: what every instance does is not logged.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(run(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0))
