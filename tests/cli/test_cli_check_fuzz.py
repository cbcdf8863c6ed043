"""No file, however broken, is more to `evenweave check`, `run` and registration than diagnostics."""

import asyncio
import json
import os
import random
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from swf08_examples import mutate, values
from swf08_making import Maker

from evenweave import source
from evenweave.cli.files import all_diagnostics, check_files, check_schemas, render
from evenweave.definitions.swf08 import Profile
from evenweave.errors import InvalidDocument, UnknownOperation
from evenweave.plan.operation import Operation
from evenweave.worker.definitions import Definitions
from evenweave.worker.registration import prepare, restore

MANY = 20 if os.environ.get("EVENWEAVE_SLOW") else 1
WORDS = (
    *(
        "id: x",
        "specVersion: '0.8'",
        "states:",
        "- name: A",
        "  type: event",
        "  end: true",
        "asyncapi: 2.6.0",
        "{",
        "}",
        "[",
    ),
    *(
        "]",
        '"',
        "'",
        "${ .a",
        "&a",
        "*a",
        "<<: *a",
        "\\t",
        "key:",
        "classpath:x",
        "- ",
        "? ",
        "|",
        ">",
        "%",
        "@",
        "\\u0000",
        "1e999",
    ),
)


class EmptyCatalog:
    """A Catalog that knows nothing."""

    async def operation(self, ref: str) -> Operation:
        """No operation."""
        raise UnknownOperation(f"no {ref}", ref)


def survives(path: Path, profiles: tuple[Profile | None, ...] = (None, "default", "sonataflow")) -> None:
    """Check a file by each profile, and register what is right; whatever is wrong are diagnostics that can be shown."""
    for profile in profiles:
        checked = check_files([str(path)], profile=profile)
        render(checked)
        for file in checked:
            assert (file.plan is None) or file.valid
            data = file.data if file.alone is None else file.alone
            try:
                registered, warnings = asyncio.run(prepare(path.name, data, EmptyCatalog(), Definitions([]), now=0.0))
            except InvalidDocument as error:
                refused = error.diagnostics
            else:
                refused = None
            assert refused is None or source.has_errors(refused)
            if refused is not None:
                continue
            assert not source.has_errors(warnings)
            again = restore(registered.row)
            assert again.plan is not None, again.row.broken


def only_shown(path: Path) -> None:
    """Hold a file against the schema, where it is no AsyncAPI document."""
    assert all(item.message for item in all_diagnostics(check_schemas([str(path)])))


def test_check_survives_mutated_definitions(tmp_path: Path) -> None:
    """Definitions that were changed at random, made ones and the official examples, are checked and registered."""
    chance = random.Random(23)
    bases = values()
    path = tmp_path / "flow.json"
    for _ in range(120 * MANY):
        value = chance.choice(bases) if bases and chance.random() < 0.5 else Maker(chance).make()
        path.write_text(json.dumps(mutate(chance, value)))
        survives(path)
        only_shown(path)


@settings(
    max_examples=60 * MANY, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=5)), max_size=20), st.sampled_from(["\n", " ", ""]))
def test_check_survives_random_text(tmp_path: Path, parts: list[str], between: str) -> None:
    """Any text, in pieces of YAML, JSON and definitions, is a document or diagnostics."""
    path = tmp_path / "flow.yaml"
    path.write_bytes(between.join(parts).encode("utf-8", "surrogatepass"))
    survives(path)


@settings(
    max_examples=60 * MANY, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=60), st.sampled_from(["flow.yaml", "flow.json", "flow"]))
def test_check_survives_random_bytes(tmp_path: Path, data: bytes, name: str) -> None:
    """Any bytes, under any name, are a document or diagnostics."""
    path = tmp_path / name
    path.write_bytes(data)
    survives(path)


def test_check_survives_resources_of_every_kind(tmp_path: Path) -> None:
    """Files that a definition names for its parts may hold anything, too."""
    chance = random.Random(5)
    made = Maker(chance).make()
    junk = [None, 1, "x", [], {}, [1], {"functions": 1}, {"functions": [1, {}]}, {"x": made}]
    for name in (
        "functions",
        "events",
        "errors",
        "retries",
        "auth",
        "timeouts",
        "constants",
        "secrets",
        "dataInputSchema",
    ):
        for content in junk:
            (tmp_path / "part.json").write_bytes(msgspec.json.encode(content))
            (tmp_path / "flow.json").write_text(json.dumps({**made, name: "file://part.json"}))
            survives(tmp_path / "flow.json", ("sonataflow",))
