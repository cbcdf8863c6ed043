"""What README.md says is so: its commands run, its links lead somewhere."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from blocks import ROOT, Block, find_blocks

from evenweave.cli.main import COMMANDS

README = ROOT / "README.md"
OPENS = "evenweave catalog &"
PARTS = ("catalog", "engine", "runtime", "dev")


def free_ports(count: int) -> list[int]:
    """Ports that nobody had a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A folder with the example and settings that name free ports."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    settings = [f"[{part}]\nlisten = '127.0.0.1:{port}'\n" for part, port in zip(PARTS, free_ports(4), strict=True)]
    (tmp_path / "evenweave.toml").write_text("".join(settings))
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    return tmp_path


class Shell:
    """Runs text in bash; what it leaves running is ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._groups: list[int] = []

    def run(self, text: str, cwd: Path | None = None) -> str:
        """Run text, which must succeed; what it printed."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("EVENWEAVE_")}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        # The services find the Runtime as their users tell them: by the environment.
        settings = (self.folder / "evenweave.toml").read_text()
        environment["EVENWEAVE_RUNTIME"] = "http://" + re.findall(r"\[runtime\]\nlisten = '(.*)'", settings)[0]
        out = self.folder / "out"
        with out.open("wb") as file:  # a pipe would be held open by what stays in the background
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", text],
                cwd=cwd or self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._groups.append(process.pid)
            status = process.wait(120)
        said = out.read_text("utf-8", "replace")
        assert status == 0, f"{text}\nexits {status}\n{said}"
        return said

    def end(self) -> None:
        """End what was left in the background: each block is a process group of its own."""
        for group in self._groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                continue


@pytest.fixture
def shell(scratch: Path) -> Iterator[Shell]:
    """A shell in the scratch folder."""
    shell = Shell(scratch)
    yield shell
    shell.end()


def stories() -> list[list[Block]]:
    """Blocks that belong together: those that need the three processes are one, the others stand alone."""
    blocks = find_blocks(README, "sh")
    first = next(index for index, block in enumerate(blocks) if OPENS in block.text)
    return [*([block] for block in blocks[:first]), blocks[first:]]


@pytest.mark.parametrize("story", stories(), ids=lambda story: f"line-{story[0].line}")
def test_readme_commands_run(shell: Shell, story: list[Block]) -> None:
    """Every `sh` block succeeds as it stands, in a folder with the example; `make` runs in the repository."""
    for block in story:
        if block.text.startswith("make "):
            if not (ROOT / ".venv/bin/evenweave").exists():
                pytest.skip("Evenweave is installed elsewhere than in .venv")
            # What make would install is installed: other tests are using it at this moment.
            shell.run(block.text.replace("make ", "make -o .venv/installed "), cwd=ROOT)
        else:
            shell.run(block.text)
    if len(story) > 1:
        # How long the order takes depends on the machine; that it ends does not.
        shell.run("until evenweave instances list --status completed | grep storeorderworkflow; do sleep 0.2; done")


def test_readme_names_only_what_there_is() -> None:
    """Every command of a block is a target of the Makefile or a command of `evenweave`."""
    blocks = find_blocks(README, "sh", "console")
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    made = {found for block in blocks for found in re.findall(r"^make (\w+)", block.text, re.MULTILINE)}
    assert made == {"demo", "test"}
    assert made <= targets
    named = {found for block in blocks for found in re.findall(r"^(?:\S*/)?evenweave (\w+)", block.text, re.MULTILINE)}
    assert named
    assert named <= set(COMMANDS)


def test_readme_links_lead_somewhere() -> None:
    """Every link to a file of the repository has its file."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text("utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_readme_service_is_one(tmp_path: Path) -> None:
    """The service in the README is a service: it can be imported, and subscribes to what it says."""
    (block,) = find_blocks(README, "python")
    (tmp_path / "service.py").write_text(block.text)
    script = "import service; print(service.service.name)"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "payment\n"), done.stderr


def test_readme_workflow_is_valid(tmp_path: Path) -> None:
    """The workflow in the README has no fault, strictly."""
    (block,) = find_blocks(README, "yaml")
    (tmp_path / "greeting.yaml").write_text(block.text)
    command = [str(Path(sys.executable).with_name("evenweave")), "check", "--strict", "greeting.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_readme_settings_are_settings(tmp_path: Path) -> None:
    """The settings in the README are understood: commands that need none of them run beside them."""
    (block,) = find_blocks(README, "toml")
    (tmp_path / "evenweave.toml").write_text(block.text)
    command = [str(Path(sys.executable).with_name("evenweave")), "engine", "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "0.0.0.0:7402" in done.stdout
