"""Parents and children on an engine that is killed again and again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("family_child.py")


def test_nothing_is_lost_or_doubled_between_parent_and_child(tmp_path: Path) -> None:
    """Killed behind one commit after the other, each child is started once, and its end moves its parent once."""
    killed = 0
    for commits in range(4, 40):  # the first ones are those of beginning to work on the file
        command = [sys.executable, str(SCRIPT), str(tmp_path / "one.db"), str(commits)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if not done.returncode:
            break
        assert done.returncode == -9, done.stderr
        killed += 1
    else:
        pytest.fail("it never came to an end")
    found = json.loads(done.stdout.splitlines()[-1])
    assert killed >= 3
    assert sorted(found["instances"]) == [
        ["first", "completed", {"first": 1}],
        ["next", "completed", {"first": 1, "next": 2}],
        ["other", "completed", {"first": 1, "next": 2, "other": 3}],
        ["parent", "completed", {"first": 1, "next": 2, "other": 3}],
    ]
    assert found["checked"] == [True] * 4
