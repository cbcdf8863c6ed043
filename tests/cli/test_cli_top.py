"""`evenweave top`."""

import datetime
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import Command

from evenweave.cli.demo.stack import Stack
from evenweave.cli.top import Reading, Samples, draw

AT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
ENGINE = """# TYPE evenweave_engine_instances_started_total counter
evenweave_engine_instances_started_total{{definition="a \\"b\\""}} {started}
evenweave_engine_instances_turned_total{{definition="a \\"b\\"",status="completed"}} {completed}
evenweave_engine_instances{{definition="a \\"b\\"",status="waiting"}} 7
evenweave_engine_outbox_events 1234
"""


def reading(started: int, completed: int, at_s: float) -> Reading:
    """What was found at a moment."""
    engine = Samples(ENGINE.format(started=started, completed=completed), at_s)
    runtime = Samples('evenweave_runtime_lag_events{group="g",channel="c"} 3\n', at_s)
    return Reading(engine, runtime, [], [])


def test_frame_shows_rates_and_counts() -> None:
    """Rates are those since the frame before, whatever its age; counts are those of now."""
    lines = draw(reading(10, 4, 100.0), reading(30, 10, 104.0), AT)
    text = "\n".join(lines)
    assert lines[0] == "evenweave top   2026-01-02 03:04:05"
    assert "instances/s  5.0 started  1.5 ended" in text
    assert "outbox 1,234  kept 0" in text
    assert re.search(r'^a "b" +7 +0 +0 +30 +10 +0$', text, re.MULTILINE)
    assert re.search(r"^all +7 +0 +0 +30 +10 +0$", text, re.MULTILINE)
    assert re.search(r"^g +c +3 +0\.0 s$", text, re.MULTILINE)


def test_rate_of_a_process_that_began_anew_is_not_negative() -> None:
    """A counter that fell counts from zero."""
    assert "5.0 started" in "\n".join(draw(reading(100, 50, 0.0), reading(10, 0, 2.0), AT))


@pytest.fixture
def running(stack: Stack, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Stack:
    """The three processes with the store's definition, where the commands find them."""
    stack.start()
    stack.register()
    for part, url in stack.urls.items():
        monkeypatch.setenv(f"EVENWEAVE_{part.upper()}", url)
    return stack


def test_once_prints_one_frame(running: Stack, evenweave: Command) -> None:
    """Without a terminal it prints one frame of what the processes say and exits."""
    assert evenweave("send", "store/order", '{"order": {"id": "o1", "total": 5}}').code == 0
    end = time.monotonic() + 15
    while not evenweave("instances", "list", "--status", "waiting", "--json").json:
        assert time.monotonic() < end
    shown = evenweave("top", "--every", "0.1")
    assert shown.code == 0, shown.err
    assert re.search(r"^storeorderworkflow +1 +0 +0 +1 +0 +0$", shown.out, re.MULTILINE)
    assert re.search(r"^evenweave\.engine +store/order +0", shown.out, re.MULTILINE)
    assert "\x1b" not in shown.out


def test_nobody_there_is_said(evenweave: Command) -> None:
    """Where no process answers, it says which and where, and fails."""
    nowhere = "http://127.0.0.1:9"
    shown = evenweave("top", "--once", "--every", "0.1", "--engine", nowhere, "--runtime", nowhere)
    assert shown.code == 1
    assert f"the Workflow Engine does not answer at {nowhere}" in shown.out
    assert f"the Runtime does not answer at {nowhere}" in shown.out


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_terminal_is_drawn_over_and_given_back() -> None:
    """In a terminal frames follow one another in place; Ctrl-C ends it with 0 and the terminal as it was."""
    master, slave = pty.openpty()
    command = [str(Path(sys.executable).with_name("evenweave")), "top", "--every", "0.1"]
    nowhere = ["--engine", "http://127.0.0.1:9", "--runtime", "http://127.0.0.1:9"]
    process = subprocess.Popen([*command, *nowhere], stdin=slave, stdout=slave, stderr=slave, env=dict(os.environ))
    os.close(slave)
    seen = b""
    end = time.monotonic() + 20
    while seen.count(b"\x1b[H") < 2:
        assert time.monotonic() < end, seen
        if select.select([master], [], [], 0.2)[0]:
            seen += os.read(master, 65536)
    process.send_signal(signal.SIGINT)
    while process.poll() is None:
        assert time.monotonic() < end
        if select.select([master], [], [], 0.1)[0]:
            try:
                seen += os.read(master, 65536)
            except OSError:
                break
    assert process.wait(10) == 0
    while select.select([master], [], [], 0.1)[0]:
        try:
            seen += os.read(master, 65536)
        except OSError:
            break
    os.close(master)
    assert seen.startswith(b"\x1b[?1049h\x1b[?25l")
    assert seen.endswith(b"\x1b[?25h\x1b[?1049l")
    assert b"evenweave top" in seen
