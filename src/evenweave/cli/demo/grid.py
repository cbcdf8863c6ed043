"""Many orders in a terminal: a mark for each, which changes in place."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.cli.demo.orders import Order

SCROLLED = 20
"""Up to so many orders each step is a line of its own."""

MARKS = {"placed": "·", "booked": "○", "paid": "●", "denied": "✗", "shipped": "✔"}
_WIDEST = 100
_BESIDES = 3


class Grid:
    """Draws all orders over what it drew before; `say` prints a line above them."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def say(self, text: object) -> None:
        """Print a line that stays, above the orders."""
        lines, self._lines = self._lines, []
        sys.stdout.write(_up(len(lines)) + f"{text}\x1b[K\n")
        self._write(lines)

    def draw(self, orders: Mapping[str, Order]) -> None:
        """Show where each order is; of more than the terminal holds, the newest."""
        width, height = shutil.get_terminal_size()
        lines = make_lines(orders, min(width - 4, _WIDEST), max(height - _BESIDES, 1))
        if lines != self._lines:
            self._write(lines)

    def _write(self, lines: list[str]) -> None:
        sys.stdout.write(_up(len(self._lines)) + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
        sys.stdout.flush()
        self._lines = lines


def make_lines(orders: Mapping[str, Order], width: int, height: int) -> list[str]:
    """The orders' marks in rows, and how many there are of each."""
    last = [orders[name].steps[-1] for name in sorted(orders) if orders[name].steps]
    marks = "".join(MARKS[step] for step in last)
    rows = [marks[start : start + width] for start in range(0, len(marks), width)][-height:]
    counts = {step: last.count(step) for step in MARKS}
    return [*(f"  {row}" for row in rows), "  " + "  ".join(f"{MARKS[step]} {counts[step]} {step}" for step in MARKS)]


def _up(lines: int) -> str:
    return f"\x1b[{lines}A\r" if lines else ""
