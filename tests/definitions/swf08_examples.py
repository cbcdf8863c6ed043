"""The official schema and examples of 0.8 as an oracle, and seeded mutations of the examples.

They are read where they lie, never copied: `EVENWEAVE_SHARED`, or `shared` beside the repository.
"""

import copy
import json
import os
import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from evenweave import source
from evenweave.definitions.swf08 import Loaded, load

SHARED = Path(os.environ.get("EVENWEAVE_SHARED") or Path(__file__).parents[2].parent / "shared")
SPECIFICATION = SHARED / "specs" / "serverless-workflow-0.8"
STORE_ORDER = SHARED / "store-order" / "storeorderworkflow.yaml"

needs_shared = pytest.mark.skipif(not SPECIFICATION.is_dir(), reason=f"no specification at {SPECIFICATION}")

_JUNK: list[Any] = [
    *(None, True, False, 0, 1, -1, 1.5, "", "x", "${ .a }", "PT1S", "0.8", [], {}, [1], ["a"], [{}]),
    *({"a": 1}, {"name": "x"}),
]
_WORDS = (
    *("sequential", "parallel", "async", "produced", "consumed", "atLeast", "asyncapi", "expression", "jq", "true"),
    *("event", "operation", "switch", "sleep", "inject", "foreach", "callback", "nope"),
)


def read(text: str, name: str = "order.yaml") -> Loaded:
    """Read and check the text of a definition, which must be YAML or JSON."""
    document = source.load(name, text).document
    assert document is not None
    return load(document)


@cache
def official() -> Any:
    """Return a validator for the official schema, its files resolved among themselves.

    Formats are not asserted: draft-07 leaves that open, and the official examples break `format: uri`.
    """
    schemas = [json.loads(path.read_text()) for path in sorted((SPECIFICATION / "schema").glob("*.json"))]
    registry = jsonschema_rs.Registry([(schema["$id"], schema) for schema in schemas])
    root = next(schema for schema in schemas if schema["$id"].endswith("/workflow.json"))
    return jsonschema_rs.Draft7Validator(root, registry=registry, validate_formats=False)


@cache
def properties() -> tuple[str, ...]:
    """Return the names of all properties in the official schema, and some that are not in it."""
    names: set[str] = {"extra", "produceEventRef", "consumeEventRef", "consumeEventTimeout"}

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("properties"), dict):
                names.update(value["properties"])
            for item in value.values():
                collect(item)
        elif isinstance(value, list):
            for item in value:
                collect(item)

    for path in (SPECIFICATION / "schema").glob("*.json"):
        collect(json.loads(path.read_text()))
    return tuple(sorted(names))


def examples() -> Iterator[tuple[str, str]]:
    """Return the title and the text of each definition among the official examples that parses."""
    path = SPECIFICATION / "examples" / "README.md"
    if not path.is_file():
        return
    text = path.read_text()
    sections = [(found.start(), found[1]) for found in re.finditer(r"^### (.*)$", text, re.MULTILINE)]
    for number, found in enumerate(re.finditer(r"^```(json|yaml)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)):
        title = next((title for start, title in reversed(sections) if start < found.start()), "")
        name = f"{number:03}-{title.replace(' ', '-')}.{found[1]}"
        document = source.load(name, found[2]).document
        if document is not None and isinstance(document.value, dict) and "states" in document.value:
            yield name, found[2]


def values() -> list[Any]:
    """Return the values of the examples."""
    documents = [source.load(name, text).document for name, text in examples()]
    return [document.value for document in documents if document is not None]


def mutate(chance: random.Random, value: Any) -> Any:
    """Return a copy of a definition with one to three things deleted, retyped, renamed, added, swapped or copied."""
    value = copy.deepcopy(value)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        spots = list(_places(value))
        if not spots:
            break
        parent, key = chance.choice(spots)
        match chance.choice(["delete", "replace", "retype", "rename", "add", "swap", "copy", "word"]):
            case "delete":
                del parent[key]
            case "replace":
                parent[key] = copy.deepcopy(chance.choice(_JUNK))
            case "retype":
                parent[key] = _retyped(parent[key])
            case "rename" if isinstance(parent, dict):
                parent[chance.choice(properties())] = parent.pop(key)
            case "add" if isinstance(parent, dict):
                parent[chance.choice(properties())] = copy.deepcopy(chance.choice(_JUNK))
            case "swap":
                other, name = chance.choice(spots)
                parent[key], other[name] = copy.deepcopy(other[name]), copy.deepcopy(parent[key])
            case "copy":
                other, name = chance.choice(spots)
                parent[key] = copy.deepcopy(other[name])
            case "word" if isinstance(parent[key], str):
                parent[key] = chance.choice(_WORDS)
            case _:
                pass
    return value


def _retyped(value: Any) -> Any:
    """Return a value as people write it in another type: a text for a number, a list for its only item, and back."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case str():
            return [value] if value else None
        case [only]:
            return only
        case list():
            return {str(index): item for index, item in enumerate(value)}
        case dict():
            return [value]
        case _:
            return {}


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Return each place of a value: what holds it, and its key or index."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from _places(item)
