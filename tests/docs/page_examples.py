"""The examples of the pages of diagnostics: what is written there, and what is really said of it."""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

from blocks import ROOT, find_blocks

from evenweave import source
from evenweave.catalog import asyncapi
from evenweave.cli.files import check_files, render
from evenweave.testing.suite import run_file

PAGES = ("diagnostics-files.md", "diagnostics-asyncapi.md", "diagnostics-tests.md")
"""The pages whose examples are files, checked or run as a whole."""

_SECTION = re.compile(r"^### ([A-Z]{2}\d{3}): (.*?)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMES = {"FI": "file", "AA": "service", "TE": "flow.test"}


@dataclass(frozen=True)
class Example:
    """An example of a code, and what the page says is said of it."""

    code: str
    language: str
    text: str
    said: str


def find_sections(page: Path) -> dict[str, tuple[str, str]]:
    """The sections of a page: title and body, by code."""
    return {found[1]: (found[2], found[3]) for found in _SECTION.finditer(page.read_text("utf-8"))}


def find_examples() -> dict[str, Example]:
    """The examples of all pages, by code."""
    found = {}
    for page in PAGES:
        for code, (_, body) in find_sections(ROOT / "docs" / page).items():
            (first, text), (last, said) = _BLOCK.findall(body)
            assert last == "text", code
            found[code] = Example(code, first, text, said)
    return found


def play(example: Example) -> str:
    """What is said of an example, drawn; the current folder is the example's own."""
    text, language = example.text, example.language
    if language == "python":
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(text, {})
        text, language = printed.getvalue(), "yaml"
    family = example.code[:2]
    name = f"{_NAMES[family]}.{language}"
    Path(name).write_text(text, "latin-1" if example.code == "FI103" else "utf-8")
    if family == "AA":
        document = source.load(name, text).document
        assert document is not None
        return source.render(asyncapi.read(document).diagnostics, {name: text})
    if family == "FI":
        return render(check_files([name])) + "\n"
    for other, block in zip(("flow.yaml", "endless.yaml"), find_blocks(ROOT / "docs" / PAGES[2], "yaml"), strict=False):
        Path(other).write_text(block.text)
    ran = run_file(name)
    failures = [failure for verdict in ran.verdicts for failure in verdict.failures]
    return source.render([*ran.diagnostics, *failures], {name: ran.text}) + ran.trouble
