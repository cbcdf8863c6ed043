"""Every example of the 0.8 specification runs to its end and gives the data that its page shows.

The examples are read where they lie (`EVENWEAVE_SHARED`); without them the tests skip.
"""

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from specification_scenes import BROKEN, ENDLESS, SCENES, Scene

from evenweave import source
from evenweave.plan.duration import Duration
from evenweave.testing import Flow, NotValid, Rehearsal

SHARED = Path(os.environ.get("EVENWEAVE_SHARED") or Path(__file__).parents[2].parent / "shared")
PAGE = SHARED / "specs" / "serverless-workflow-0.8" / "examples" / "README.md"
_BLOCK = re.compile(r"^ *``` ?(json|yaml)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_RESOURCES = {"functiondefs.json": "checkFundsAvailability", "eventdefs.yml": "PaymentReceivedEvent"}
_FOOD = {"orderfunctions.yml": "- name: Submit Order Function", "orderevents.yml": "- name: Food Order Event"}

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason=f"no examples at {PAGE}")


@cache
def blocks() -> list[tuple[str, str]]:
    """The language and text of each block of the page."""
    return [(found[1], found[2]) for found in _BLOCK.finditer(PAGE.read_text())] if PAGE.is_file() else []


@cache
def examples() -> dict[str, dict[str, str]]:
    """The text of each definition that can be read, by its id and its notation."""
    found: dict[str, dict[str, str]] = {}
    for language, text in blocks():
        document = source.load(f"example.{language}", text).document
        if document is not None and isinstance(document.value, dict) and "states" in document.value:
            found.setdefault(document.value["id"], {})[language] = text
    return found


def load(folder: Path, text: str, language: str) -> Flow:
    """The flow of an example, with the files that the page shows for it beside it."""
    for name, mark in {**_RESOURCES, **_FOOD}.items():
        for _, content in blocks():
            if mark in content and "states" not in content:
                (folder / name).write_text(content)
    path = folder / f"example.{language}"
    path.write_text(text)
    return Flow.load(path)


def scenes() -> list[Any]:
    """Every scene of every example, in each notation that it is printed in."""
    return [
        pytest.param(each, language, scene, id=f"{each}-{language}-{number}")
        for each, played in SCENES.items()
        for language in examples().get(each, {})
        for number, scene in enumerate(played)
    ]


def check(scene: Scene, run: Rehearsal) -> None:
    """Hold a run against its scene."""
    assert run.status == scene.status, run.explain()
    assert run.path == scene.path, run.explain()
    assert [(each.name, each.data) for each in run.published] == scene.published
    assert [(call.function, call.arguments) for call in run.calls] == scene.calls
    if scene.output is not ...:
        assert run.output == scene.output
    assert run.took_s == scene.took_s
    assert run.waits_for == []


@pytest.mark.parametrize(("name", "language", "scene"), scenes())
def test_example_runs_to_its_end(tmp_path: Path, name: str, language: str, scene: Scene) -> None:
    """It goes through the states that it should, calls and publishes what it should, and gives the data of the page."""
    check(scene, scene.play(load(tmp_path, examples()[name][language], language)))


@pytest.mark.parametrize(("name", "language", "scene"), scenes())
def test_example_survives_being_interrupted(tmp_path: Path, name: str, language: str, scene: Scene) -> None:
    """Suspended, killed and resumed at each of its waits, it comes to the same end with the same data."""
    flow = load(tmp_path, examples()[name][language], language)
    run = scene.play(flow, interrupted=True)
    check(scene, run)
    assert [each.event for each in run.published] == [each.event for each in scene.play(flow).published]


@pytest.mark.parametrize("name", BROKEN)
def test_broken_example_says_what_is_missing(tmp_path: Path, name: str) -> None:
    """An example that refers to something that is not there is refused for that."""
    for language, text in examples()[name].items():
        with pytest.raises(NotValid) as refused:
            load(tmp_path, text, language)
        found = set(re.findall(r"error\[(\w+)\]", str(refused.value)))
        assert set(BROKEN[name]) <= found <= {*BROKEN[name], "SW108"}


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_example_takes_one_event_after_the_other(tmp_path: Path, name: str) -> None:
    """An example that never ends goes on with each event."""
    for language, text in examples()[name].items():
        run = load(tmp_path, text, language).rehearse()
        run.function("NotifyCustomerFunction", None)
        for number in range(5):
            run.send("CustomerEvent", {"customerId": f"c{number}"}, after=Duration(0, 1000 * number))
        run.finish()
        assert (run.status, run.waits_for) == ("waiting", ["CustomerEvent"])
        assert [call.arguments for call in run.calls] == [{"customerId": f"c{number}"} for number in range(5)]
        assert run.output["count"] == 5


def test_every_example_is_told() -> None:
    """Each definition of the page is played, broken, or endless."""
    assert set(examples()) == {*SCENES, *BROKEN, *ENDLESS}


def test_what_does_not_run_is_listed() -> None:
    """docs/specification-examples.md says of each example that is broken or endless what it does."""
    page = (Path(__file__).parents[2] / "docs" / "specification-examples.md").read_text("utf-8")
    assert [name for name in (*BROKEN, *ENDLESS) if f"`{name}`" not in page] == []
