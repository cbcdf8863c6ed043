"""Parts of a definition that other documents hold: every property that may be a URI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from evenweave import source
from evenweave.definitions.swf08 import Loaded, load

if TYPE_CHECKING:
    from evenweave.source import Document

USES = {
    "id": "orders",
    "specVersion": "0.8",
    "states": [
        {
            "name": "Charge",
            "type": "operation",
            "actions": [
                {"functionRef": "charge", "retryRef": "patient", "retryableErrors": ["declined"]},
                {"eventRef": {"triggerEventRef": "told", "data": "${ $CONST.word }"}},
            ],
            "onErrors": [{"errorRef": "declined", "end": True}],
            "end": True,
        }
    ],
}
GOOD: dict[str, Any] = {
    "events": [{"name": "told", "type": "told", "kind": "produced"}],
    "functions": [{"name": "charge", "operation": "pay.json#charge", "authRef": "desk"}],
    "retries": [{"name": "patient", "maxAttempts": 3, "delay": "PT1S"}],
    "errors": [{"name": "declined", "code": "402"}],
    "auth": [{"name": "desk", "properties": {"username": "u", "password": "p"}}],
    "timeouts": {"actionExecTimeout": "PT5S"},
    "constants": {"word": "hello"},
    "secrets": ["key"],
}
BROKEN: dict[str, tuple[Any, str, str]] = {
    "events": ([{"name": "told", "type": "told", "source": "/s", "kind": "made"}], "SW004", '"made"'),
    "functions": ([{"name": "charge", "operation": "pay.json"}], "SW112", '"pay.json"'),
    "retries": ([{"name": "patient", "maxAttempts": 3, "delay": "1s"}], "SW303", '"1s"'),
    "errors": ([{"name": "declined", "number": 402}], "SW003", '"number"'),
    "auth": ([{"name": "desk", "scheme": "key", "properties": {"username": "u", "password": "p"}}], "SW004", '"key"'),
    "timeouts": ({"actionExecTimeout": "5"}, "SW303", '"5"'),
    "constants": (["hello"], "SW001", "["),
    "secrets": ([7], "SW001", "7"),
}


def read(parts: dict[str, Any]) -> tuple[Loaded, dict[str, Document]]:
    """Read the definition with each part in a file of its own."""
    files = {}
    for name, value in parts.items():
        loaded = source.load(f"{name}.json", json.dumps({name: value}, indent=1))
        assert loaded.document is not None
        files[f"file://{name}.json"] = loaded.document
    written = USES | {name: f"file://{name}.json" for name in parts}
    document = source.load("orders.json", json.dumps(written)).document
    assert document is not None
    return load(document, files.get), files


def test_every_property_that_may_be_a_resource_is_read_from_its_file() -> None:
    """A definition whose parts lie in eight files is the one that has them in place."""
    loaded, _ = read(GOOD)
    assert not source.has_errors(loaded.diagnostics), loaded.diagnostics
    made = loaded.workflow
    assert made is not None
    assert {each.name for each in made.resources} == set(GOOD)
    assert (made.event("told").type, made.function("charge").operation) == ("told", "pay.json#charge")
    assert (made.retry("patient").max_attempts, made.error("declined").code) == (3, "402")
    assert (made.auth[0].name, made.constants, made.secrets) == ("desk", {"word": "hello"}, ("key",))
    assert made.timeouts is not None
    assert made.timeouts.action_exec_timeout is not None
    assert made.timeouts.action_exec_timeout.milliseconds == 5000


@pytest.mark.parametrize("name", BROKEN)
def test_mistake_in_a_resource_is_shown_in_its_file(name: str) -> None:
    """What is wrong in a file is said about the place in that file."""
    value, code, at = BROKEN[name]
    loaded, files = read(GOOD | {name: value})
    found = [item for item in loaded.diagnostics if item.severity == "error" and item.file == f"{name}.json"]
    assert [item.code for item in found] == [code], loaded.diagnostics
    line = files[f"file://{name}.json"].text.splitlines()[found[0].span.start_line - 1]
    assert line[found[0].span.start_column - 1 :].startswith(at)


@pytest.mark.parametrize("name", GOOD)
def test_file_without_the_property_that_it_should_hold_is_a_mistake(name: str) -> None:
    """A file that is not there is said where it is named, whatever the property is."""
    document = source.load("orders.json", json.dumps(USES | {name: "file://elsewhere.json"})).document
    assert document is not None
    loaded = load(document, lambda _: None)
    missing = [item for item in loaded.diagnostics if item.code == "SW108"]
    assert [(item.file, item.message) for item in missing] == [
        ("orders.json", f"the {name} in 'file://elsewhere.json' are not there")
    ]
