"""Instances are repaired, moved and traced from the command line."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Command
from structlog.testing import capture_logs

from evenweave.app import Whole
from evenweave.http.catalog import CatalogFace
from evenweave.http.engine import EngineFace
from evenweave.http.runtime import RuntimeFace
from evenweave.http.server import Server
from evenweave.http.whole import WholeFace

FLOW = """id: sums
version: 'VERSION'
specVersion: '0.8'
name: Sums
states:
  - {name: add, type: inject, data: {a: 1}, stateDataFilter: {output: '${ {sum: (EXPRESSION)} }'}, transition: more}
  - {name: more, type: sleep, duration: PT1H, end: true}
"""


async def _serve(started: threading.Event, stop: list[object]) -> None:
    part = await Whole.start(None)
    runtime = RuntimeFace(part.broker)
    face = WholeFace(CatalogFace(part.catalog).app(), EngineFace(part.engine).app(), runtime)
    server = await Server.start(face, on_stop=runtime.stop)
    over = asyncio.Event()
    stop += [asyncio.get_running_loop(), over, server.url]
    started.set()
    await over.wait()
    await server.stop()
    await part.stop()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[str]:
    """All three in this process, and the command line told where."""
    started, stop = threading.Event(), []
    thread = threading.Thread(target=lambda: asyncio.run(_serve(started, stop)))
    thread.start()
    assert started.wait(10)
    loop, over, url = stop
    for name in ("CATALOG", "ENGINE", "RUNTIME"):
        monkeypatch.setenv(f"EVENWEAVE_{name}", url)
    with capture_logs():  # they would stand between what the commands print
        yield url
    loop.call_soon_threadsafe(over.set)
    thread.join(10)


@pytest.fixture
def register(served: str, evenweave: Command, folder: Path) -> Command:
    """Register a version of the flow that computes an expression."""

    def run(version: str, expression: str) -> None:
        (folder / "sums.yaml").write_text(FLOW.replace("VERSION", version).replace("EXPRESSION", expression))
        assert evenweave("register", "sums.yaml").code == 0

    return run  # type: ignore[return-value]


def start(evenweave: Command, given: str) -> str:
    """Start an instance and return its id."""
    outcome = evenweave("instances", "start", "sums", "--input", given)
    assert outcome.code == 0, outcome.err
    return outcome.out.strip()


def test_one_is_retried_and_another_skipped_with_data_mended(register: Command, evenweave: Command) -> None:
    """A patch is given by path; what still fails says why and exits with 1."""
    register("1", ".a + .b")
    one, other = start(evenweave, '{"b": "x"}'), start(evenweave, '{"b": "y"}')
    again = evenweave("instances", "retry", one)
    assert (again.code, again.out) == (1, f"{one} is faulted\n")
    assert "cannot be added" in again.err
    assert evenweave("instances", "retry", one, "--set", ".b=2").out == f"{one} is waiting\n"
    assert evenweave("instances", "show", one, "--json").json["data"] == {"sum": 3}
    assert evenweave("instances", "skip", other, "--set", '.c="=z"').out == f"{other} is waiting\n"
    assert evenweave("instances", "show", other, "--json").json["data"] == {"b": "y", "c": "=z"}
    assert evenweave("instances", "retry", one).code == 1


def test_many_are_retried_on_the_mended_version(register: Command, evenweave: Command) -> None:
    """One command retries all that are faulted on the new version; what is refused is listed with the reason."""
    register("1", ".a + .b.n")
    for number in range(30):
        start(evenweave, f'{{"b": {number}}}')
    fine = start(evenweave, '{"b": {"n": 1}}')
    register("2", ".a + .b")
    done = evenweave("instances", "retry", "--definition", "sums", "--status", "faulted", "--migrate")
    assert (done.code, done.out, done.err) == (0, "30 retried\n", "")
    rows = evenweave("instances", "list", "--status", "waiting", "--version", "2", "--json").json
    assert len(rows) == 30
    refused = evenweave("instances", "retry", fine, rows[0]["id"], "nobody")
    assert (refused.code, refused.out) == (1, "0 retried\n")
    assert "2 refused: an instance that is waiting cannot retry" in refused.err
    assert "1 refused: no instance nobody (nobody)" in refused.err
    assert evenweave("instances", "migrate", fine).out == f"{fine} is waiting, by version 2\n"
    assert evenweave("instances", "suspend", "--definition", "sums").out == "31 suspended\n"
    assert evenweave("instances", "resume", "--all", "--json").json["left"] == []
    assert evenweave("instances", "cancel", "--since", "1h", "--reason", "test").out == "31 cancelled\n"
    assert evenweave("instances", "cancel", "--all").out == "0 cancelled\n"


def test_what_does_not_fit_a_version_is_listed(register: Command, evenweave: Command, folder: Path) -> None:
    """A migration that is refused names the places."""
    register("1", ".a + .b")
    one = start(evenweave, '{"b": 1}')
    other = FLOW.replace("VERSION", "2").replace("EXPRESSION", "1").replace("sleep, duration: PT1H", "inject, data: {}")
    (folder / "sums.yaml").write_text(other)
    assert evenweave("register", "sums.yaml").code == 0
    refused = evenweave("instances", "migrate", one)
    assert refused.code == 1
    assert "/states/1" in refused.err
    assert evenweave("instances", "migrate", one, "--to", "1").code == 1


def test_instances_are_found_by_value(register: Command, evenweave: Command) -> None:
    """`--key` finds an instance by a value in its data, `--since` by time."""
    register("1", ".b")
    ids = [start(evenweave, f'{{"b": {{"id": "o{number}"}}}}') for number in range(3)]
    found = evenweave("instances", "list", "--key", "sum.id=o1", "--json").json
    assert [row["id"] for row in found] == [ids[1]]
    assert evenweave("instances", "list", "--key", "sum.id=o1", "--since", "1h").out.count("o1") == 0
    assert len(evenweave("instances", "list", "--until", "2001-01-01", "--json").json) == 0
    assert len(evenweave("instances", "list", "--since", "1h", "--json").json) == 3
    assert evenweave("instances", "list", "--key", "o1").code == 1
    assert evenweave("instances", "list", "--since", "soon").code == 64


def test_versions_are_disabled_and_enabled(register: Command, evenweave: Command) -> None:
    """The list says which version starts instances; disabling the newest lets the one before."""
    register("1", "1")
    register("2", "2")
    assert "version 1 starts instances" in evenweave("definitions", "disable", "sums", "2").out
    assert [line.split()[2] for line in evenweave("definitions", "list").out.splitlines()[1:]] == ["yes", "disabled"]
    assert evenweave("definitions", "disable", "sums", "3").code == 1
    assert "none starts" in evenweave("definitions", "disable", "sums", "1").out
    assert "version 2 starts instances" in evenweave("definitions", "enable", "sums", "2").out
    assert evenweave("definitions", "delete", "sums", "2").out == "sums 2 starts no more instances\n"


def test_fork_and_trace(register: Command, evenweave: Command) -> None:
    """A fork prints its id; a trace is a tree with names, references and durations."""
    register("1", ".a + .b")
    one = start(evenweave, '{"b": 1}')
    fork = evenweave("instances", "fork", one, "--at", "more", "--set", ".sum=9").out.strip()
    assert evenweave("instances", "show", fork, "--json").json["data"] == {"sum": 9}
    assert evenweave("instances", "fork", one, "--at", "nowhere").code == 1
    tree = evenweave("trace", one).out
    assert tree.startswith(f"{one}  sums 1  waiting after ")
    assert "└─ begun by a command: waiting" in tree
    assert "entered add /states/0" in tree
    assert "left add /states/0, after 0 ms" in tree
    assert evenweave("trace", one, "--json").json["bursts"][0]["revision"] == 1
    assert "begun as a fork, at /states/1" in evenweave("trace", fork).out
    assert evenweave("trace", "nobody").code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["retry"],
        ["retry", "a", "--all"],
        ["retry", "a", "--status", "faulted"],
        ["retry", "a", "--set", ".b"],
        ["retry", "a", "--set", ".b=text"],
        ["suspend", "--status", "lost"],
        ["fork", "a"],
    ],
)
def test_usage_errors(arguments: list[str], evenweave: Command) -> None:
    """What is meant has to be said, once and in order."""
    assert evenweave("instances", *arguments).code == 64


PARENT = "id: parent\nversion: '1'\nspecVersion: '0.8'\nname: Parent\n"
CALLS = "states: [{name: call, type: operation, actions: [{subFlowRef: child}], end: true}]\n"
CHILD = "states: [{name: wait, type: sleep, duration: PT1H, end: {continueAs: next}}]\n"


def test_parents_and_children_are_shown(served: str, evenweave: Command, folder: Path) -> None:
    """An instance is shown with the one that started it and those that it started, and traced with them."""
    for name, states in {"parent": CALLS, "child": CHILD}.items():
        (folder / f"{name}.yaml").write_text(PARENT.replace("id: parent", f"id: {name}") + states)
        assert evenweave("register", f"{name}.yaml").code == 0
    parent = evenweave("instances", "start", "parent").out.strip()
    end = time.monotonic() + 10
    while not (rows := evenweave("instances", "list", "--definition", "child", "--json").json):
        assert time.monotonic() < end
    child = rows[0]["id"]
    shown = evenweave("instances", "show", parent).out
    assert f"child    {child}  child 1  waiting\n" in shown
    assert f"waits    for its child {child}, at /states/0/actions/0\n" in shown
    assert f"parent   {parent} (when that ends: terminate)\n" in evenweave("instances", "show", child).out
    traced = evenweave("trace", parent).out
    assert f"child {child}  child 1  waiting after" in traced
    assert f"begun by {parent}, as its child: waiting" in traced
    assert child not in evenweave("trace", parent, "--no-children").out
    assert evenweave("instances", "cancel", parent).code == 0
    while evenweave("instances", "show", child, "--json").json["status"] != "cancelled":
        assert time.monotonic() < end


PAIR = """id: pair
version: '1'
specVersion: '0.8'
name: Pair
states:
  - {name: both, type: event, exclusive: false, onEvents: [{eventRefs: [asked, paid]}], end: true}
events:
  - {name: asked, type: people.asked, source: '', correlation: [{contextAttributeName: order}]}
  - {name: paid, type: people.paid, source: '', correlation: [{contextAttributeName: order}]}
"""


def test_pending_instances_are_listed_shown_traced_and_cancelled(served: str, evenweave: Command, folder: Path) -> None:
    """An instance that needs another event to begin is seen with what it needs; cancelled, it gives up what it has."""
    (folder / "pair.yaml").write_text(PAIR)
    assert evenweave("register", "pair.yaml").code == 0
    for number in ("7", "8"):
        evenweave("send", "people.asked", "{}", "--attribute", f"order={number}", "--id", f"asked-{number}")
    deadline = time.monotonic() + 20
    while len(rows := evenweave("instances", "list", "--status", "pending", "--json").json) < 2:
        assert time.monotonic() < deadline
    found = evenweave("instances", "list", "--key", "order=7", "--json").json
    assert [row["id"] for row in found] == [rows[0]["id"]]
    shown = evenweave("instances", "show", rows[0]["id"]).out
    assert "status   pending" in shown
    assert "people.paid" in shown
    assert "asked-7" in evenweave("trace", rows[0]["id"]).out
    assert evenweave("instances", "migrate", rows[0]["id"]).code == 1
    assert evenweave("instances", "suspend", rows[0]["id"]).out == f"{rows[0]['id']} is suspended\n"
    assert evenweave("instances", "resume", rows[0]["id"]).out == f"{rows[0]['id']} is pending\n"
    assert evenweave("instances", "cancel", rows[1]["id"]).out == f"{rows[1]['id']} is cancelled\n"
    letters = evenweave("dead-letters", "list", "--json").json
    assert [(each["event"]["id"], each["reason"]) for each in letters] == [
        ("asked-8", f"instance {rows[1]['id']} was cancelled before it began")
    ]
    evenweave("send", "people.paid", "{}", "--attribute", "order=7")
    while evenweave("instances", "show", rows[0]["id"], "--json").json["status"] != "completed":
        assert time.monotonic() < deadline
