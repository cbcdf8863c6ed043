"""`evenweave backup` and `evenweave doctor`, on a folder that a process works on."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from evenweave.app import Whole
from evenweave.cli.backup import backup
from evenweave.cli.doctor import doctor

if TYPE_CHECKING:
    from pathlib import Path

DEFINITION = b"""
id: hello
version: '1'
specVersion: '0.8'
name: Hello
states:
  - {name: Greet, type: inject, data: {greeting: hello}, end: true}
"""
NOWHERE = "http://127.0.0.1:1"
AWAY = ["--catalog", NOWHERE, "--engine", NOWHERE, "--runtime", NOWHERE]


async def test_backup_copies_a_database_that_is_in_use(tmp_path: Path) -> None:
    """A copy that is made while a process works on the file holds all that was there, and serves."""
    data = tmp_path / "data"
    whole = await Whole.start(data / "evenweave.db")
    await whole.engine.register("hello.yaml", DEFINITION)
    instance = await whole.engine.start_instance("hello", {})
    result = CliRunner().invoke(backup, [str(tmp_path / "copies"), "--data", str(data)])
    assert result.exit_code == 0, result.output
    later = await whole.engine.start_instance("hello", {})
    await whole.stop()
    (copy,) = (tmp_path / "copies").glob("*/evenweave.db")
    assert str(copy) in result.output
    restored = await Whole.start(copy)
    assert [each.id for each in await restored.engine.instances()] == [instance]
    assert (await restored.engine.instance(instance)).data == {"greeting": "hello"}
    assert later != instance
    await restored.stop()


def test_backup_of_nothing_says_so(tmp_path: Path) -> None:
    """A folder without data files is an error, and makes no folder."""
    result = CliRunner().invoke(backup, [str(tmp_path / "copies"), "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "no data file" in result.output
    assert not (tmp_path / "copies").exists()


async def test_doctor_finds_a_healthy_folder_in_order(tmp_path: Path) -> None:
    """With a process at work and nothing wrong, the doctor says who works on the file and exits 0."""
    whole = await Whole.start(tmp_path / "evenweave.db")
    result = CliRunner().invoke(doctor, ["--data", str(tmp_path), *AWAY])
    await whole.stop()
    assert result.exit_code == 0, result.output
    assert "works on it" in result.output
    assert "nothing is wrong" in result.output


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("update schema_versions set version = 99 where component = 'engine'", "have version 99"),
        ("update schema_versions set version = 0 where component = 'broker'", "old version 0"),
        ("drop table outbox", "cannot be read"),
    ],
)
async def test_doctor_points_at_a_harmed_file(tmp_path: Path, harm: str, said: str) -> None:
    """A file of a newer or older version, or with a table missing, is wrong, and the exit status is 1."""
    whole = await Whole.start(tmp_path / "evenweave.db")
    await whole.stop()
    connection = sqlite3.connect(tmp_path / "evenweave.db")
    connection.execute(harm)
    connection.commit()
    connection.close()
    result = CliRunner().invoke(doctor, ["--data", str(tmp_path), *AWAY])
    assert result.exit_code == 1
    assert said in result.output


async def test_doctor_does_not_judge_histories_of_another_version(tmp_path: Path) -> None:
    """They lie elsewhere: what it would say of them would be wrong."""
    whole = await Whole.start(tmp_path / "evenweave.db")
    await whole.stop()
    with sqlite3.connect(tmp_path / "evenweave.db") as connection:
        connection.execute("update schema_versions set version = version - 1 where component = 'engine'")
    connection.close()
    result = await asyncio.to_thread(CliRunner().invoke, doctor, ["--data", str(tmp_path), "--deep", *AWAY])
    assert "start it once" in result.output
    assert "histories" not in result.output


def test_doctor_finds_a_damaged_file(tmp_path: Path) -> None:
    """A file that is no database is wrong."""
    (tmp_path / "engine.db").write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    result = CliRunner().invoke(doctor, ["--data", str(tmp_path), *AWAY])
    assert result.exit_code == 1
    assert "engine.db" in result.output
