"""The code blocks of Markdown files."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Block:
    """A block, and the line that it begins in."""

    language: str
    text: str
    line: int


def find_blocks(path: Path, *languages: str) -> list[Block]:
    """The blocks of a file in these languages."""
    text = path.read_text("utf-8")
    found = [Block(m[1], m[2], text.count("\n", 0, m.start()) + 1) for m in _BLOCK.finditer(text)]
    return [block for block in found if block.language in languages]
