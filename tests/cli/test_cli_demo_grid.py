"""The orders of `evenweave demo` as marks in a terminal."""

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evenweave.cli.demo.grid import Grid, make_lines
from evenweave.cli.demo.orders import Order


def test_orders_are_rows_of_marks() -> None:
    """Each order is the mark of its last step, in the order of the ids; the newest rows are shown where not all fit."""
    steps = {"o-3": ["placed"], "o-1": ["placed", "booked", "paid", "shipped"], "o-2": ["placed", "denied"]}
    orders = {name: Order(name, steps=taken) for name, taken in steps.items()}
    counts = "  · 1 placed  ○ 0 booked  ● 0 paid  ✗ 1 denied  ✔ 1 shipped"
    assert make_lines(orders, 2, 5) == ["  ✔✗", "  ·", counts]
    assert make_lines(orders, 2, 1) == ["  ·", counts]


def test_what_is_said_stands_above_the_marks(capsys: pytest.CaptureFixture[str]) -> None:
    """A line is printed over the marks, and these again below it; what did not change is not drawn again."""
    grid = Grid()
    orders = {"o-1": Order("o-1", steps=["placed"])}
    grid.draw(orders)
    drawn = capsys.readouterr().out
    grid.draw(orders)
    assert capsys.readouterr().out == ""
    grid.say("killed the engine")
    assert capsys.readouterr().out == f"\x1b[2A\rkilled the engine\x1b[K\n{drawn}"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_many_orders_move_in_place_in_a_terminal() -> None:
    """With more than 20 orders no line is printed for a step, and the summary follows the marks."""
    master, slave = pty.openpty()
    command = [str(Path(sys.executable).with_name("evenweave")), "demo", "--orders", "25"]
    environment = dict(os.environ, PYTHONIOENCODING="utf-8")
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    seen, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
    os.close(master)
    assert process.wait(10) == 0, seen
    text = seen.decode()
    assert "placed in the store" not in text
    assert "✗ 5 denied  ✔ 20 shipped" in text
    assert text.endswith("Every order ended as its payment said.\r\n")
