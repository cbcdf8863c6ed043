"""`evenweave demo`, and what has to hold of a store under load."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

from evenweave.cli.demo.orders import Instances, Orders
from evenweave.cli.demo.stack import Stack

SLOW = os.environ.get("EVENWEAVE_SLOW") == "1"
ORDERS = 200 if SLOW else 40


def journal(stack: Stack, service: str) -> list[dict[str, Any]]:
    """What a service noted."""
    path = stack.journal(service)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def polls(stack: Stack) -> int:
    """How many requests wait at the Runtime for an event."""
    with urllib.request.urlopen(f"{stack.urls['runtime']}/metrics") as answer:
        found = re.search(r"^evenweave_runtime_polls (\d+)", answer.read().decode(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def test_demo_loses_nothing(process: Command) -> None:
    """Every order ends as its payment said, and `--json` prints exactly one line."""
    outcome = process("demo", "--orders", ORDERS, "--json")
    assert outcome.code == 0, outcome.err
    assert (outcome.out.count("\n"), outcome.err) == (1, "")
    assert list(outcome.json) == ["orders", "completed", "shipped", "denied", "lost", "elapsed_s"]
    denied = ORDERS // 5
    expected = {"orders": ORDERS, "completed": ORDERS, "shipped": ORDERS - denied, "denied": denied, "lost": 0}
    assert {name: outcome.json[name] for name in expected} == expected
    assert outcome.json["elapsed_s"] > 0


def test_demo_shows_each_order_as_it_moves(process: Command) -> None:
    """Without a terminal it prints each order's steps in their order, and ends with a summary."""
    outcome = process("demo", "--orders", "5", env=dict(os.environ, PYTHONIOENCODING="ascii", NO_COLOR="1"))
    assert outcome.code == 0, outcome.err
    steps = defaultdict(list)
    for order, word in re.findall(r"^  (o-\d+) .*?(placed|booked|paid|denied|shipped)", outcome.out, re.MULTILINE):
        steps[order].append(word)
    assert len(steps) == 5
    assert steps["o-0001"] == ["placed", "booked", "paid", "shipped"]
    assert steps["o-0005"] == ["placed", "booked", "denied"]
    assert outcome.out.endswith("Every order ended as its payment said.\n")


def test_demo_survives_the_death_of_each_process(process: Command) -> None:
    """With `--kill` engine, Runtime and Catalog die once each, amid the load, and every order ends as it should."""
    orders = 300 if SLOW else 60
    outcome = process("demo", "--orders", orders, "--kill", "--json")
    assert outcome.code == 0, outcome.err
    assert (outcome.out.count("\n"), outcome.err) == (1, "")
    assert list(outcome.json) == ["orders", "completed", "shipped", "denied", "lost", "elapsed_s", "kills"]
    assert outcome.json["kills"] >= 3
    denied = orders // 5
    expected = {"orders": orders, "completed": orders, "shipped": orders - denied, "denied": denied, "lost": 0}
    assert {name: outcome.json[name] for name in expected} == expected


def test_demo_says_whom_it_kills_in_the_middle_of_the_load(process: Command) -> None:
    """Each of the three is killed once, with orders placed and orders still to come, and comes back."""
    outcome = process("demo", "--orders", "30", "--kill")
    assert outcome.code == 0, outcome.err
    killed = re.findall(r"killed the (.+) \(SIGKILL\), with (\d+) orders placed", outcome.out)
    assert [name for name, _ in killed] == ["Workflow Engine", "Runtime", "Catalog"]
    assert all(0 < int(placed) < 30 for _, placed in killed)
    assert re.findall(r"the (.+) is back", outcome.out) == ["Workflow Engine", "Runtime", "Catalog"]
    assert "3 processes killed" in outcome.out


def processes_below(folder: Path) -> list[str]:
    """The command lines of processes that work below a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(folder) in line:
                found.append(line)
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    """Ctrl-C in the middle ends every process that the demo started, and removes its folder."""
    command = [sys.executable, "-m", "evenweave", "demo", "--orders", "5000"]
    environment = dict(os.environ, TMPDIR=str(tmp_path))
    demo = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if "booked" in line:
            break
    assert processes_below(tmp_path)
    # A terminal's Ctrl-C goes to the whole group.
    os.killpg(demo.pid, number) if number == signal.SIGINT else demo.send_signal(number)
    demo.communicate(timeout=30)
    assert demo.returncode == 130
    assert processes_below(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_killing_the_engine_loses_and_doubles_nothing(stack: Stack) -> None:
    """`kill -9` of the engine amid a load: after its restart all end, each order shipped under exactly one event id."""
    stack.start()
    stack.register()
    for service in ("order", "payment", "shipment"):
        stack.start_service(service)
    stack.start_service("store", "--orders", "200")
    orders = Orders([stack.journal(name) for name in ("store", "order", "payment", "shipment")])
    end = time.monotonic() + 60
    kills = 0
    while kills < 2:
        list(orders.look())
        shipped = sum("shipped" in order.events for order in orders.known.values())
        if shipped >= 20 + 60 * kills:
            stack.kill("engine")
            kills += 1
            stack.start_part("engine")
        assert time.monotonic() < end
    instances = Instances(stack.remote("engine"))
    while instances.ended < 200 or sum("shipped" in order.events for order in orders.known.values()) < 160:
        assert time.monotonic() < end, (instances.ended, len(orders.known))
        instances.look()
        list(orders.look())
        time.sleep(0.05)
    orders.take_statuses(instances.statuses)
    assert len(orders.known) == 200
    assert [order.id for order in orders.known.values() if not order.ended_right] == []
    shipments = defaultdict(set)
    for line in journal(stack, "shipment"):
        shipments[line["order"]].add(line["event"])
    assert len(shipments) == 160
    assert {len(events) for events in shipments.values()} == {1}


def test_two_workers_of_a_service_share_the_orders(stack: Stack) -> None:
    """A second worker of the payment service, in the same group, takes a part; no order is paid twice."""
    stack.start()
    stack.register()
    for service in ("order", "shipment"):
        stack.start_service(service)
    stack.start_service("payment-1", script="payment")
    stack.start_service("payment-2", script="payment")
    end = time.monotonic() + 60
    while polls(stack) < 5:  # the engine and the four of them wait for events: nobody is late
        assert time.monotonic() < end
        time.sleep(0.05)
    stack.start_service("store", "--orders", "100")
    instances = Instances(stack.remote("engine"))
    while instances.ended < 100:
        assert time.monotonic() < end
        instances.look()
        time.sleep(0.05)
    first, second = ([line["order"] for line in journal(stack, name)] for name in ("payment-1", "payment-2"))
    assert len(first) + len(second) == 100
    assert len({*first, *second}) == 100
    assert min(len(first), len(second)) >= 5
