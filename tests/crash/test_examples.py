"""Every example of the 0.8 specification in a worker process that is killed at each of its waits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evenweave.cli.files import check_files
from evenweave.plan.nodes import Child

sys.path.append(str(Path(__file__).parents[1] / "testing"))

from specification_scenes import SCENES, Scene
from test_specification_examples import PAGE, examples, load

if TYPE_CHECKING:
    from evenweave.testing import Flow

SCRIPT = Path(__file__).with_name("scene_child.py")
SHORT = ("foodorderworkflow-yaml-0", "VetAppointmentWorkflow-yaml-0", "eventbasedswitchstate-json-2")
"""What is played every time: events, a call, subflows, an answer, a deadline."""
ALIKE = {
    "checkcarvitals": [["waiting", {"on": 1, "fine": True}], ["waiting", {"off": 2, "fine": True}]],
}
"""Where an event that the scene lets a running instance have looks like the one that starts one: it starts another."""

SLOW = os.environ.get("EVENWEAVE_SLOW") == "1"
MOST = 60

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason=f"no examples at {PAGE}")


def scenes() -> list[Any]:
    """Every scene of every example in each notation, or a few."""
    found = {
        f"{name}-{language}-{number}": (name, language, scene)
        for name, played in SCENES.items()
        for language in examples().get(name, {})
        for number, scene in enumerate(played)
    }
    assert not found or set(SHORT) <= set(found)
    return [pytest.param(*case, id=key) for key, case in found.items() if SLOW or key in SHORT]


def standing_in(child: Child, output: Any) -> str:
    """A definition in the place of a subflow: it makes one call, and ends with the output that this gives."""
    return json.dumps(
        {
            "id": child.definition,
            "version": child.version or "1",
            "specVersion": "0.8",
            "functions": [{"name": f"ends {child.definition}", "type": "custom", "operation": "ends"}],
            "states": [
                {
                    "name": "End",
                    "type": "operation",
                    "actions": [
                        {"functionRef": f"ends {child.definition}", "actionDataFilter": {"toStateData": "${ .made }"}}
                    ],
                    "stateDataFilter": {"output": "${ .made }"},
                    "end": True,
                }
            ],
        }
    )


def prepare(folder: Path, flow: Flow, scene: Scene, file: str) -> None:
    """Write down what the worker is to play."""
    (checked,) = check_files([file])
    definitions = {Path(file).name: (checked.alone or checked.data).decode()}
    functions: dict[str, Any] = dict(scene.functions)
    for node in flow.plan.nodes.values():
        if isinstance(node, Child) and node.definition in scene.subflows:
            output = scene.subflows[node.definition]
            definitions[f"{node.definition}.json"] = standing_in(node, output)
            functions[f"ends {node.definition}"] = [output]
    played = {
        "id": flow.plan.id,
        "definitions": dict(reversed(definitions.items())),
        "input": scene.input,
        "events": scene.events,
        "replies": scene.replies,
        "functions": functions,
        "called": list(scene.functions),
    }
    (folder / "scene.json").write_text(json.dumps(played))


def run(folder: Path) -> tuple[dict[str, Any], list[list[Any]]]:
    """Let one process after the other play until it comes to its end; what came of it, and the journal."""
    for _ in range(MOST):
        command = [sys.executable, str(SCRIPT), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if not done.returncode:
            journal = [json.loads(line) for line in (folder / "journal").read_text().splitlines()]
            return json.loads(done.stdout.splitlines()[-1]), journal
        assert done.returncode == -9, done.stdout + done.stderr
    pytest.fail(f"after {MOST} processes it has not ended")


@pytest.mark.parametrize(("name", "language", "scene"), scenes())
def test_example_survives_the_death_of_its_worker_at_each_wait(
    tmp_path: Path, name: str, language: str, scene: Scene
) -> None:
    """Whoever takes over brings it to the same end with the same data; each call is one, by its key."""
    flow = load(tmp_path, examples()[name][language], language)
    prepare(tmp_path, flow, scene, str(tmp_path / f"example.{language}"))
    came, journal = run(tmp_path)
    if name in ALIKE:
        assert [instance[:2] for instance in came["instances"]] == ALIKE[name]
        return
    ((status, output, took_s),) = came["instances"]
    assert (status, took_s) == (scene.status, scene.took_s)
    if scene.output is not ...:
        assert output == scene.output
    assert came["calls"] == [list(call) for call in scene.calls]
    assert [data for _, data in came["published"]] == [data for _, data in scene.published]
    assert all(came["checked"])
    kills = sum(line[0] in {"wait", "call"} for line in journal)
    assert kills >= len(scene.calls) + len(scene.subflows) + len(scene.replies)
    assert kills or not (scene.events[1:] or scene.took_s)
