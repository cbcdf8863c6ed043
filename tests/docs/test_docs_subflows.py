"""docs/subflows.md: its examples run as the page shows."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import ROOT

PAGE = (ROOT / "docs" / "subflows.md").read_text("utf-8")
FILES = dict(re.findall(r"```yaml\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
COMMANDS = re.findall(r"```console\n\$ evenweave (.*?)\n(.*?)```", PAGE, re.DOTALL)


def test_page_has_its_examples() -> None:
    """Every definition on the page has a name, and both commands are found."""
    assert len(FILES) == PAGE.count("```yaml") == 4
    assert len(COMMANDS) == PAGE.count("```console") == 2


@pytest.mark.parametrize(("command", "said"), COMMANDS)
def test_example_prints_what_the_page_shows(command: str, said: str, tmp_path: Path) -> None:
    """The command under the definitions gives the output under it."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    program = str(Path(sys.executable).with_name("evenweave"))
    done = subprocess.run(
        [program, *shlex.split(command)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(said)
    assert done.stdout == said
