"""The commands that ask running processes, and the processes themselves."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

from evenweave.cli.demo.stack import Stack
from evenweave.cli.remote import Remote


def until(look: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    """What a look finds, once it finds something."""
    end = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < end, "nothing came in time"
        time.sleep(0.02)
    return found


@pytest.fixture
def running(stack: Stack, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Stack:
    """The three processes, where the commands find them."""
    stack.start()
    for part, url in stack.urls.items():
        monkeypatch.setenv(f"EVENWEAVE_{part.upper()}", url)
    return stack


def test_orders_are_followed_from_the_command_line(running: Stack, evenweave: Command, example: Path) -> None:
    """Register, send, list, show, cancel, delete: the store's whole life with no service running."""
    registered = evenweave("register", *sorted(example.glob("*.yaml")))
    assert registered.code == 0, registered.err
    assert "storeorderworkflow.yaml: definition storeorderworkflow 1.0 in the Workflow Engine" in registered.out
    sent = evenweave("send", "store/order", '{"order": {"id": "o1", "total": 5}}', "--id", "e1", "--attribute", "a=b")
    assert (sent.code, sent.out) == (0, "e1\n")
    (row,) = until(lambda: evenweave("instances", "list", "--status", "waiting", "--json").json)
    shown = evenweave("instances", "show", row["id"])
    assert shown.code == 0
    assert "for OrderServiceResultEvent on order/outbound (echo " in shown.out
    assert ", since " in shown.out
    assert row["id"] in evenweave("instances", "list", "--definition", "storeorderworkflow").out
    assert "still" not in evenweave("definitions", "list").out
    assert evenweave("definitions", "show", "storeorderworkflow").out.startswith("id: storeorderworkflow")
    assert evenweave("instances", "start", "storeorderworkflow").code == 1
    refused = evenweave("instances", "delete", row["id"])
    assert (refused.code, refused.out) == (1, "")
    assert "cancel it first" in refused.err
    assert evenweave("instances", "cancel", row["id"], "--reason", "test").code == 0
    assert evenweave("instances", "delete", row["id"]).code == 0
    assert evenweave("instances", "show", row["id"]).code == 1
    assert evenweave("definitions", "delete", "storeorderworkflow").code == 0
    assert evenweave("definitions", "show", "storeorderworkflow").code == 1


def test_subscriptions_follow_definitions_and_instances(running: Stack, evenweave: Command, example: Path) -> None:
    """A deleted definition's start channel is given up at once, the others after its last instance."""
    running.register()
    runtime = running.remote("runtime")

    def channels() -> list[str]:
        groups = [group for group in runtime.call("GET", "/v1/subscriptions") if group["group"] == "evenweave.engine"]
        return [channel for group in groups for channel in group["channels"]]

    assert channels() == ["order/outbound", "payment/outbound", "store/order"]
    evenweave("send", "store/order", '{"order": {"id": "o1", "total": 5}}')
    (row,) = until(lambda: evenweave("instances", "list", "--status", "waiting", "--json").json)
    assert evenweave("definitions", "delete", "storeorderworkflow").code == 0
    assert channels() == ["order/outbound", "payment/outbound"]
    running.start_service("order")
    running.start_service("payment")
    engine = running.remote("engine")
    until(lambda: engine.call("GET", f"/v1/instances/{row['id']}")["status"] == "completed")
    until(lambda: not channels())


def test_registering_is_all_or_nothing(running: Stack, evenweave: Command, folder: Path, example: Path) -> None:
    """Where one file has errors, or an operation that neither file nor Catalog has, none is registered."""
    documents = [path for path in sorted(example.glob("*.yaml")) if path.name != "storeorderworkflow.yaml"]
    (folder / "broken.yaml").write_text("asyncapi: 2.6.0\n")
    catalog = running.remote("catalog")
    outcome = evenweave("register", *documents, "broken.yaml")
    assert outcome.code == 1
    assert "broken.yaml:1:1: error[AA201]" in outcome.err
    assert "nothing was registered" in outcome.err
    assert catalog.call("GET", "/v1/documents") == []
    few = [path for path in documents if path.name != "shipmentService.yaml"]
    outcome = evenweave("register", *few, example / "storeorderworkflow.yaml")
    assert outcome.code == 1
    assert "error[SW501]" in outcome.err
    assert catalog.call("GET", "/v1/documents") == []
    assert evenweave("register", example / "shipmentService.yaml").code == 0
    assert evenweave("register", "--strict", *few, example / "storeorderworkflow.yaml").code == 0


def test_registering_takes_what_a_file_refers_to(running: Stack, evenweave: Command, folder: Path) -> None:
    """A `$ref` to a file below the folder, and parts of a definition in files of their own, are registered with it."""
    (folder / "sub").mkdir()
    (folder / "service.yaml").write_text(
        "asyncapi: 2.6.0\ninfo: {title: S, version: '1'}\n"
        "channels: {a: {publish: {operationId: sendA, message: {$ref: 'sub/messages.yaml#/A'}}}}\n"
    )
    (folder / "sub/messages.yaml").write_text(
        "A: {name: Hello, payload: {type: object, properties: {x: {$ref: '#/X'}, y: {$ref: '../y.json#/Y'}}}}\n"
        "X: {type: string}\n"
    )
    (folder / "y.json").write_text('{"Y": {"type": "integer"}}')
    (folder / "flow.yaml").write_text(
        "{id: f, version: '1', specVersion: '0.8', name: f, functions: 'file://sub/functions.yaml',\n"
        " states: [{name: s, type: operation, actions: [{functionRef: send}], end: true}]}\n"
    )
    (folder / "sub/functions.yaml").write_text(
        "functions: [{name: send, type: asyncapi, operation: 'file://service.yaml#sendA'}]\n"
    )
    outcome = evenweave("register", "flow.yaml", "service.yaml")
    assert outcome.code == 0, outcome.err
    operation = running.remote("catalog").call("GET", "/v1/operations", query={"ref": "file://service.yaml#sendA"})
    (message,) = operation["messages"]
    assert message["name"] == "Hello"
    assert message["payload"]["definitions"] == {"X": {"type": "string"}, "Y": {"type": "integer"}}
    started = evenweave("instances", "start", "f")
    assert started.code == 0, started.err
    until(lambda: evenweave("instances", "list", "--status", "completed", "--json").json)


def test_nobody_there_is_one_clear_line(evenweave: Command) -> None:
    """Where nobody listens, the command says who and where, in one line."""
    outcome = evenweave("definitions", "list", "--engine", "http://127.0.0.1:1")
    assert outcome.code == 1
    assert outcome.err == "Error: the Workflow Engine does not answer at http://127.0.0.1:1: Connection refused\n"


@pytest.mark.parametrize("part", ["catalog", "runtime", "engine", "dev"])
def test_a_taken_port_is_one_clear_line(evenweave: Command, part: str) -> None:
    """A port that somebody has is an error with its address, not a traceback."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        outcome = evenweave(part, "--listen", address)
    assert outcome.code == 1
    assert outcome.err.startswith(f"Error: cannot listen on {address}: ")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("part", ["catalog", "runtime", "engine"])
def test_a_second_process_on_the_data_is_refused(stack: Stack, evenweave: Command, part: str) -> None:
    """A data folder in use says by which process."""
    stack.start_part("catalog")
    stack.start_part("runtime")
    if part == "engine":
        stack.start_part("engine")
    outcome = evenweave(part, "--data", stack.folder, "--listen", "127.0.0.1:0")
    assert outcome.code == 1
    assert "has this file open" in outcome.err
    assert outcome.err.count("\n") == 1


class Dev:
    """`evenweave dev` as a process."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "evenweave", "dev", str(folder), "--listen", "127.0.0.1:0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said: list[str] = []
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(line.strip())
            if " listens on " in line:
                break
        self.remote = Remote("engine", self.said[-1].partition(" listens on ")[2])

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it; its exit status and what it complained about."""
        self._process.send_signal(number)
        _, err = self._process.communicate(timeout=20)
        return self._process.returncode, err


def test_dev_registers_a_folder_and_keeps_its_state(folder: Path, example: Path) -> None:
    """What is right is registered, what is broken shown, other files ignored; a restart has instances and versions."""
    for path in example.glob("*.yaml"):
        (folder / path.name).write_text(path.read_text())
    (folder / "package.json").write_text('{"name": "shop"}')
    (folder / "other.yaml").write_text("a: [1\n")
    (folder / "bad.yaml").write_text("asyncapi: 2.6.0\n")
    (folder / "worse.yaml").write_text("asyncapi: [2.6.0\n")
    (folder / "sub").mkdir()
    (folder / "sub/orderService.yaml").write_text((example / "orderService.yaml").read_text())
    dev = Dev(folder)
    ids = []
    try:
        assert len([line for line in dev.said if line.startswith("registered ")]) == 6
        event = b'{"specversion":"1.0","id":"1","source":"/t","type":"NewOrder","data":{"order":{"id":"o","total":1}}}'
        kind = {"content_type": "application/cloudevents+json"}
        dev.remote.call("POST", "/v1/events", query={"channel": "store/order"}, body=event, **kind)
        ids = [row["id"] for row in until(lambda: dev.remote.call("GET", "/v1/instances", query={"status": "waiting"}))]
    finally:
        code, err = dev.stop()
    assert code == 0
    shown = [line for line in err.splitlines() if line.endswith("was not registered")]
    assert shown == [f"{folder}/bad.yaml was not registered", f"{folder}/worse.yaml was not registered"]
    assert "bad.yaml:1:1: error[AA201]" in err
    assert "other.yaml" not in err
    assert "package.json" not in err
    again = Dev(folder)
    try:
        assert [row["id"] for row in again.remote.call("GET", "/v1/instances")] == ids
        assert {row["version"] for row in again.remote.call("GET", "/v1/documents")} == {1}
        assert len(again.remote.call("GET", "/v1/definitions")) == 1
    finally:
        assert again.stop(signal.SIGINT)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_processes_stop_when_told(folder: Path, number: int) -> None:
    """Ctrl-C and SIGTERM end a process in order, with 0."""
    command = [sys.executable, "-m", "evenweave", "runtime", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    assert process.stdout.readline().startswith("runtime listens on http://127.0.0.1:")
    process.send_signal(number)
    assert process.wait(20) == 0
    process.stdout.close()


PARENT = """id: parent
version: '1'
specVersion: '0.8'
states: [{name: call, type: operation, actions: [{subFlowRef: %s}], end: true}]
"""
CHILD = "id: child\nversion: '1'\nspecVersion: '0.8'\nstates: [{name: say, type: inject, data: {}, end: true}]\n"


def test_a_subflow_that_is_not_registered_is_a_warning(running: Stack, evenweave: Command, folder: Path) -> None:
    """Of what is given together and what is registered already; strictly nothing is registered then."""
    (folder / "parent.yaml").write_text(PARENT % "child")
    (folder / "child.yaml").write_text(CHILD)
    strict = evenweave("register", "parent.yaml", "--strict")
    assert strict.code == 1
    assert 'parent.yaml:4:63: error[SW521] no workflow "child" is registered\n' in strict.err
    assert evenweave("definitions", "list", "--json").json == []
    together = evenweave("register", "parent.yaml", "child.yaml", "--strict")
    assert (together.code, together.err) == (0, "")
    assert evenweave("register", "parent.yaml", "--strict").err == ""
    (folder / "parent.yaml").write_text(PARENT % "chidl")
    warned = evenweave("register", "parent.yaml")
    assert warned.code == 0
    assert warned.err == (
        'parent.yaml:4:63: warning[SW521] no workflow "chidl" is registered\n'
        "    4 | states: [{name: call, type: operation, actions: [{subFlowRef: chidl}], end: true}]\n"
        '      |                                                               ^^^^^ did you mean "child"?\n'
    )
