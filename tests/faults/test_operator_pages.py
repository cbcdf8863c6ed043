"""The pages for operators: their links lead somewhere, and what they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from evenweave.cli.main import COMMANDS, evenweave

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["operating.md", "faults.md", "guarantees.md"]


@pytest.mark.parametrize("page", PAGES)
def test_pages_for_operators_link_to_what_is_there(page: str) -> None:
    """Every link of the page leads to a file of the documentation."""
    links = re.findall(r"\]\(([^)#]+)\)", (DOCS / page).read_text("utf-8"))
    assert links or page == "faults.md"
    assert [link for link in links if not (DOCS / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_pages_for_operators_name_commands_and_metrics_that_are_there(page: str) -> None:
    """Every command, option and metric that the page names exists."""
    text = (DOCS / page).read_text("utf-8")
    metrics = (DOCS / "metrics.md").read_text("utf-8")
    assert [name for name in re.findall(r"`(evenweave_\w+)`", text) if f"`{name}`" not in metrics] == []
    for line in re.findall(r"(?:`|^)evenweave ([a-z][^`\n]*)", text, re.MULTILINE):
        command, *rest = line.split()
        assert command in COMMANDS, line
        words = [command, *rest[:1]] if rest and re.fullmatch(r"[a-z]+", rest[0]) else [command]
        shown = CliRunner().invoke(evenweave, [*words, "--help"], prog_name="evenweave")
        assert shown.exit_code == 0, f"{line}: {shown.output}"
        for option in re.findall(r"--[a-z-]+", line):
            assert option in shown.output, line
