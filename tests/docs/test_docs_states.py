"""docs/states: the example of each page runs, passes its tests, and is drawn as the page shows."""

from pathlib import Path

import pytest
from blocks import ROOT, Block, find_blocks

from evenweave.definitions.swf08 import model
from evenweave.plan.drawing import mermaid
from evenweave.plan.swf08.picture import draw
from evenweave.testing import Flow
from evenweave.testing.suite import run_file

FOLDER = ROOT / "docs" / "states"
STATES: dict[str, type[model.StateNode]] = {
    "event": model.EventState,
    "operation": model.OperationState,
    "switch": model.SwitchState,
    "sleep": model.SleepState,
    "parallel": model.ParallelState,
    "inject": model.InjectState,
    "foreach": model.ForEachState,
    "callback": model.CallbackState,
}


def blocks(name: str) -> tuple[Block, Block, Block]:
    """The definition of a page, its picture, and its tests."""
    page = FOLDER / f"{name}.md"
    flow, tests, *_ = find_blocks(page, "yaml")
    (picture,) = find_blocks(page, "mermaid")
    return flow, picture, tests


def more_blocks(name: str) -> list[tuple[Block, Block]]:
    """Further definitions of a page, each with its tests."""
    further = find_blocks(FOLDER / f"{name}.md", "yaml")[2:]
    return list(zip(further[::2], further[1::2], strict=True))


def properties(state: type[model.StateNode]) -> set[str]:
    """The properties of a state, as the definition writes them."""
    return set(state.__struct_encode_fields__) - {"ref"}


@pytest.mark.parametrize("name", STATES)
def test_example_passes_its_tests(tmp_path: Path, name: str) -> None:
    """The definition has a state of this kind, and what the page's tests expect comes of it."""
    flow, _, tests = blocks(name)
    (tmp_path / f"{name}.yaml").write_text(flow.text)
    (tmp_path / f"{name}.test.yaml").write_text(tests.text)
    ran = run_file(str(tmp_path / f"{name}.test.yaml"))
    assert ran.valid, (ran.diagnostics, ran.trouble)
    assert ran.verdicts
    assert [(each.name, each.failures) for each in ran.verdicts if each.failures] == []
    loaded = Flow.load(tmp_path / f"{name}.yaml")
    assert name in {model.state_type(state) for state in loaded.workflow.states}


@pytest.mark.parametrize("name", [name for name in STATES if more_blocks(name)])
def test_further_examples_pass_their_tests(tmp_path: Path, name: str) -> None:
    """What the page shows besides comes to what its tests expect, too."""
    for number, (flow, tests) in enumerate(more_blocks(name), 2):
        (tmp_path / f"{name}{number}.yaml").write_text(flow.text)
        (tmp_path / f"{name}{number}.test.yaml").write_text(tests.text)
        ran = run_file(str(tmp_path / f"{name}{number}.test.yaml"))
        assert ran.valid, (ran.diagnostics, ran.trouble)
        assert ran.verdicts
        assert [(each.name, each.failures) for each in ran.verdicts if each.failures] == []


@pytest.mark.parametrize("name", STATES)
def test_picture_is_what_is_drawn(tmp_path: Path, name: str) -> None:
    """The picture of the page is what `evenweave draw` makes of its definition today."""
    flow, picture, _ = blocks(name)
    (tmp_path / "flow.yaml").write_text(flow.text)
    assert mermaid.render(draw(Flow.load(tmp_path / "flow.yaml").workflow)) == picture.text


@pytest.mark.parametrize("name", STATES)
def test_every_property_is_explained(name: str) -> None:
    """Each property of a state is on its page, or on the one of all states."""
    common = (FOLDER / "README.md").read_text("utf-8")
    own = (FOLDER / f"{name}.md").read_text("utf-8")
    missing = [each for each in sorted(properties(STATES[name])) if f"`{each}`" not in own + common]
    assert missing == []


def test_every_state_is_linked() -> None:
    """The page of all states leads to each of them."""
    text = (FOLDER / "README.md").read_text("utf-8")
    assert [name for name in STATES if f"]({name}.md)" not in text] == []
