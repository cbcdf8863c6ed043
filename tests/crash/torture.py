"""Kills every part again and again while orders run, then plays simulated histories: `make torture`.

    python tests/crash/torture.py [--kills N] [--seeds N] [--only points,sqlite,dev,postgresql,seeds]

Each round is a load of orders: on three processes with SQLite; on the one process of `evenweave dev`; and where a
PostgreSQL server answers, on that with one worker and with two. In rounds of their own a process is stopped at each
step of the protocol; in the others processes are killed at random moments. Afterwards the stores, the log and the
services' journals are read, and every instance's history is run again: the last line says what was found, and the exit
status is 0 only where it is nothing. The folder of a round that finds something is kept.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from findings import File, Findings, Schema, query
from killing import KilledStack, kill_in_one_process, kill_on, kill_on_sqlite
from stopping import POINTS, POSTGRES_POINTS
from stops import ORDERS, StoppedStack, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

POSTGRES = os.environ.get("EVENWEAVE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
KILLS_A_ROUND = 25
PARTS = ("points", "sqlite", "dev", "postgresql", "seeds")


@contextmanager
def folder_of(findings: Findings, what: str) -> Iterator[Path]:
    """A folder for a round, which is kept where something was found in it; in the end say how far it is."""
    folder, said, began = Path(tempfile.mkdtemp(prefix="torture-")), len(findings.said), time.monotonic()
    try:
        yield folder
    except Exception as error:  # noqa: BLE001 - a round that cannot be played says so, and the others are
        findings.stuck += 1
        findings.said.append(f"stuck: {type(error).__name__}: {error}")
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if findings.said[said:]:
        print(f"  {'; '.join(findings.said[said:])}\n  see {folder}", flush=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    f = findings
    print(
        f"{what} ({time.monotonic() - began:.0f} s): {f.kills} kills and {f.histories} histories so far, "
        f"{f.lost} lost, {f.doubled} doubled, {f.stuck} stuck",
        flush=True,
    )


@contextmanager
def schema() -> Iterator[Schema]:
    """A schema of its own, removed afterwards."""
    made = Schema(POSTGRES, f"torture_{uuid.uuid4().hex}")
    made.create()
    try:
        yield made
    finally:
        made.drop()


def stop_at(findings: Findings, points: list[tuple[str, str]]) -> None:
    """Stop at each of the steps in turn."""
    for kind, point in points:
        with folder_of(findings, f"{kind}, stopped {point}") as folder:
            if kind == "PostgreSQL":
                with schema() as place:
                    stack = StoppedStack(folder, point, place.url)
                    _stop_once(stack, place, findings)
            else:
                _stop_once(StoppedStack(folder, point), File(folder / "engine.db"), findings)


def _stop_once(stack: StoppedStack, place: File | Schema, findings: Findings) -> None:
    with stack:
        orders = run(stack, place)
    findings.kills += stack.stops
    findings.judge(orders, ORDERS, place)
    if not stack.stops:
        raise RuntimeError(f"the step was never passed {stack.count} times")


def kill_on_postgres(workers: int) -> Callable[[Path, Findings, int, int], None]:
    """On PostgreSQL, with so many workers, in a schema of its own."""

    def play(folder: Path, findings: Findings, kills: int, seed: int) -> None:
        with schema() as place:
            options = ["--store", place.url, "--workers", str(workers)]
            kill_on(KilledStack(folder, options), place, findings, kills, seed)

    return play


def kill_at_random(findings: Findings, kills: int, parts: set[str], first: int, *, postgres: bool) -> None:
    """Rounds of each kind in turn, until so many processes were killed at random moments."""
    kinds: list[tuple[str, Callable[[Path, Findings, int, int], None]]] = []
    if "sqlite" in parts:
        kinds.append(("SQLite", kill_on_sqlite))
    if "dev" in parts:
        kinds.append(("one process", kill_in_one_process))
    if "postgresql" in parts and postgres:
        kinds += [(f"PostgreSQL, {n} worker{'s' * (n > 1)}", kill_on_postgres(n)) for n in (1, 2)]
    seeds = itertools.count(first)
    while kinds and kills > 0:
        # As many of each kind, also where there are few.
        share = min(KILLS_A_ROUND, -(-kills // len(kinds)))
        for name, play in kinds:
            number = min(share, kills)
            if number:
                seed = next(seeds)
                with folder_of(findings, f"{name}, {number} kills at random, seed {seed}") as folder:
                    play(folder, findings, number, seed)
            kills -= number


def has_postgres() -> bool:
    """Whether a server answers."""
    import asyncpg

    try:
        return asyncio.run(query(POSTGRES, "select 1")) == 1
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        print(f"no PostgreSQL at {POSTGRES} ({error}): left out; EVENWEAVE_TEST_POSTGRES names another", flush=True)
        return False


def simulate(findings: Findings, seeds: int, first: int) -> int:
    """Play simulated histories; how many."""
    line = [sys.executable, "-m", "evenweave.testing.simulation", "--seeds", str(seeds), "--first", str(first)]
    last = ""
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for last in process.stdout:
            print(last, end="", flush=True)
    found = re.search(r"^(\d+) seeds: (\d+) lost, (\d+) doubled, (\d+) stuck$", last)
    if found is None:
        findings.stuck += 1
        return 0
    played, lost, doubled, stuck = map(int, found.groups())
    findings.lost, findings.doubled = findings.lost + lost, findings.doubled + doubled
    findings.stuck += stuck
    return played


def read_arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="so many at random, besides one at each step")
    parser.add_argument("--seeds", type=int, default=10_000, help="so many simulated histories")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--points", type=int, default=100, help="stop at so many steps of the protocol at most")
    parser.add_argument("--only", default=",".join(PARTS), help="some of %(default)s")
    arguments = parser.parse_args()
    arguments.parts = set(arguments.only.split(","))
    if unknown := arguments.parts - set(PARTS):
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}")
    return arguments


def end_softly(_number: int, _frame: FrameType | None) -> None:
    """Take SIGTERM for Ctrl-C: processes and schemas are cleared away."""
    raise KeyboardInterrupt


def main() -> None:
    """Run all, and say what was found."""
    arguments = read_arguments()
    signal.signal(signal.SIGTERM, end_softly)
    findings, seeds, parts = Findings(), 0, arguments.parts
    interrupted = False
    try:
        postgres = has_postgres()
        if "points" in parts:
            points = [("SQLite", point) for point in POINTS]
            points += [("PostgreSQL", point) for point in POSTGRES_POINTS] if postgres else []
            stop_at(findings, points[: arguments.points])
        kill_at_random(findings, arguments.kills, parts, arguments.first, postgres=postgres)
        if "seeds" in parts and arguments.seeds:
            seeds = simulate(findings, arguments.seeds, arguments.first)
    except KeyboardInterrupt:
        interrupted = True
        print("interrupted", flush=True)
    f = findings
    print(f"{f.kills} kills, {seeds} seeds: {f.lost} lost, {f.doubled} doubled, {f.stuck} stuck")
    sys.exit(130 if interrupted else bool(f.wrong))


if __name__ == "__main__":
    main()
