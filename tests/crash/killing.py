"""Loads of orders, on processes that are killed at random moments and started again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from findings import File, is_over

from evenweave.cli.demo.orders import Orders
from evenweave.cli.demo.stack import Stack, find_example

if TYPE_CHECKING:
    import subprocess

    from findings import Findings, Place

STOPPING = Path(__file__).with_name("stopping.py")
SERVICES = ("order", "payment", "shipment")
ORDERS_AT_ONCE = 30
EVERY_S = 0.05
PACE_S = 0.6
WAIT_S = 180.0
"""So long after the last kill every order must have ended: the leases of the dead last for 30 s."""


class KilledStack(Stack):
    """Catalog, Workflow Engine, Runtime and services, of which one is killed now and then.

    Attributes:
        kills: How often.
        victims: Whom chance may take.
    """

    victims = ("engine", "engine", "runtime", "catalog", "payment")

    def __init__(self, folder: Path, engine_options: list[str] | None = None) -> None:
        super().__init__(folder, find_example())
        self.options["engine"] = engine_options or []
        self.kills = 0

    def kill_one(self, drawn: random.Random) -> None:
        """Kill a process, or one of an engine's workers, and see to it that it is back."""
        victim = drawn.choice(self.victims)
        children = Path(f"/proc/{self._processes[victim].pid}/task/{self._processes[victim].pid}/children")
        self.kills += 1
        if victim == "engine" and children.exists() and (pids := children.read_text().split()):
            os.kill(int(drawn.choice(pids)), signal.SIGKILL)  # it is started again by the engine itself
            return
        self.kill(victim)
        if victim in SERVICES:
            self.start_service(victim)
        else:
            self.start_part(victim)

    def has_died(self, name: str) -> bool:
        """Whether a process is not there any more."""
        return self._processes[name].poll() is not None

    def _spawn(self, name: str, command: list[str], *, stdout: int) -> subprocess.Popen[str]:
        # What a dead service had in hand is soon in another's.
        if name in SERVICES:
            python, *rest = command
            command = [python, str(STOPPING), "-", "0", *rest]
        return super()._spawn(name, command, stdout=stdout)


class WholeStack(KilledStack):
    """The same in one process, `evenweave dev`."""

    victims = ("dev", "dev", "dev", "payment")

    def start(self) -> None:
        """Start it on the documents of the example, which it registers by itself."""
        self.flows = self.folder / "flows"
        self.flows.mkdir()
        for path in self.example.glob("*.yaml"):
            shutil.copy(path, self.flows)
        self.start_part("dev")

    def register(self) -> None:
        """It has done so."""

    def start_part(self, part: str) -> None:
        """Start it, again on its port."""
        super().start_part(part)
        self.urls |= dict.fromkeys(("catalog", "engine", "runtime"), self.urls["dev"])

    def _launch(self, part: str) -> subprocess.Popen[str]:
        listen = self.urls.get("dev", "http://127.0.0.1:0").removeprefix("http://")
        command = [sys.executable, "-m", "evenweave", "dev", str(self.flows), "--listen", listen]
        return self._spawn(part, command, stdout=-1)


def load(stack: KilledStack, kills: int, seed: int, place: Place) -> tuple[Orders, int]:
    """Place orders for as long as processes are killed, then wait for the last of them; how many were placed."""
    drawn = random.Random(seed)
    stack.start()
    stack.register()
    for service in SERVICES:
        stack.start_service(service)
    stores: list[str] = []
    while stack.kills < kills:
        if not stores or stack.has_died(stores[-1]):
            stores.append(f"store{len(stores)}")
            numbers = ("--orders", str(ORDERS_AT_ONCE), "--first", str((len(stores) - 1) * ORDERS_AT_ONCE))
            stack.start_service(stores[-1], *numbers, "--every", str(EVERY_S), script="store")
        time.sleep(drawn.random() * PACE_S)
        stack.kill_one(drawn)
    orders = Orders([stack.journal(name) for name in (*stores, *SERVICES)])
    placed = len(stores) * ORDERS_AT_ONCE
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until and not is_over(orders, placed, place):
        time.sleep(0.2)
    return orders, placed


def kill_on(stack: KilledStack, place: Place, findings: Findings, kills: int, seed: int) -> None:
    """Play a round and judge it."""
    with stack:
        orders, placed = load(stack, kills, seed, place)
    findings.kills += stack.kills
    findings.judge(orders, placed, place)


def kill_on_sqlite(folder: Path, findings: Findings, kills: int, seed: int) -> None:
    """Three processes, each on its file."""
    kill_on(KilledStack(folder), File(folder / "engine.db"), findings, kills, seed)


def kill_in_one_process(folder: Path, findings: Findings, kills: int, seed: int) -> None:
    """All in one process, on one file."""
    kill_on(WholeStack(folder), File(folder / "flows" / ".evenweave" / "evenweave.db"), findings, kills, seed)
