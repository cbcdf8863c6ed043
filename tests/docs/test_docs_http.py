"""docs/http.md describes every route, and its examples run."""

import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from blocks import ROOT, find_blocks

from evenweave.cli.demo.stack import Stack, find_example
from evenweave.http.catalog import CatalogFace
from evenweave.http.engine import EngineFace
from evenweave.http.runtime import RuntimeFace

PAGE = ROOT / "docs" / "http.md"
GREETING = """
id: greeting
version: '1.0'
specVersion: '0.8'
name: Greeting
states: [{name: greet, type: inject, data: {greeted: true}, end: true}]
"""
WAITING = """
id: waiting
version: '1.0'
specVersion: '0.8'
name: Waiting
states: [{name: wait, type: sleep, duration: PT1H, end: true}]
"""


def routes() -> set[tuple[str, str]]:
    """Method and path of every route of the three processes."""
    anything: Any = None
    runtime = RuntimeFace(anything)
    found = [*CatalogFace(anything).routes(), *EngineFace(anything).routes(), *runtime._routes.routes]
    named = {
        (method, re.sub(r":\w+}", "}", route.path))
        for route in found
        for method in route.methods or ()  # type: ignore[union-attr]
        if method != "HEAD"
    }
    return named | {("POST", "/v1/events")}


def test_every_route_is_described() -> None:
    """Each route stands in the page with its method, and each that stands there is served."""
    text = PAGE.read_text("utf-8")
    described = set(re.findall(r"`(GET|POST|DELETE) (/[\w/{}.-]+)", text))
    served = {(method, path) for method, path in routes()}
    assert served - described == set()
    in_headings = set(
        re.findall(r"`(GET|POST|DELETE) (/[\w/{}.-]+)", "\n".join(re.findall("^### .*$", text, re.MULTILINE)))
    )
    assert in_headings - served == set()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """The three processes."""
    with Stack(tmp_path, find_example()) as stack:
        stack.start()
        yield stack


class Page:
    """Runs the page's examples against a stack, with what they name."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._variables = {part.upper(): url for part, url in stack.urls.items()}
        self.answers: list[tuple[str, int, str]] = []

    def prepare(self) -> None:
        """Register what the examples are about: a definition to start, and one whose instances wait."""
        self._stack.register()
        engine, catalog = self._stack.remote("engine"), self._stack.remote("catalog")
        engine.call("POST", "/v1/definitions", query={"name": "greeting.yaml"}, body=GREETING.encode())
        engine.call("POST", "/v1/definitions", query={"name": "waiting.yaml"}, body=WAITING.encode())
        old = (find_example() / "orderService.yaml").read_bytes()
        catalog.call("POST", "/v1/documents", query={"name": "oldService.yaml"}, body=old)
        self._variables["INSTANCE"] = engine.call("POST", "/v1/definitions/waiting/instances")["id"]

    def take(self) -> tuple[str, list[str]]:
        """Publish an event to the group `order`, and take it: the path of the subscription, and the leases."""
        runtime = self._stack.remote("runtime")
        wanted = b'{"group": "order", "channels": ["order/inbound"]}'
        path = f"/v1/subscriptions/{runtime.call('POST', '/v1/subscriptions', body=wanted)['id']}"
        event = {"specversion": "1.0", "id": f"dead-{len(self.answers)}", "source": "/t", "type": "t"}
        kind = {"content_type": "application/cloudevents+json"}
        body = msgspec.json.encode(event)
        runtime.call("POST", "/v1/events", query={"channel": "order/inbound"}, body=body, **kind)
        query = {"max": 100, "wait_s": 1}
        with urllib.request.urlopen(f"{self._stack.urls['runtime']}{path}/deliveries?{urlencode(query)}") as answer:
            return path, [msgspec.json.decode(line)["lease"] for line in answer.read().splitlines()]

    def reject(self) -> str:
        """Have a delivery rejected; the id of its dead letter."""
        runtime = self._stack.remote("runtime")
        known = {letter["id"] for letter in runtime.call("GET", "/v1/dead-letters")}
        path, leases = self.take()
        runtime.call("POST", f"{path}/acks", body=msgspec.json.encode({"reject": leases}))
        return next(each["id"] for each in runtime.call("GET", "/v1/dead-letters") if each["id"] not in known)

    def run(self, example: str) -> None:
        """Run one example."""
        if "$LETTER" in example or "group=order" in example or "channel=order" in example:
            self._variables["LETTER"] = self.reject()
        if "$LEASE" in example:
            self._variables["LEASE"] = self.take()[1][0]
        command = example.replace("curl -s", "curl -s -w '\\n%{http_code}'")
        environment = os.environ | self._variables
        done = subprocess.run(
            ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60
        )
        body, _, status = done.stdout.rpartition("\n")
        self.answers.append((example, int(status), body))
        for group, variable in (("order", "SUBSCRIPTION"), ("audit", "READER")):
            if f'"group": "{group}"' in example:
                self._variables[variable] = msgspec.json.decode(body)["id"]


def examples() -> list[str]:
    """Every `curl` of the page that asks one process."""
    lines = [
        line
        for block in find_blocks(PAGE, "sh")
        for line in re.split(r"\n(?=\S)", block.text.replace("\\\n", " ").strip())
    ]
    return [line for line in lines if re.match(r"curl .*\$(CATALOG|ENGINE|RUNTIME)/v1/", line)]


def test_the_examples_run(stack: Stack) -> None:
    """Every example, in the order of the page, is answered with a success."""
    page = Page(stack)
    page.prepare()
    for example in examples():
        page.run(example)
    assert len(page.answers) >= 32
    assert [answer for answer in page.answers if not 200 <= answer[1] < 300] == []


def test_the_service_in_a_shell_replies(stack: Stack) -> None:
    """The shell's service takes a delivery, echoes it and acknowledges: the instance goes on to the payment."""
    stack.register()
    event = b'{"specversion":"1.0","id":"1","source":"/t","type":"NewOrder","data":{"order":{"id":"o","total":1}}}'
    kind = {"content_type": "application/cloudevents+json"}
    stack.remote("runtime").call("POST", "/v1/events", query={"channel": "store/order"}, body=event, **kind)
    block = find_blocks(PAGE, "sh")[-1]
    environment = os.environ | {part.upper(): url for part, url in stack.urls.items()}
    for _ in range(40):
        subprocess.run(["bash", "-ec", block.text], env=environment, check=True, capture_output=True, timeout=30)
        (row,) = stack.remote("engine").call("GET", "/v1/instances")
        shown = stack.remote("engine").call("GET", f"/v1/instances/{row['id']}")
        if shown["waits"][0]["events"][0]["event"] == "PaymentServiceResultEvent":
            break
    else:
        pytest.fail(f"the instance never went on: {shown}")
    assert stack.remote("runtime").call("GET", "/v1/dead-letters") == []
