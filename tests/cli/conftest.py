"""The command line, in this process and as a process of its own, and documents to give it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import Command, Outcome

from evenweave.cli.demo.stack import Stack, find_example
from evenweave.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty, and no settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("EVENWEAVE_") and name != "EVENWEAVE_SHARED"]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def evenweave(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command in this process, by the function that the installed script calls."""

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["evenweave", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Outcome(code, out, err)

    return run


@pytest.fixture
def process(folder: Path) -> Command:
    """Run the installed command as a process of its own."""

    def run(*arguments: object, stdin: str = "", **options: Any) -> Outcome:
        command = [str(Path(sys.executable).with_name("evenweave")), *map(str, arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=60, **options)
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def example() -> Path:
    """The folder of the store's example."""
    return find_example()


@pytest.fixture
def printed() -> Path:
    """The five documents as the design document prints them."""
    shared = Path(os.environ.get("EVENWEAVE_SHARED") or Path(__file__).parents[3] / "shared")
    if not (shared / "store-order").is_dir():
        pytest.skip(f"there is no {shared}/store-order")
    return shared / "store-order"


@pytest.fixture
def stack(tmp_path: Path, example: Path) -> Iterator[Stack]:
    """Processes on free ports, all of which have ended afterwards."""
    data = tmp_path / "stack"
    data.mkdir()
    with Stack(data, example) as stack:
        yield stack
