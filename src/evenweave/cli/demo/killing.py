"""`evenweave demo --kill`: Workflow Engine, Runtime and Catalog die in turn, each in the middle of the load."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from evenweave.cli.demo.stack import Stack

VICTIMS = {"engine": "Workflow Engine", "runtime": "Runtime", "catalog": "Catalog"}
PACE_S = 0.02


class Killing:
    """Places the orders in shares, one for each victim, and kills that victim at a random moment of its share.

    The next share begins when the victim is back, orders come at a pace, and the last of a share are held back until
    the victim is dead: however fast or slow the machine is, orders are placed before, while and after each of the three
    is dead.

    Args:
        stack: Its three processes are killed, and started again on their ports.
        wanted: How many orders are placed in all.
        say: Told what happens.

    Attributes:
        kills: How often a process was killed.
    """

    def __init__(self, stack: Stack, wanted: int, say: Callable[[str], object]) -> None:
        self.kills = 0
        self._stack = stack
        self._say = say
        self._bounds = [wanted * share // len(VICTIMS) for share in range(len(VICTIMS) + 1)]
        self._victims = list(VICTIMS)
        self._moment = 0
        self._held = range(0)

    @property
    def journals(self) -> list[Path]:
        """What notes the orders that were placed: two files for each share."""
        return [self._stack.journal(name) for share in range(len(VICTIMS)) for name in self._names(share)]

    @property
    def over(self) -> bool:
        """Whether all three have died and are back."""
        return self.kills == len(self._victims)

    def begin(self) -> None:
        """Begin to place the next share of the orders."""
        first, end = self._bounds[self.kills : self.kills + 2]
        # Between a tenth and seven tenths of the share: behind that are those that are held back.
        self._moment = first + round((end - first) * random.uniform(0.1, 0.7))  # noqa: S311
        self._held = range(max(first + 1, min(end - 1, end - (end - first) // 10)), end)
        self._place(self._names(self.kills)[0], range(first, min(self._held.start, end)))

    def look(self, placed: int) -> bool:
        """Kill the next victim if its moment has come, with so many orders placed; whether it was killed."""
        if self.over or placed < self._moment:
            return False
        victim = self._victims[self.kills]
        self._stack.kill(victim)
        self._say(f"  ── killed the {VICTIMS[victim]} (SIGKILL), with {placed} orders placed")
        self._place(self._names(self.kills)[1], self._held)
        self._stack.start_part(victim)
        self._say(f"  ── the {VICTIMS[victim]} is back")
        self.kills += 1
        if not self.over:
            self.begin()
        return True

    def _place(self, name: str, numbers: range) -> None:
        if numbers:
            arguments = ("--first", str(numbers.start), "--orders", str(len(numbers)), "--every", str(PACE_S))
            self._stack.start_service(name, *arguments, script="store")

    def _names(self, share: int) -> tuple[str, str]:
        return f"store-{share + 1}", f"store-{share + 1}-held"
