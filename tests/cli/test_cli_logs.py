"""What the processes write to their logs."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evenweave.cli.remote import ProblemAnswer, Remote

SECRET = "4111-1111-1111-1111"
DEFINITION = """id: {id}
version: '1'
specVersion: '0.8'
name: {id}
states:
  - name: wait
    type: event
    onEvents: [{{eventRefs: [wanted]}}]
    stateDataFilter: {{output: '{output}'}}
    end: true
events:
  - {{name: wanted, type: {id}.wanted, source: /shop}}
"""


class Served:
    """`evenweave dev` with its log in a file."""

    def __init__(self, process: subprocess.Popen[str], log: Path, url: str) -> None:
        self.process = process
        self.log = log
        self.remote = Remote("engine", url)

    def lines(self) -> list[dict[str, Any]]:
        """What it has written so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def until(self, message: str, **fields: str) -> dict[str, Any]:
        """The line of a message, once it is there."""
        end = time.monotonic() + 15
        while time.monotonic() < end:
            for line in self.lines():
                if line["message"] == message and fields.items() <= line.items():
                    return line
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def publish(self, channel: str, **attributes: str) -> None:
        """Publish an event whose data nobody may read in a log."""
        event = {"specversion": "1.0", "id": "e1", "source": "/shop", "type": channel, "data": {"card": SECRET}}
        body = json.dumps(event | attributes).encode()
        kind = "application/cloudevents+json"
        self.remote.call("POST", "/v1/events", query={"channel": channel}, body=body, content_type=kind)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Any]:
    """Start `evenweave dev` on a folder with two definitions."""
    started = []

    def start(level: str) -> Served:
        (tmp_path / "good.yaml").write_text(DEFINITION.format(id="good", output="${ . }"))
        (tmp_path / "bad.yaml").write_text(DEFINITION.format(id="bad", output='${ error("no stock") }'))
        log = tmp_path / "log"
        command = [str(Path(sys.executable).with_name("evenweave")), "dev", str(tmp_path), "--listen", "127.0.0.1:0"]
        with log.open("w") as stream:
            process = subprocess.Popen(
                [*command, "--log-level", level],
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                env=dict(os.environ, PYTHONUNBUFFERED="1"),
            )
        started.append(process)
        assert process.stdout is not None
        url = ""
        for line in process.stdout:
            found = re.search(r"dev listens on (\S+)", line)
            if found:
                url = found[1]
                break
        return Served(process, log, url)

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=20)


def test_lines_carry_the_ids_of_what_they_are_about(serve: Any) -> None:
    """Every start and end is there for debugging, faults are warnings; it is JSON without any data."""
    served = serve("debug")
    served.publish("good.wanted")
    started = served.until("instance started", definition="good")
    assert started["level"] == "debug"
    ended = served.until("instance ended", definition="good", status="completed")
    assert ended["instance"] == started["instance"]
    served.publish("bad.wanted")
    fault = served.until("instance faulted", definition="bad")
    (row,) = served.remote.call("GET", "/v1/instances", query={"status": "faulted"})
    assert (fault["level"], fault["instance"], fault["version"]) == ("warning", row["id"], "1")
    assert "no stock" in fault["reason"]
    assert fault["reference"].startswith("/states/0")
    assert SECRET not in served.log.read_text()


def test_beginnings_and_ends_cost_nothing_by_default(serve: Any) -> None:
    """At the default level only what somebody has to look at is written."""
    served = serve("info")
    served.publish("good.wanted")
    served.publish("bad.wanted")
    served.until("instance faulted", definition="bad")
    assert [line["message"] for line in served.lines()] == ["instance faulted"]
    with pytest.raises(ProblemAnswer):
        served.remote.call("GET", "/v1/instances/none")
