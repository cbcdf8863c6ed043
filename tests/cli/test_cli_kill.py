"""An instance that is suspended, whose engine is killed, and that is resumed ends as if nothing had been."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from command_line import Command

from evenweave.cli.remote import Remote

FLOW = """id: nap
version: '1'
specVersion: '0.8'
name: Nap
states:
  - {name: before, type: inject, data: {before: 1}, transition: nap}
  - {name: nap, type: sleep, duration: PT1S, transition: after}
  - {name: after, type: inject, data: {after: 2}, end: true}
"""


@contextmanager
def dev(folder: Path) -> Iterator[tuple[Remote, subprocess.Popen[str]]]:
    """Serve all three in a process that is killed in the end."""
    command = [sys.executable, "-m", "evenweave", "dev", str(folder), "--listen", "127.0.0.1:0", "--log-level", "error"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = ""
        while not url:
            line = process.stdout.readline()
            assert line, "it ended"
            found = re.search(r"http://\S+", line)
            url = found[0] if found else ""
        remote = Remote("engine", url)
        remote.wait_ready(10)
        yield remote, process
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=10)


def test_suspend_kill_resume_ends_with_the_same_data(folder: Path, evenweave: Command) -> None:
    """Beside it an instance runs through that was never suspended; the deadline of both is over after the kill."""
    (folder / "nap.yaml").write_text(FLOW)
    with dev(folder) as (remote, _):
        url = remote._urls[0]
        ids = []
        for _ in range(2):
            started = evenweave("instances", "start", "nap", "--input", '{"n": 1}', "--engine", url)
            ids.append(started.out.strip())
        assert evenweave("instances", "suspend", ids[0], "--engine", url).out == f"{ids[0]} is suspended\n"
    with dev(folder) as (remote, _):
        url = remote._urls[0]
        end = time.monotonic() + 15
        while remote.call("GET", f"/v1/instances/{ids[1]}")["status"] != "completed":
            assert time.monotonic() < end
            time.sleep(0.02)
        assert remote.call("GET", f"/v1/instances/{ids[0]}")["status"] == "suspended"
        assert evenweave("instances", "resume", ids[0], "--engine", url).out == f"{ids[0]} is completed\n"
        one, other = (remote.call("GET", f"/v1/instances/{each}") for each in ids)
        assert one["data"] == other["data"] == {"n": 1, "before": 1, "after": 2}
