"""docs/properties.md lists every property of 0.8 with the test that proves it, and is up to date.

`EVENWEAVE_RENEW=1` writes the page anew.
"""

import ast
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
from blocks import ROOT, find_blocks
from property_proofs import NESTED, OFFICIAL, PLACES, PROOFS

from evenweave.definitions.swf08 import model, states
from evenweave.definitions.swf08.node import Node, Property
from evenweave.definitions.swf08.resources import Resource

PAGE = ROOT / "docs" / "properties.md"
SHARED = Path(os.environ.get("EVENWEAVE_SHARED") or ROOT.parent / "shared")
SCHEMA = SHARED / "specs" / "serverless-workflow-0.8" / "schema"
HEAD = """# Every property, and the test that proves it

Each property of the official schema of Serverless Workflow 0.8, what it is, and the test that shows that it does what
it should: {count} properties, and none without one. A page stands for its example, which the tests run.

This page is made by `tests/docs/test_docs_properties.py`. It fails where the page is out of date, where a property has
no proof, where a test is gone, and where one does not even name the property that it is to prove.
"""


def structs() -> dict[str, type[Node]]:
    """The structs of the model that are parts of a document, by name."""
    return {name: parts()[name] for name in PLACES}


def parts() -> dict[str, type[Node]]:
    """Every struct of the model that adds properties to a document."""
    return {
        each.__name__: each
        for module_ in (model, states)
        for each in vars(module_).values()
        if isinstance(each, type) and issubclass(each, Node) and each is not Node and own(each) and each is not Resource
    }


def own(struct: type[Node]) -> dict[str, str]:
    """The properties that a struct adds to those of its bases, and what each is."""
    inherited: set[str] = set()
    for base in struct.__mro__[1:]:
        if issubclass(base, Node):
            inherited |= set(base.__struct_fields__)
    names = dict(zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True))
    hints = get_type_hints(struct, include_extras=True)
    return {
        names[field]: _doc(hints[field])
        for field in struct.__struct_fields__
        if field not in inherited and field not in struct.filled
    }


def _doc(hint: Any) -> str:
    """What a note on a type says, however deep it stands."""
    if get_origin(hint) is Annotated:
        for note in hint.__metadata__:
            if isinstance(note, Property):
                return note.doc
    return next((found for each in get_args(hint) if (found := _doc(each))), "")


@cache
def module(path: Path) -> tuple[dict[str, str], dict[str, set[str]]]:
    """The source of each name at the top of a test module, and the names that each uses."""
    text = path.read_text("utf-8")
    lines = text.splitlines()
    sources: dict[str, str] = {}
    uses: dict[str, set[str]] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]
        else:
            continue
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        for name in names:
            sources[name] = "\n".join(lines[first - 1 : node.end_lineno])
            uses[name] = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return sources, uses


def evidence(proof: str) -> str | None:
    """What a proof consists of: a test with all that it uses of its module, or the example of a page."""
    if proof.endswith(".md"):
        return "".join(block.text for block in find_blocks(ROOT / proof, "yaml"))
    file, _, name = proof.partition("::")
    path = ROOT / "tests" / file
    if not path.is_file():
        return None
    sources, uses = module(path)
    if name not in sources:
        return None
    todo, seen = [name], {name}
    while todo:
        for used in uses[todo.pop()] & sources.keys() - seen:
            seen.add(used)
            todo.append(used)
    return "\n".join(sources[each] for each in seen)


def page() -> str:
    """The page as it should be."""
    lines = []
    for name, struct in structs().items():
        rows = [
            f"| `{prop}` | {doc.replace('|', '/')} | {_link(PROOFS[name][prop])} |" for prop, doc in own(struct).items()
        ]
        lines += [f"## {PLACES[name]}", "", "| property | what it is | proof |", "| --- | --- | --- |", *rows, ""]
    proofs = [proof for each in PROOFS.values() for proof in each.values()]
    return HEAD.format(count=len(proofs)) + "\n" + "\n".join(lines)


def _link(proof: str) -> str:
    if proof.endswith(".md"):
        return f"[{proof.removeprefix('docs/')}]({proof.removeprefix('docs/')})"
    file, _, name = proof.partition("::")
    return f"[{name.removeprefix('test_')}](../tests/{file})"


def test_page_is_up_to_date() -> None:
    """The page is what the model and the proofs make of it."""
    if os.environ.get("EVENWEAVE_RENEW"):
        PAGE.write_text(page(), "utf-8")
    assert PAGE.read_text("utf-8") == page()


def test_every_property_has_its_row() -> None:
    """Every struct of the model has a heading, every property of it a proof, and no proof is for something else."""
    assert set(parts()) == set(PLACES)
    assert {name: set(own(struct)) for name, struct in structs().items()} == {
        name: set(proofs) for name, proofs in PROOFS.items()
    }


@pytest.mark.parametrize("place", PROOFS)
def test_every_proof_is_there_and_names_its_property(place: str) -> None:
    """Each test that a row names exists, and uses the property."""
    for prop, proof in PROOFS[place].items():
        assert proof, f"{place}.{prop} has no proof"
        found = evidence(proof)
        assert found is not None, f"{place}.{prop}: there is no {proof}"
        assert re.search(rf"\b{prop}\b", found), f"{place}.{prop}: {proof} does not use it"


def official() -> Iterator[tuple[str, str, str]]:
    """Each property of the official schema: the definition that it stands in, the object inside of that, its name."""

    def walk(node: Any, place: str, inside: str) -> Iterator[tuple[str, str, str]]:
        if isinstance(node, list):
            for each in node:
                yield from walk(each, place, inside)
        if not isinstance(node, dict):
            return
        for name, value in node.get("properties", {}).items():
            yield place, inside, name
            yield from walk(value, place, name)
        for key in ("oneOf", "anyOf", "allOf", "items", "if", "then", "else"):
            yield from walk(node.get(key), place, inside)
        for name, value in node.get("definitions", {}).items():
            yield from walk(value, name, "")

    for path in sorted(SCHEMA.glob("*.json")):
        if path.stem != "odata":  # what a function's arguments may be, not a part of a definition
            yield from walk(json.loads(path.read_text()), path.stem, "")


@pytest.mark.skipif(not SCHEMA.is_dir(), reason=f"no schema at {SCHEMA}")
def test_every_property_of_the_official_schema_has_a_row() -> None:
    """None of the official schema's properties is left out; `type` says which state it is."""
    found = list(official())
    assert len(found) > 250
    left_out = []
    for place, inside, name in found:
        if inside in NESTED:
            places: tuple[str, ...] = (NESTED[inside],)
        elif place in OFFICIAL:
            places = OFFICIAL[place]
        else:
            places = ("Workflow", "Timeouts")  # files that hold one property of the workflow, such as events.json
        tag = name == "type" and place.endswith("state")
        if not tag and not any(name in PROOFS[each] for each in places):
            left_out.append(f"{place}/{inside}/{name}")
    assert left_out == []
