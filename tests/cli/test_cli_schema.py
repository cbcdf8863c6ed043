"""`evenweave check --schema-only` and `evenweave schema`: the verdict of a schema alone, and a schema for editors."""

import json
import random
from pathlib import Path

import jsonschema_rs
import pytest
from command_line import Command
from swf08_examples import mutate, needs_shared, official, values

MEANINGLESS = {
    "id": "orders",
    "specVersion": "0.8",
    "states": [{"name": "Go", "type": "operation", "actions": [{"functionRef": "nope"}], "transition": "Nowhere"}],
}


@needs_shared
def test_schema_only_gives_the_verdict_of_the_official_schema(tmp_path: Path, evenweave: Command) -> None:
    """On every official example and mutations of them the exit code is the official schema's verdict; tabs are JSON."""
    chance = random.Random(11)
    bases = values()
    for number, value in enumerate([*bases, *(mutate(chance, chance.choice(bases)) for _ in range(60))]):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(value, indent="\t"))
        outcome = evenweave("check", "--schema-only", path)
        assert outcome.code == (0 if official().is_valid(value) else 1), outcome.out


def test_schema_only_says_nothing_of_meaning(folder: Path, evenweave: Command) -> None:
    """Unknown functions and states are nobody's business there, and are errors without the option."""
    (folder / "flow.json").write_text(json.dumps(MEANINGLESS))
    assert evenweave("check", "--schema-only", "flow.json").out == "1 file: nothing to complain about\n"
    outcome = evenweave("check", "flow.json", "--format", "json")
    assert (outcome.code, [item["code"] for item in outcome.json]) == (1, ["SW103", "SW104"])


def test_schema_only_is_as_strict_as_the_schema(folder: Path, evenweave: Command) -> None:
    """What is forgiven elsewhere, such as an empty list, is an error there."""
    (folder / "flow.json").write_text(
        json.dumps(
            {**MEANINGLESS, "functions": [], "states": [{"name": "A", "type": "inject", "data": {}, "end": True}]}
        )
    )
    assert evenweave("check", "flow.json").code == 0
    outcome = evenweave("check", "--schema-only", "flow.json", "--format", "json")
    assert outcome.code == 1
    assert [(item["code"], item["severity"]) for item in outcome.json] == [("SW027", "error")]


def test_schema_only_takes_any_document_for_a_definition(folder: Path, evenweave: Command) -> None:
    """A document without any mark of a definition is held against the schema as well; an AsyncAPI document is not."""
    (folder / "thing.yaml").write_text("a: 1\n")
    outcome = evenweave("check", "--schema-only", "thing.yaml", "--format", "json")
    assert outcome.code == 1
    assert {item["code"] for item in outcome.json} == {"SW002", "SW005"}
    (folder / "service.yaml").write_text("asyncapi: 2.6.0\n")
    assert evenweave("check", "--schema-only", "service.yaml").code == 64


def test_schema_prints_a_schema_for_editors(folder: Path, evenweave: Command) -> None:
    """`evenweave schema swf08` prints a draft-07 schema that describes itself and tells good from bad."""
    outcome = evenweave("schema", "swf08")
    assert outcome.code == 0
    assert outcome.json["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert outcome.json["description"]
    validator = jsonschema_rs.Draft7Validator(outcome.json)
    assert validator.is_valid(MEANINGLESS)
    assert not validator.is_valid({**MEANINGLESS, "states": [{"name": "A", "type": "nap", "end": True}]})


@pytest.mark.parametrize("words", [["schema"], ["schema", "swf11"], ["schema", "swf08", "more"]])
def test_schema_refuses_what_it_does_not_know(folder: Path, evenweave: Command, words: list[str]) -> None:
    """A missing or unknown dialect is a usage error."""
    assert evenweave(*words).code == 64
