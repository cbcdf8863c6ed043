"""A load of orders on processes of which one is killed at a step of the protocol, and started again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from findings import is_over

from evenweave.cli.demo.orders import Orders
from evenweave.cli.demo.stack import Stack, find_example
from evenweave.cli.remote import ProblemAnswer, Unreachable

if TYPE_CHECKING:
    import subprocess

    from findings import Place

STOPPING = Path(__file__).with_name("stopping.py")
ORDERS = 50
SERVICES = ("order", "payment", "shipment")
WAIT_S = 90.0


class StoppedStack(Stack):
    """A stack of which one process is killed at a point; it is started again as anyone would."""

    def __init__(self, folder: Path, point: str, store: str = "") -> None:
        super().__init__(folder, find_example())
        if store:
            self.options["engine"] = ["--store", store]
        self.victim = point.partition(":")[0]
        self.stops = 0
        # In the middle of the load.
        self.count = {"catalog": 2, "payment": 3}.get(self.victim, 8)
        self._plant: tuple[str, str] | None = (f"{'postgresql' if store else 'sqlite'} {point}", str(self.count))

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
    """Register the documents, again where a part died meanwhile."""
    while True:
        try:
            stack.register()
        except (Unreachable, ProblemAnswer):
            stack.revive()
        else:
            return


def run(stack: StoppedStack, place: Place) -> Orders:
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
        if stack.stops and is_over(orders, ORDERS, place):
            break
        time.sleep(0.1)
    return orders
