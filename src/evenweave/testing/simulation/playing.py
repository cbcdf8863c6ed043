"""Playing many histories, in parallel."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import count, islice
from multiprocessing import get_context
from typing import TYPE_CHECKING

from evenweave.testing.simulation.world import Outcome, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

AT_ONCE = 20


def play(seeds: list[int], workers: int) -> list[Outcome]:
    """Play seeds one after the other; 0 workers are one to three in turn."""
    return [run(seed, workers=workers or 1 + seed % 3) for seed in seeds]


def play_all(first: int, seeds: int, workers: int, seconds: float, processes: int = 0) -> Iterator[Outcome]:
    """Play seeds in parallel, a few at a time, until there are no more or the time is over.

    Args:
        first: The first seed.
        seeds: How many; 0 is as many as fit.
        workers: How many share a database; 0 is one to three in turn.
        seconds: Begin no more after this time; 0 is never.
        processes: In how many at once; 0 is one for each core.
    """
    until = time.monotonic() + seconds if seconds else float("inf")
    left = iter(range(first, first + seeds)) if seeds else count(first)
    processes = processes or os.cpu_count() or 1
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running: list[Future[list[Outcome]]] = []
        while True:
            while len(running) < 2 * processes and time.monotonic() < until:
                part = list(islice(left, AT_ONCE))
                if not part:
                    break
                running.append(pool.submit(play, part, workers))
            if not running:
                return
            yield from running.pop(0).result()
