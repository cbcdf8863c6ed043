"""Bad disks, with real processes: no room, no permission, a file of a newer version."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from evenweave.cli.demo.orders import Instances, Orders
from evenweave.cli.demo.stack import Stack, find_example
from evenweave.cli.remote import ProblemAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SERVICES = ("order", "payment", "shipment")
ORDERS = 40
WAIT_S = 90.0
STATE = b"{name: s, type: inject, data: {a: 1}, end: true}"
WAITING = b"""{id: y, version: '1', specVersion: '0.8', name: y, events: [{name: E, type: e, kind: consumed}],
 states: [{name: s, type: event, onEvents: [{eventRefs: [E]}], end: true}]}"""

# What runs as nobody in particular: root may write anywhere.
UNPRIVILEGED = """
import os, sys
from evenweave.cli import main, serve
from evenweave.app import CATALOG_MIGRATIONS, BROKER_MIGRATIONS, STORE_MIGRATIONS
for one in (CATALOG_MIGRATIONS, BROKER_MIGRATIONS, STORE_MIGRATIONS):
    one.scripts()
if os.geteuid() == 0:
    os.setuid(65534)
main()
"""


class FilledStack(Stack):
    """A stack of which a process can be left without room on its disk."""

    def fill(self, part: str) -> None:
        """Let no file of the process grow: neither its database nor its log."""
        self._limit(part, 1)

    def clear(self, part: str) -> None:
        """Let its files grow again."""
        self._limit(part, resource.RLIM_INFINITY)

    def _limit(self, part: str, size: int) -> None:
        resource.prlimit(self._processes[part].pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[FilledStack]:
    """The three processes with the store's documents, and its services."""
    with FilledStack(tmp_path, find_example()) as stack:
        stack.start()
        stack.register()
        for service in SERVICES:
            stack.start_service(service)
        yield stack


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so, within a bound."""
    until = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < until, f"{what} did not happen within {WAIT_S} s"
        time.sleep(0.05)


def is_refused(stack: Stack, part: str) -> bool:
    """Whether the part says that it cannot write."""
    try:
        if part == "engine":
            body = b"{id: x, version: '1', specVersion: '0.8', name: x, states: [%s]}" % STATE
            stack.remote(part).call("POST", "/v1/definitions", query={"name": "x.yaml"}, body=body)
        else:
            body = b'{"specversion":"1.0","id":"%d","source":"/t","type":"t"}' % time.monotonic_ns()
            kind = {"content_type": "application/cloudevents+json"}
            stack.remote(part).call("POST", "/v1/events", query={"channel": "t"}, body=body, **kind)
    except ProblemAnswer as error:
        refused = error
    else:
        return False
    assert refused.status == 503, refused.message
    return True


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits the files of a running process, as Linux can")
@pytest.mark.parametrize("part", ["engine", "runtime"])
def test_full_disk_stops_one_process_and_loses_nothing(stack: FilledStack, part: str) -> None:
    """A process without room says so and stays; with room again it goes on by itself, and every order ends once."""
    stack.start_service("store", "--orders", str(ORDERS), "--every", "0.05")
    orders = Orders([stack.journal(name) for name in ("store", *SERVICES)])
    wait_for(lambda: bool(list(orders.look())), "a running load")
    stack.fill(part)
    wait_for(lambda: is_refused(stack, part), "a refusal")
    if part == "engine":
        # Nor can it write its log, whatever it has to say of each event that comes.
        wait_for(lambda: not list(orders.look()) and orders.placed == ORDERS, "all orders to be placed meanwhile")
    assert stack.remote(part).call("GET", "/healthz") is not None
    stack.check_alive()
    stack.clear(part)
    instances = Instances(stack.remote("engine"))

    def over() -> bool:
        stack.check_alive()
        instances.look()
        list(orders.look())
        known = orders.known.values()
        parcels = all(("shipped" in each.events) == ("paid" in each.events) for each in known)
        return instances.ended == ORDERS == len(known) and parcels

    wait_for(over, "the end of all orders")
    orders.take_statuses(instances.statuses)
    assert [order for order in orders.known.values() if not order.ended_right] == []
    stack.remote(part).wait_ready(WAIT_S)


def launch(part: str, data: Path, *, program: str = "from evenweave.cli import main; main()") -> tuple[int, str]:
    """Start a part that will not come up; its exit status and what it said."""
    command = [sys.executable, "-c", program, part]
    command += [str(data)] if part == "dev" else ["--data", str(data)]
    command += ["--listen", "127.0.0.1:0"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there are no users to become")
@pytest.mark.parametrize("part", ["catalog", "engine", "runtime", "dev"])
def test_read_only_folder_is_named_in_one_line(tmp_path: Path, part: str) -> None:
    """A data folder that may not be written ends a process at its start, with the folder's name and no traceback."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(folder.stat().st_mode | 0o055)
    fixed = tmp_path / "fixed"
    fixed.mkdir()
    fixed.chmod(0o555)
    code, said = launch(part, fixed, program=UNPRIVILEGED)
    fixed.chmod(0o755)
    assert code == 1
    assert said.startswith(f"Error: {fixed}")
    assert "written" in said
    assert said.count("\n") <= 2, said


@pytest.mark.parametrize(
    ("part", "file", "component"),
    [
        ("catalog", "catalog.db", "catalog"),
        ("engine", "engine.db", "engine"),
        ("runtime", "runtime.db", "broker"),
        ("dev", ".evenweave/evenweave.db", "broker"),
    ],
)
def test_newer_file_is_refused_and_left_alone(tmp_path: Path, part: str, file: str, component: str) -> None:
    """A data file that a newer Evenweave wrote is refused at the start, and not a byte of it is changed."""
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("pragma journal_mode = wal")
    connection.execute("create table schema_versions (component text primary key, version integer not null) strict")
    connection.execute("insert into schema_versions values (?, 99)", (component,))
    connection.commit()
    connection.close()
    before = path.read_bytes()
    code, said = launch(part, tmp_path)
    assert code == 1
    assert f"its {component} tables have version 99" in said
    assert "install the version that wrote the file" in said
    assert path.read_bytes() == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    """An engine whose log has no room outlives the death of the Runtime, of which it would have much to say."""
    with FilledStack(tmp_path, find_example()) as stack:
        (tmp_path / "engine.log").symlink_to("/dev/full")
        stack.start()
        stack.register()
        stack.kill("runtime")
        engine = stack.remote("engine")
        with pytest.raises(ProblemAnswer):  # it knows that the Runtime is away
            engine.call("POST", "/v1/definitions", query={"name": "x.yaml"}, body=WAITING)
        stack.start_part("runtime")
        for service in SERVICES:
            stack.start_service(service)
        stack.start_service("store", "--orders", "5")
        instances = Instances(engine)

        def over() -> bool:
            instances.look()
            return instances.ended == 5

        wait_for(over, "the end of all orders")
