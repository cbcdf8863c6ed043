"""Orders a second on the order workload, beside the floor and DBOS in the same run.

``python bench/orders.py [--seconds S] [--repetitions N] [--store NAME] [--in-flight N] [--no-dbos]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import structlog
from workload import median, take_median, warm_up
from workload import run as run_orders

from evenweave.cli.process import new_loop, tune_process
from stores import STORES, Store

IN_FLIGHT = (1, 16, 64, 256)
DBOS_S = 2.0
OUT = Path(__file__).parent / "out"
COLUMNS = {
    "store": "store",
    "in_flight": "in flight",
    "orders_s": "orders/s",
    "floor_orders_s": "floor",
    "floor_ratio": "ratio",
    "dbos_orders_s": "DBOS",
    "dbos_ratio": "times DBOS",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "floor_p50_ms": "floor p50",
    "cpu_s_per_1000": "CPU s/1000",
    "rss_mb": "MB",
}
Row = dict[str, Any]


async def compare(store: Store, in_flight: int, seconds: float, repetitions: int) -> Row:
    """Evenweave and the floor with so many orders in flight, by turns, for the machine is not the same all the time."""
    with tempfile.TemporaryDirectory() as name:
        engines = await store.floor(Path(name)), await store.subject(Path(name))
        for engine in engines:
            await warm_up(engine.place, in_flight, seconds)
        turns = [[await run_orders(each.place, in_flight, seconds) for each in engines] for _ in range(repetitions)]
        for engine in engines:
            await engine.close()
    floor, figures = (take_median([turn[index] for turn in turns]) for index in range(2))
    return {
        "store": store.name,
        "in_flight": in_flight,
        "orders_s": figures.orders_s,
        "floor_orders_s": floor.orders_s,
        "floor_ratio": round(median([ours.orders_s / floors.orders_s for floors, ours in turns]), 3),
        "dbos_orders_s": None,
        "dbos_ratio": None,
        "p50_ms": figures.p50_ms,
        "p99_ms": figures.p99_ms,
        "floor_p50_ms": floor.p50_ms,
        "cpu_s_per_1000": figures.cpu_s_per_1000,
        "rss_mb": figures.rss_mb,
    }


async def measure_dbos(store: Store, in_flight: int, seconds: float) -> float | None:
    """Orders a second of DBOS, in a process of its own, or nothing where it cannot run."""
    with tempfile.TemporaryDirectory() as name:
        script = str(Path(__file__).parent / "dbos_orders.py")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, script, store.dbos(Path(name)), str(in_flight), str(seconds)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
    if process.returncode:
        reason = err.decode(errors="replace").strip().splitlines()
        print(f"DBOS is left out ({store.name}): {reason[-1] if reason else process.returncode}", flush=True)
        return None
    return float(json.loads(out.splitlines()[-1])["orders_s"])


async def run(options: argparse.Namespace) -> list[Row]:
    """Print a table, and return its rows."""
    print("  ".join(f"{name:>10}" for name in COLUMNS.values()), flush=True)
    rows = []
    for store in STORES:
        if options.store not in {None, store.name}:
            continue
        missing = await store.missing()
        if missing:
            print(f"{store.name} is left out: {missing}", flush=True)
            continue
        dbos = options.dbos
        for in_flight in (options.in_flight,) if options.in_flight else IN_FLIGHT:
            row = await compare(store, in_flight, options.seconds, options.repetitions)
            found = await measure_dbos(store, in_flight, DBOS_S) if dbos else None
            dbos = found is not None  # what is not there now will not be there for the next row
            if found:
                row["dbos_orders_s"], row["dbos_ratio"] = found, round(row["orders_s"] / found, 1)
            cells = ("-" if row[name] is None else row[name] for name in COLUMNS)
            print("  ".join(f"{cell:>10}" for cell in cells), flush=True)
            rows.append(row)
    return rows


def write(name: str, value: Any) -> None:
    """Write a result to ``bench/out``."""
    OUT.mkdir(exist_ok=True)
    (OUT / name).write_text(json.dumps(value, indent=2) + "\n")


def quieten() -> None:
    """As a process is run: what every instance does is not logged."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--store", choices=[store.name for store in STORES])
    parser.add_argument("--in-flight", type=int)
    parser.add_argument("--no-dbos", dest="dbos", action="store_false")
    quieten()
    tune_process()
    with asyncio.Runner(loop_factory=new_loop) as runner:  # as a process that serves does
        write("results.json", runner.run(run(parser.parse_args())))
