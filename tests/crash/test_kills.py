"""Kills at random moments: a short form of `make torture`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from findings import Findings, Schema
from killing import KilledStack, kill_in_one_process, kill_on, kill_on_sqlite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KILLS = 4


@pytest.mark.parametrize("play", [kill_on_sqlite, kill_in_one_process])
def test_random_kills_on_sqlite_lose_nothing(play: Callable[..., None], tmp_path: Path) -> None:
    """Three processes or one, killed again and again: each order ends once, and each history leads to its state."""
    findings = Findings()
    play(tmp_path, findings, KILLS, 11)
    assert findings.said == []
    assert findings.kills == KILLS
    assert findings.histories > 0


def test_random_kills_on_postgresql_lose_nothing(tmp_path: Path, postgres_url: str) -> None:
    """So it is with two workers on PostgreSQL."""
    findings, place = Findings(), Schema.of(postgres_url)
    kill_on(KilledStack(tmp_path, ["--store", place.url, "--workers", "2"]), place, findings, KILLS, 12)
    assert findings.said == []
    assert findings.kills == KILLS
    assert findings.histories > 0
