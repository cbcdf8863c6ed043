"""`evenweave test`."""

import shutil
from pathlib import Path

import pytest
from command_line import Command


@pytest.fixture
def store(folder: Path, example: Path) -> Path:
    """The store's example, in the current folder."""
    shutil.copytree(example, folder / "store", ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "store"


def test_the_example_passes(store: Path, evenweave: Command) -> None:
    """The tests of the store's order pass, by the folder, by the file, and without a path."""
    for paths in ((), ("store",), ("store/storeorderworkflow.test.yaml",), (".", "store")):
        outcome = evenweave("test", *paths)
        assert outcome.code == 0, outcome.out
        assert outcome.out.splitlines()[-1] == "1 file: 3 passed"
    assert outcome.out.startswith("passed store/storeorderworkflow.test.yaml:7 an order that is paid is shipped")


def test_a_failure_shows_the_difference_and_the_history(store: Path, evenweave: Command) -> None:
    """The first difference stands with its place, what happened below it."""
    tests = store / "storeorderworkflow.test.yaml"
    tests.write_text(tests.read_text().replace("{payment: {reason: over the limit}}", "{payment: {reason: x}}"))
    outcome = evenweave("test", "store")
    assert outcome.code == 1
    text = outcome.out
    assert "FAILED store/storeorderworkflow.test.yaml:27 an order that is not paid is not shipped" in text
    assert 'storeorderworkflow.test.yaml:41:36: error[TE207] the output at /payment/reason is "over the limit"' in text
    assert "the event PaymentServiceResultEvent from /test on payment/outbound" in text
    assert text.splitlines()[-1] == "1 file: 2 passed, 1 failed"


def test_json_is_for_machines(store: Path, evenweave: Command) -> None:
    """With --json all of it is one JSON value."""
    outcome = evenweave("test", "--json", "store")
    (file,) = outcome.json
    assert (file["file"], file["valid"]) == ("store/storeorderworkflow.test.yaml", True)
    assert [(one["name"], one["passed"], one["status"]) for one in file["tests"]] == [
        ("an order that is paid is shipped", True, "completed"),
        ("an order that is not paid is not shipped", True, "completed"),
        ("an order waits for its payment", True, "waiting"),
    ]
    assert all(one["history"] for one in file["tests"])


def test_what_is_not_valid_exits_2(store: Path, evenweave: Command) -> None:
    """A mistake in the tests, or in the definition, is drawn; the tests of other files run all the same."""
    (store / "more.test.yaml").write_text("definition: storeorderworkflow.yaml\ntests: [{nam: x}]\n")
    outcome = evenweave("test", "store")
    assert outcome.code == 2
    assert "more.test.yaml:2:10: error[TE104]" in outcome.out
    assert outcome.out.splitlines()[-1] == "2 files: 3 passed, 1 file not valid"
    (store / "more.test.yaml").unlink()
    definition = store / "storeorderworkflow.yaml"
    definition.write_text(definition.read_text().replace("transition: Send Order Shipment", "transition: Send"))
    outcome = evenweave("test", "store")
    assert outcome.code == 2
    assert "error[SW104]" in outcome.out


def test_no_tests_are_a_usage_error(folder: Path, evenweave: Command) -> None:
    """A folder without tests, and a path that is not there, exit 64."""
    (folder / ".venv").mkdir()
    (folder / ".venv" / "x.test.yaml").write_text("tests: []")
    outcome = evenweave("test")
    assert outcome.code == 64
    assert "no tests below ." in outcome.err
    assert evenweave("test", "nowhere").code == 64


def test_check_knows_tests(store: Path, evenweave: Command) -> None:
    """`evenweave check` points at mistakes of a document of tests, and takes it for nothing else."""
    tests = store / "storeorderworkflow.test.yaml"
    assert evenweave("check", "--strict", tests).code == 0
    tests.write_text("tests: [{nam: x}]\n")
    outcome = evenweave("check", tests)
    assert outcome.code == 1
    assert "error[TE104]" in outcome.out
    assert evenweave("run", tests).code == 2


def test_definitions_are_read_by_a_profile(folder: Path, evenweave: Command) -> None:
    """What only a profile takes is tested with it; `old.sw.yaml` is the definition of `old.test.yaml`."""
    (folder / "old.sw.yaml").write_text(
        "id: old\nname: old\nversion: '1'\nstates: [{name: s, type: inject, data: {n: 1}, end: true}]\n"
    )
    (folder / "old.test.yaml").write_text("tests: [{name: one, expect: {output: {n: 1}}}]\n")
    assert evenweave("test", "old.test.yaml").code == 2
    assert evenweave("test", "--profile", "sonataflow", "old.test.yaml").code == 0
