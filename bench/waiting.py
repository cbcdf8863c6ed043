"""What a million waiting instances cost: memory, start-up and throughput, and how fast deadlines are worked off.

``python bench/waiting.py [--seconds S] [--counts 0,100000,1000000] [--due N]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import seeding
from orders import quieten, write
from subject import Subject
from workload import measure, rss_mb

from evenweave.app import Whole
from evenweave.cli.process import tune_process

IN_FLIGHT = 64
DUE_WAIT_S = 300.0
SHORT_S = 15
TURNS = 3


async def pause() -> None:
    """Let others run for a moment."""
    await asyncio.sleep(0.005)


async def prepare(path: Path, count: int, rest: str = "P30D") -> None:
    """Make a database with so many instances that wait, half of them for an event and half for the end of a rest."""
    whole = await Whole.start(path)
    sleeping = seeding.SLEEPING.replace(b"P30D", rest.encode())
    for name, document in (("tickets.yaml", seeding.DEFINITION), ("sleepers.yaml", sleeping)):
        await whole.engine.register(name, document)
    await seeding.write_first(whole)
    while len(await whole.engine.instances()) < 2:
        await pause()
    await whole.stop()
    for definition in ("tickets", "sleepers"):
        await asyncio.to_thread(seeding.seed, path, definition, count // 2)


async def serve(path: Path, seconds: float) -> dict[str, Any]:
    """Start on a database, and run orders beside what waits in it."""
    began = time.perf_counter()
    whole = await Whole.start(path)
    while not whole.engine.ready:
        await pause()
    started = time.perf_counter() - began
    idle = rss_mb()
    subject = await Subject.serve(whole)
    figures = await measure(subject.place, IN_FLIGHT, seconds)
    await subject.close()
    return {"start_s": round(started, 3), "idle_mb": round(idle), **figures._asdict()}


async def work_off(path: Path, due: int) -> dict[str, Any]:
    """Start on a database whose deadlines are over, and wait until all are worked off."""
    began = time.perf_counter()
    whole = await Whole.start(path)
    fired = 0
    while fired < due and time.perf_counter() - began < DUE_WAIT_S:
        await asyncio.sleep(0.1)
        fired = sum((await whole.engine.figures()).figures.deadlines.counts)
    elapsed = time.perf_counter() - began
    await whole.stop()
    return {"deadlines": fired, "deadlines_s": round(fired / elapsed), "rss_mb": round(rss_mb())}


async def ask(*arguments: str) -> dict[str, Any]:
    """One step in a process of its own, so that its memory is only its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, *arguments), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"waiting.py {' '.join(arguments)} ended with {process.returncode}")
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def compare(count: int, first: int, turns: list[dict[int, dict[str, Any]]]) -> dict[str, Any]:
    """The figures of one database, each the median of all turns, and its orders next to those of the first one."""
    row = {name: statistics.median(turn[count][name] for turn in turns) for name in turns[0][count]}
    ratio = statistics.median(turn[count]["orders_s"] / turn[first]["orders_s"] for turn in turns)
    return {"waiting": count, **row, "of_empty": round(ratio, 2)}


async def run(counts: list[int], seconds: float, due: int) -> None:
    """Print a table, and write it to ``bench/out/waiting.json``."""
    names = ("waiting", "start s", "idle MB", "MB", "orders/s", "of empty")
    print("  ".join(f"{name:>10}" for name in names), flush=True)
    with tempfile.TemporaryDirectory() as name:
        paths = {count: Path(name) / f"{count}.db" for count in counts}
        for count, path in paths.items():
            await prepare(path, count)
        # By turns, and each turn by itself, for a machine is faster at one time than at another.
        turns = [
            {count: await ask("--serve", str(path), "--seconds", str(seconds)) for count, path in paths.items()}
            for _ in range(TURNS)
        ]
        rows = [compare(count, counts[0], turns) for count in counts]
        for row in rows:
            cells = (row["waiting"], row["start_s"], row["idle_mb"], row["rss_mb"], row["orders_s"], row["of_empty"])
            print("  ".join(f"{cell:>10}" for cell in cells), flush=True)
        for path in paths.values():
            path.unlink()
        path = Path(name) / "due.db"
        over = time.monotonic() + SHORT_S + 1
        await prepare(path, 2 * due, f"PT{SHORT_S}S")
        await asyncio.sleep(over - time.monotonic())
        found = await ask("--work-off", str(path), "--due", str(due))
        print(
            f"{found['deadlines']} overdue deadlines: {found['deadlines_s']} a second, {found['rss_mb']} MB", flush=True
        )
    write("waiting.json", {"waiting": rows, "due": found})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--counts", default="0,100000,1000000")
    parser.add_argument("--due", type=int, default=20_000)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--work-off", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    quieten()
    tune_process()
    if options.serve:
        print(json.dumps(asyncio.run(serve(options.serve, options.seconds))))
    elif options.work_off:
        print(json.dumps(asyncio.run(work_off(options.work_off, options.due))))
    else:
        asyncio.run(run([int(each) for each in options.counts.split(",")], options.seconds, options.due))
