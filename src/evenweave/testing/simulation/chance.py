"""Everything that happens by chance in a simulation, from one seed."""

from __future__ import annotations

import asyncio
import random


class Chance:
    """Draws delays and mishaps.

    Attributes:
        random: Where everything is drawn from.
        calm: No mishaps any more: what is left may come to its end.
    """

    def __init__(self, seed: int, *, mishaps: float = 0.01) -> None:
        self.random = random.Random(seed)  # noqa: S311 - it guards nothing
        self.calm = False
        self._mishaps = mishaps

    def happens(self, times: float = 1.0) -> bool:
        """Whether a mishap happens, ``times`` as often as an ordinary one."""
        drawn = self.random.random()
        return not self.calm and drawn < self._mishaps * times

    def delay_s(self) -> float:
        """How long a message or a statement takes: mostly next to nothing, now and then long."""
        drawn = self.random.random()
        if drawn < 0.7:
            return drawn * 0.002
        return drawn**2 * 0.02 if drawn < 0.98 else drawn * 0.3

    async def pause(self) -> None:
        """Let others go first, for a drawn time."""
        await asyncio.sleep(self.delay_s())

    async def pause_shortly(self) -> None:
        """Let others go first, for as long as a statement takes in the server; mostly they need not."""
        if self.random.random() < 0.3:
            await asyncio.sleep(self.random.random() * 0.001)
