"""Whether this floor agrees with another one, where that is present: ``python bench/agreement.py FLOOR_PY``.

The other one is a script that is run as ``FLOOR_PY full`` and prints, for each number of orders in flight, a line of
JSON with ``conc`` and ``orders_s``. Both are measured by turns, and the medians may be 15 % apart.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from floor import SqliteFloor
from workload import measure, median

IN_FLIGHT = 64
SECONDS = 1.0
TURNS = 5
APART = 0.15


async def measure_ours() -> float:
    """Orders a second of the floor here."""
    with tempfile.TemporaryDirectory() as name:
        floor = SqliteFloor(Path(name) / "floor.db")
        figures = await measure(floor.place, IN_FLIGHT, SECONDS)
        await floor.close()
    return figures.orders_s


def measure_other(script: Path) -> float:
    """Orders a second of the other one."""
    with tempfile.TemporaryDirectory() as name:
        environment = {**os.environ, "SCRATCH": name, "CONC": str(IN_FLIGHT), "SECS": str(SECONDS)}
        out = subprocess.run(
            [sys.executable, str(script), "full"], env=environment, capture_output=True, text=True, check=True
        ).stdout
    lines = (json.loads(line) for line in out.splitlines() if line.startswith("{"))
    return next(float(line["orders_s"]) for line in lines if line["conc"] == IN_FLIGHT)


def main(script: Path) -> int:
    """Print both and say whether they agree."""
    if not script.is_file():
        print(f"there is no other floor at {script}")
        return 0
    pairs = [(asyncio.run(measure_ours()), measure_other(script)) for _ in range(TURNS)]
    ours, other = median([each[0] for each in pairs]), median([each[1] for each in pairs])
    apart = ours / other - 1
    print(f"floor {ours:.0f} orders/s, the other {other:.0f}: {apart:+.0%}")
    return int(abs(apart) > APART)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
