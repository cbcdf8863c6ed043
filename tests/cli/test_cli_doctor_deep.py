"""`evenweave doctor --deep`: histories are run again, and what does not lead to the stored state is named."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import asyncpg
import pytest

from evenweave.app import Whole, export_store, import_store

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import Command

DEFINITION = b"""
id: hello
version: '1'
specVersion: '0.8'
name: Hello
states:
  - {name: Greet, type: inject, data: {greeting: hello}, transition: Rest}
  - {name: Rest, type: sleep, duration: PT1H, end: true}
"""

OF_FIRST, OF_SECOND = (f"instance = (select sequence from instances where id = '{{{n}}}')" for n in (0, 1))


async def fill(file: Path) -> list[str]:
    """Three instances that wait; their ids, oldest first."""
    whole = await Whole.start(file)
    await whole.engine.register("hello.yaml", DEFINITION)
    ids = [await whole.engine.start_instance("hello", {"n": number}) for number in range(3)]
    await whole.stop()
    return ids


def harm(file: Path, *statements: str) -> None:
    """Do something to a file that nobody should do."""
    connection = sqlite3.connect(file)
    for each in statements:
        connection.execute(each)
    connection.commit()
    connection.close()


async def ask(evenweave: Command, *arguments: str) -> tuple[int, str]:
    """Ask the doctor; its exit status and what it said of histories."""
    outcome = await asyncio.to_thread(evenweave, "doctor", "--deep", *arguments)
    return outcome.code, outcome.out


async def test_doctor_runs_histories_again(folder: Path, evenweave: Command) -> None:
    """Those of an installation in order all lead to the stored state, also while a process works on it."""
    ids = await fill(folder / "data" / "engine.db")
    whole = await Whole.start(folder / "data" / "engine.db")
    code, said = await ask(evenweave, "--data", "data")
    await whole.stop()
    assert len(ids) == 3
    assert "3 histories lead to the stored state" in said
    assert code == 0, said
    code, said = await ask(evenweave, "--data", "data", "--histories", "2")
    assert "2 histories lead to the stored state" in said
    assert "there are older instances" in said
    assert code == 0
    code, said = await ask(evenweave, "--data", "data", "--histories", "0")
    assert "histories" not in said


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("update instances set state = x'01ff' where id = '{0}'", "the state of instance {0} cannot be read"),
        (
            "update instances set state = cast(x'63' || state as blob) where id = '{0}'",
            "the state has format 99, this version of Evenweave reads format 1",
        ),
        ("update instances set state = (select state from instances where id = '{1}') where id = '{0}'", "that of {1}"),
        (f"delete from history where {OF_FIRST}", "the history of {0} cannot be run again"),
        (f"update history set revision = 2 where {OF_FIRST}", "the history of {0} cannot be run again"),
        (
            f"update history set causes = (select causes from history where {OF_SECOND}) where {OF_FIRST}",
            "the history of instance {0} leads to another state",
        ),
        (f"update history set causes = x'c1' where {OF_FIRST}", "the history of {0} cannot be read"),
    ],
)
async def test_doctor_names_what_histories_do_not_lead_to(
    folder: Path, evenweave: Command, statement: str, wanted: str
) -> None:
    """A damaged, exchanged or missing state or history is wrong, and the others are said to be right."""
    file = folder / "data" / "engine.db"
    ids = await fill(file)
    harm(file, statement.format(*ids))
    code, said = await ask(evenweave, "--data", "data")
    assert wanted.format(*ids) in said
    assert "2 histories lead to the stored state" in said
    assert "1 thing is wrong" in said
    assert code == 1


async def test_doctor_runs_histories_of_a_database_again(folder: Path, evenweave: Command, postgres_url: str) -> None:
    """So it is on PostgreSQL."""
    ids = await fill(folder / "data" / "engine.db")
    await export_store(folder / "data", "", folder / "moved")
    await import_store(folder, postgres_url, folder / "moved")
    code, said = await ask(evenweave, "--store", postgres_url)
    assert "3 histories lead to the stored state" in said
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("update instances set state = '\\x00ff' where id = $1", ids[1])
    await connection.close()
    code, said = await ask(evenweave, "--store", postgres_url)
    assert f"the state of instance {ids[1]} cannot be read" in said
    assert "2 histories lead to the stored state" in said
    assert code == 1
