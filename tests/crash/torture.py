"""Kills every part again and again while orders run, then plays simulated histories: `make torture`.

    python tests/crash/torture.py [--kills N] [--seeds N]

Each round is a load of orders on three processes: on SQLite, and where a PostgreSQL server answers, on that with one
worker and with two. Processes are killed at random moments and, in rounds of their own, at every step of the protocol
in turn. Afterwards the stores, the log and the services' journals are read: the last line says what was found.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from stopping import POINTS
from test_stops import ORDERS, SERVICES, StoppedStack, ask, run

from evenweave.cli.demo.orders import Orders
from evenweave.cli.demo.stack import Stack, find_example
from evenweave.cli.remote import ProblemAnswer, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

POSTGRES = os.environ.get("EVENWEAVE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
KILLS_A_ROUND = 30
PACE_S = 0.1
WAIT_S = 180.0
EMPTY = ("waits", "outbox", "inbox", "correlations", "parked", "calls", "kept")


class Findings:
    """What was found so far."""

    def __init__(self) -> None:
        self.kills = self.lost = self.doubled = self.stuck = 0

    def judge(self, orders: Orders, placed: int, count: Callable[[str], int]) -> None:
        """Read the journals, and the store of instances by SQL without its tables' tenant."""
        known = list(orders.known.values())
        ended = [each for each in known if "shipped" in each.events or "denied" in each.events]
        self.lost += placed - len(ended)
        self.doubled += sum(any(len(ids) > 1 for ids in each.events.values()) for each in known)
        self.doubled += max(0, count("select count(*) from instances") - placed)
        self.stuck += count("select count(*) from instances where status <> 'completed'")
        self.stuck += sum(count(f"select count(*) from {table}") for table in EMPTY)


class KilledStack(Stack):
    """A stack whose processes are killed at random; `engine_options` say where its engine has its store."""

    def __init__(self, folder: Path, engine_options: list[str]) -> None:
        super().__init__(folder, find_example())
        self.options["engine"] = engine_options
        self.kills = 0

    def kill_one(self, drawn: random.Random) -> None:
        """Kill a process, or one of an engine's workers, and see to it that it is back."""
        victim = drawn.choice(("engine", "engine", "runtime", "catalog", "payment"))
        process = self._processes[victim]
        workers = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if victim == "engine" and workers.exists() and (pids := workers.read_text().split()):
            os.kill(int(drawn.choice(pids)), signal.SIGKILL)
            self.kills += 1
            return  # it is started again by the engine itself
        self.kill(victim)
        self.kills += 1
        if victim in SERVICES:
            self.start_service(victim)
        else:
            self.start_part(victim)


def play(folder: Path, kills: int, options: list[str], seed: int) -> tuple[KilledStack, Orders]:
    """Place orders for as long as processes are killed, then wait for the last of them."""
    drawn = random.Random(seed)
    with KilledStack(folder, options) as stack:
        stack.start()
        stack.register()
        for service in SERVICES:
            stack.start_service(service)
        stores = [f"store{number}" for number in range(kills)]
        for number, name in enumerate(stores):
            stack.start_service(name, "--orders", "4", "--first", str(number * 4), script="store")
            time.sleep(drawn.random() * PACE_S)
            stack.kill_one(drawn)
        orders = Orders([stack.journal(name) for name in (*stores, *SERVICES)])
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until and not is_over(stack, orders, kills * 4):
            time.sleep(0.2)
    return stack, orders


def is_over(stack: KilledStack, orders: Orders, placed: int) -> bool:
    """Whether each order has ended, and the engine says so."""
    list(orders.look())
    ended = [each for each in orders.known.values() if "shipped" in each.events or "denied" in each.events]
    if len(ended) < placed:
        return False
    try:
        return not stack.remote("engine").call("GET", "/v1/instances", query={"status": "waiting", "max": 1})
    except (Unreachable, ProblemAnswer):
        return False


def stop_everywhere(findings: Findings) -> None:
    """Stop at each step of the protocol in turn."""
    for point in POINTS:
        with tempfile.TemporaryDirectory() as folder:
            count = {"catalog": 2, "payment": 3}.get(point.partition(":")[0], 8)
            with StoppedStack(Path(folder), point, count) as stack:
                orders = run(stack)
            findings.kills += stack.stops
            findings.judge(orders, ORDERS, lambda sql, stack=stack: ask(stack, "engine", sql))
        report(findings, f"stopped at {point}")


def kill_on_sqlite(findings: Findings, kills: int, seed: int) -> None:
    """A round on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        stack, orders = play(Path(folder), kills, [], seed)
        findings.kills += stack.kills
        findings.judge(orders, kills * 4, lambda sql: ask(stack, "engine", sql))
    report(findings, f"SQLite, {kills} kills at random")


def kill_on_postgres(findings: Findings, kills: int, seed: int, workers: int) -> None:
    """A round on PostgreSQL, in a schema of its own."""
    schema = f"torture_{uuid.uuid4().hex}"
    asyncio.run(query(f"create schema {schema}"))
    url = f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}search_path={schema}"
    try:
        with tempfile.TemporaryDirectory() as folder:
            stack, orders = play(Path(folder), kills, ["--store", url, "--workers", str(workers)], seed)
            findings.kills += stack.kills
            found = {}

            def count(sql: str) -> int:
                found[sql] = asyncio.run(query(re.sub(r"from (\w+)", rf"from {schema}.\1", sql)))
                return found[sql]

            findings.judge(orders, kills * 4, count)
    finally:
        asyncio.run(query(f"drop schema {schema} cascade"))
    report(findings, f"PostgreSQL, {workers} workers, {kills} kills at random")


async def query(sql: str) -> int:
    """A number out of PostgreSQL; nothing is 0."""
    import asyncpg

    connection = await asyncpg.connect(POSTGRES, timeout=10)
    try:
        return int(await connection.fetchval(sql) or 0)
    finally:
        await connection.close()


def has_postgres() -> bool:
    """Whether a server answers."""
    import asyncpg

    try:
        return asyncio.run(query("select 1")) == 1
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        print(f"no PostgreSQL at {POSTGRES} ({error}): left out; EVENWEAVE_TEST_POSTGRES names another", flush=True)
        return False


def simulate(findings: Findings, seeds: int) -> int:
    """Play simulated histories; how many."""
    line = [sys.executable, "-m", "evenweave.testing.simulation", "--seeds", str(seeds)]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, end="", flush=True)
    found = re.search(r"^(\d+) seeds: (\d+) lost, (\d+) doubled, (\d+) stuck$", done.stdout, re.MULTILINE)
    if found is None:
        findings.stuck += 1
        return 0
    played, lost, doubled, stuck = map(int, found.groups())
    findings.lost, findings.doubled = findings.lost + lost, findings.doubled + doubled
    findings.stuck += stuck
    return played


def report(findings: Findings, what: str) -> None:
    """Say how far it is."""
    f = findings
    print(f"{what}: {f.kills} kills so far, {f.lost} lost, {f.doubled} doubled, {f.stuck} stuck", flush=True)


def main() -> None:
    """Run all, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--no-points", action="store_true", help="leave out the stops at each step")
    arguments = parser.parse_args()
    findings, seed = Findings(), 1
    if not arguments.no_points:
        stop_everywhere(findings)
    postgres = has_postgres()
    while findings.kills < arguments.kills:
        kills = min(KILLS_A_ROUND, arguments.kills - findings.kills)
        turn = seed % 3 if postgres else 0
        if turn == 0:
            kill_on_sqlite(findings, kills, seed)
        else:
            kill_on_postgres(findings, kills, seed, turn)
        seed += 1
    seeds = simulate(findings, arguments.seeds)
    f = findings
    print(f"{f.kills} kills, {seeds} seeds: {f.lost} lost, {f.doubled} doubled, {f.stuck} stuck")
    sys.exit(bool(f.lost or f.doubled or f.stuck))


if __name__ == "__main__":
    main()
