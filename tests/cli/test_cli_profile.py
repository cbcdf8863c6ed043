"""`--profile`: definitions that ran on SonataFlow are checked, run and drawn as they are."""

import json
from pathlib import Path

import msgspec
import pytest
from command_line import Command

from evenweave.cli.files import check_files
from evenweave.definitions.swf08 import PROFILE
from evenweave.ports.store import DefinitionRow
from evenweave.worker.registration import restore

HALVES = """{
	"id": "halves",
	"version": 1.0,
	"start": "Set",
	"functions": [
		{"name": "halve", "type": "expression", "operation": "{half: .number / 2}"},
		{"name": "renew", "type": "expression", "operation": "{list: [3]}"}
	],
	"states": [
		{"name": "Set", "type": "inject", "data": {"list": [1, 2]}, "transition": "Halve"},
		{
			"name": "Halve",
			"type": "foreach",
			"inputCollection": ".numbers",
			"outputCollection": ".halves",
			"iterationParam": "item",
			"actions": [{"functionRef": {"refName": "halve", "arguments": {"number": "$item"}}}],
			"transition": "Renew"
		},
		{
			"name": "Renew",
			"type": "operation",
			"actions": [{"functionRef": "renew"}],
			"stateDataFilter": {"output": "{list, halves}"},
			"end": "true"
		}
	]
}
"""
GIVEN = '{"numbers": [2, 4]}'
RESULT = {"list": [3], "halves": [{"half": 1}, {"half": 2}]}


@pytest.fixture
def file(folder: Path) -> Path:
    """A definition as SonataFlow's users write them, indented with tabs."""
    path = folder / "halves.sw.json"
    path.write_text(HALVES)
    return path


def test_profile_lets_files_in_the_wild_pass(file: Path, evenweave: Command) -> None:
    """A file that is full of errors by the specification has only warnings, each with a code of its own."""
    plain = evenweave("check", file, "--format", "json")
    assert plain.code == 1
    assert {item["code"] for item in plain.json if item["severity"] == "error"} == {"SW001", "SW002"}
    loose = evenweave("check", file, "--profile", "sonataflow", "--format", "json")
    assert loose.code == 0
    assert {item["code"] for item in loose.json} == {"SW401", "SW402", "SW403", "SW404", "SW408"}
    assert evenweave("check", file, "--profile", "sonataflow", "--strict").code == 1


def test_profile_runs_files_in_the_wild(file: Path, evenweave: Command) -> None:
    """Such a file runs as it did: `$item` is the item, an array replaces the one before."""
    outcome = evenweave("run", file, "--profile", "sonataflow", "--input", GIVEN)
    assert (outcome.code, outcome.json) == (0, RESULT)
    assert evenweave("run", file, "--input", GIVEN).code == 2


def test_profile_default_joins_arrays(file: Path, evenweave: Command) -> None:
    """By the specification the same arrays are joined."""
    value = {**json.loads(HALVES), "version": "1.0", "specVersion": "0.8"}
    value["states"][1]["actions"][0]["functionRef"]["arguments"]["number"] = "${ $item }"
    value["states"][2]["end"] = True
    file.write_text(json.dumps(value))
    outcome = evenweave("run", file, "--input", GIVEN)
    assert (outcome.code, outcome.json) == (0, {**RESULT, "list": [1, 2, 3]})


@pytest.mark.parametrize("how", ["environment", "setting", "table", "definition"])
def test_profile_may_be_set_for_good(
    file: Path, folder: Path, evenweave: Command, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The environment, evenweave.toml or the definition itself may name the profile; a flag counts more."""
    if how == "environment":
        monkeypatch.setenv("EVENWEAVE_PROFILE", "sonataflow")
    elif how == "definition":
        file.write_text(HALVES.replace("{", f'{{"{PROFILE}": "sonataflow",', 1))
    else:
        (folder / "evenweave.toml").write_text(f"{'[check]' if how == 'table' else ''}\nprofile = 'sonataflow'\n")
    assert evenweave("check", file).code == 0
    assert evenweave("check", file, "--profile", "default").code == 1


def test_profile_goes_with_what_is_registered(file: Path) -> None:
    """What is registered names its profile, so that every process and every restart reads it in the same way."""
    (checked,) = check_files([str(file)], profile="sonataflow")
    assert checked.alone is not None
    assert msgspec.json.decode(checked.alone)[PROFILE] == "sonataflow"
    row = DefinitionRow("halves", "1.0", "digest", "halves.sw.json", checked.alone.decode(), b"{}", 0.0)
    restored = restore(row)
    assert restored.plan is not None
    assert not restored.plan.unites_arrays


def test_profile_draws_files_in_the_wild(file: Path, evenweave: Command) -> None:
    """`evenweave draw` takes the profile too."""
    assert evenweave("draw", file, "--profile", "sonataflow").code == 0
    assert evenweave("draw", file).code == 2


def test_profile_has_to_exist(file: Path, evenweave: Command) -> None:
    """An unknown profile is a usage error."""
    assert evenweave("check", file, "--profile", "sonata").code == 64
