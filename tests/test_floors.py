"""The floors of the house: each rule is a contract of import-linter, and a planted import breaks it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KEPT = re.compile(r"^(?P<name>.+?) (?P<state>KEPT|BROKEN)(?: \(.*\))?$", re.MULTILINE)
CONTRACTS = {
    "floors": "Higher floors import lower ones, never back",
    "client": "A service's client stands on floor 0 alone",
    "apart": "jq and cloudevents could be packages of their own",
    "adapters": "Adapters are independent of each other",
    "composition": "Only app names an adapter",
    "pure": "Floors 0 to 3 do no input or output and read no clock",
}
PLANTS = [
    # Each floor and the one above it, from the bottom to the top.
    ("jq/planted.py", "evenweave.source", {"apart", "floors"}),
    ("cloudevents/planted.py", "evenweave.errors", {"apart", "floors"}),
    ("source/planted.py", "evenweave.errors", {"floors"}),
    ("definitions/planted.py", "evenweave.plan.nodes", {"floors"}),
    ("plan/planted.py", "evenweave.engine", {"floors"}),
    ("engine/planted.py", "evenweave.ports.store", {"floors"}),
    ("ports/planted.py", "evenweave.catalog.registry", {"floors"}),
    ("catalog/planted.py", "evenweave.runtime.rules", {"floors"}),
    ("runtime/planted.py", "evenweave.worker", {"floors"}),
    ("runtime/planted.py", "evenweave.adapters.clocks", {"floors", "composition"}),
    ("worker/planted.py", "evenweave.adapters.clocks", {"floors", "composition"}),
    ("adapters/planted.py", "evenweave.worker", {"floors"}),
    ("adapters/clocks_planted.py", "evenweave.app", {"floors"}),
    ("nowhere.py", "json", {"floors"}),  # a room without a floor
    ("http/planted.py", "evenweave.cli.main", {"floors"}),
    ("http/planted.py", "evenweave.adapters.clocks", {"composition"}),
    ("cli/planted.py", "evenweave.adapters.clocks", {"composition"}),
    ("client/planted.py", "evenweave.errors", set()),
    ("client/planted.py", "evenweave.app", {"client"}),
    ("client/planted.py", "evenweave.engine", {"client"}),
    ("client/planted.py", "evenweave.cli.main", {"floors", "client"}),
    ("adapters/stores/sqlite/planted.py", "evenweave.adapters.brokers.remote", {"adapters"}),
    ("adapters/brokers/remote/planted.py", "evenweave.adapters.clocks", {"adapters"}),
    # Floors 0 to 3 and what reads a clock or talks to the outside.
    ("engine/planted.py", "time", {"pure"}),
    ("engine/planted.py", "asyncio", {"pure"}),
    ("plan/planted.py", "uuid", {"pure"}),
    ("definitions/planted.py", "random", {"pure"}),
    ("source/planted.py", "logging", {"pure"}),
    ("jq/planted.py", "threading", {"pure"}),
    ("cloudevents/planted.py", "socket", {"pure"}),
    ("cloudevents/planted.py", "sqlite3", {"pure"}),
]


def lint(folder: Path) -> dict[str, str]:
    """Run import-linter over a copy of the package; the state of each contract by its name."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    states = {found["name"].strip(): found["state"] for found in KEPT.finditer(done.stdout)}
    assert done.returncode == ("BROKEN" in states.values()), done.stdout + done.stderr
    assert set(states) == set(CONTRACTS.values()), done.stdout + done.stderr
    return states


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package with its contracts."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_floors_are_kept(copy: Path) -> None:
    """The house as it stands keeps every contract."""
    assert set(lint(copy).values()) == {"KEPT"}


@pytest.mark.parametrize(("where", "what", "broken"), PLANTS, ids=[f"{where}<-{what}" for where, what, _ in PLANTS])
def test_floors_are_broken_by_a_planted_import(copy: Path, where: str, what: str, broken: set[str]) -> None:
    """An import from a floor above, or of what a floor must not have, breaks exactly the contracts that forbid it."""
    (copy / "src" / "evenweave" / where).write_text(f"import {what}\n")
    states = lint(copy)
    assert {name for name, contract in CONTRACTS.items() if states[contract] == "BROKEN"} == broken
