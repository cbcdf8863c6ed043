"""docs/drawing.md shows what `evenweave draw` draws today."""

import subprocess
import sys
from pathlib import Path

from blocks import ROOT, find_blocks

from evenweave.plan.drawing.mermaid import _SIGNS

PAGE = ROOT / "docs" / "drawing.md"


def test_picture_is_what_the_command_draws(tmp_path: Path) -> None:
    """The command of the page makes the picture of the page.

    To renew it: evenweave draw examples/store-order/storeorderworkflow.yaml -o docs/pictures/store-order.svg
    """
    (block,) = find_blocks(PAGE, "sh")
    _, *words = block.text.replace("examples/", f"{ROOT}/examples/").split()
    command = [str(Path(sys.executable).with_name("evenweave")), *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "store-order.svg").read_text("utf-8") == (ROOT / "docs/pictures/store-order.svg").read_text(
        "utf-8"
    )


def test_every_sign_is_explained() -> None:
    """Each sign of a Mermaid picture is in the table."""
    text = PAGE.read_text("utf-8")
    assert [sign for sign in _SIGNS.values() if sign.strip() and f"{sign.strip()})" not in text] == []
