"""docs/testing.md: its tests are tests, and pass."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import ROOT, find_blocks

from evenweave.testing import document

PAGE = ROOT / "docs" / "testing.md"
BIN = Path(sys.executable).parent


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A folder with the example."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder."""
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=folder, capture_output=True, text=True, check=False
    )


def test_yaml_of_the_page_passes(scratch: Path) -> None:
    """The document of tests passes beside the example, as does what the command of the page runs."""
    (block,) = find_blocks(PAGE, "yaml")
    (scratch / "examples/store-order/page.test.yaml").write_text(block.text)
    (command,) = find_blocks(PAGE, "sh")
    done = run(scratch, *command.text.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "2 files: 4 passed"


def test_python_of_the_page_passes(scratch: Path) -> None:
    """The tests in Python pass with pytest."""
    (block,) = find_blocks(PAGE, "python")
    (scratch / "test_page.py").write_text(block.text)
    done = run(scratch, "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "test_page.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_failure_of_the_page_is_shown_so(scratch: Path) -> None:
    """The example of a failure is what is printed for it."""
    tests = scratch / "examples/store-order/storeorderworkflow.test.yaml"
    tests.write_text(tests.read_text().replace("took: PT1H", "took: PT2H"))
    done = run(tests.parent, "evenweave", "test", tests.name)
    (block,) = find_blocks(PAGE, "text")
    assert block.text in done.stdout


def test_every_property_is_explained() -> None:
    """Each property that a document of tests may have is on the page."""
    text = PAGE.read_text("utf-8")
    named = set(re.findall(r"`(?:given\.|stubs\.)?(\w+)`", text))
    groups = (document._GIVEN, document._EVENT, document._STUBS, document._REPLY, document._OUTCOME, document._EXPECT)
    known = {
        name
        for names in (*groups, document._PUBLISHED, document._ERROR, document._CONTINUES, document._CALL)
        for name in names
    }
    assert known - named == set()
