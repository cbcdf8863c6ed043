"""`evenweave dev FOLDER` while its files change: a real process, whose output says what it does."""

from __future__ import annotations

import queue
import shutil
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from evenweave.cli.remote import Remote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_S = 30.0
FLOW = """id: hello
version: '{version}'
specVersion: '0.8'
name: Hello
start: greet
states:
  - name: greet
    type: inject
    data: {{greeting: {greeting}}}
    end: true
"""


class Dev:
    """`evenweave dev` on a folder, and what it says."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "evenweave", "dev", str(folder), "--listen", "127.0.0.1:0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._lines: queue.Queue[str] = queue.Queue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        self.engine = Remote("engine", self.expect(" listens on ")[-1].partition(" listens on ")[2])

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))

    def expect(self, text: str) -> list[str]:
        """Wait for a line with the text; it, and all that came before it since the last time."""
        found: list[str] = []
        until = time.monotonic() + WAIT_S
        while not found or text not in found[-1]:
            try:
                found.append(self._lines.get(timeout=max(0.01, until - time.monotonic())))
            except queue.Empty:
                pytest.fail(f"{text!r} was not said within {WAIT_S} s, but {found}")
        return found

    def versions(self) -> list[str]:
        """The versions of the definitions that are registered."""
        return [row["version"] for row in self.engine.call("GET", "/v1/definitions")]

    def greet(self) -> Any:
        """Start an instance, and return what it ended with."""
        kind = {"content_type": "application/json"}
        started = self.engine.call("POST", "/v1/definitions/hello/instances", body=b"{}", **kind)
        until = time.monotonic() + WAIT_S
        while (found := self.engine.call("GET", f"/v1/instances/{started['id']}"))["status"] != "completed":
            assert time.monotonic() < until
        return found["data"]["greeting"]

    def stop(self) -> int:
        """End it; its exit status."""
        self._process.terminate()
        status = self._process.wait(WAIT_S)
        self._reading.join(WAIT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return status


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with one definition."""
    (tmp_path / "hello.yaml").write_text(FLOW.format(version=1, greeting="one"))
    return tmp_path


@pytest.fixture
def dev(home: Path) -> Iterator[Dev]:
    """The process on that folder; it ends with 0."""
    dev = Dev(home)
    try:
        yield dev
    finally:
        assert dev.stop() == 0


def test_reload_takes_up_a_changed_file(dev: Dev, home: Path) -> None:
    """A definition that is changed on the disk serves new instances at once, without a restart."""
    assert dev.greet() == "one"
    (home / "hello.yaml").write_text(FLOW.format(version=2, greeting="two"))
    dev.expect("registered ")
    assert dev.greet() == "two"
    assert "2" in dev.versions()


def test_reload_shows_what_is_broken_and_keeps_the_old_one(dev: Dev, home: Path) -> None:
    """A broken file is shown with its place, what was registered goes on serving; mended it is registered."""
    broken = FLOW.format(version=2, greeting="two").replace("start: greet", "start: great")
    (home / "hello.yaml").write_text(broken)
    said = dev.expect("was not registered")
    assert said[-1].endswith("hello.yaml was not registered; what was registered before stays")
    assert any("hello.yaml:5:8: error[" in line for line in said), said
    assert any('did you mean "greet"' in line for line in said), said
    assert dev.greet() == "one"
    (home / "hello.yaml").write_text(FLOW.format(version=2, greeting="two"))
    assert dev.expect("registered ")[-1].endswith("hello.yaml")
    assert dev.greet() == "two"


def test_reload_takes_up_a_new_file_in_a_new_folder(dev: Dev, home: Path) -> None:
    """A file that is added below the folder is registered; one that begins with a dot, and other YAML, are not."""
    (home / "sub").mkdir()
    (home / "sub/.draft.yaml").write_text("id: [")
    (home / "sub/values.yaml").write_text("a: 1\n")
    (home / "sub/other.yaml").write_text(FLOW.format(version=7, greeting="x").replace("id: hello", "id: other"))
    said = dev.expect("registered ")
    assert [line.rpartition("/")[2] for line in said] == ["other.yaml"]
    assert dev.versions() == ["1", "7"]


def test_reload_leaves_what_was_registered_of_a_deleted_file(dev: Dev, home: Path) -> None:
    """A deleted file is said to be gone; its definition goes on, and the file may come back."""
    (home / "hello.yaml").unlink()
    assert dev.expect(" is gone")[-1] == f"{home}/hello.yaml is gone; what was registered of it stays"
    assert dev.greet() == "one"
    (home / "hello.yaml").write_text(FLOW.format(version=1, greeting="three"))
    dev.expect("registered ")
    assert dev.greet() == "three"


def test_reload_mends_a_definition_by_the_service_that_it_lacks(tmp_path: Path, example: Path) -> None:
    """A definition whose service is missing is shown as such, and registered when the service's file comes."""
    for path in example.glob("*.yaml"):
        if path.name != "paymentService.yaml":
            shutil.copy(path, tmp_path)
    dev = Dev(tmp_path)
    try:
        assert dev.versions() == []
        shutil.copy(example / "paymentService.yaml", tmp_path)
        said = dev.expect("storeorderworkflow.yaml")
        assert [line.rpartition("/")[2] for line in said] == ["paymentService.yaml", "storeorderworkflow.yaml"]
        assert dev.versions() == ["1.0"]
        # Another channel for an operation is another definition: new orders take it.
        text = (tmp_path / "paymentService.yaml").read_text()
        (tmp_path / "paymentService.yaml").write_text(text.replace("payment/inbound", "payment/door"))
        said = dev.expect("storeorderworkflow.yaml")
        assert [line.rpartition("/")[2] for line in said] == ["paymentService.yaml", "storeorderworkflow.yaml"]
    finally:
        assert dev.stop() == 0
