"""`evenweave export`, `import`, `doctor` and `backup` with a PostgreSQL store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from evenweave.app import prepare_store

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import Command


async def test_an_installation_is_exported_and_imported(folder: Path, evenweave: Command, postgres_url: str) -> None:
    """From a database into a folder and back: the counts are said, and nothing is overwritten."""
    await prepare_store(postgres_url)

    def run() -> None:
        assert evenweave("export", "file", "--store", postgres_url).code == 0
        assert evenweave("export", "file", "--store", postgres_url).code == 64
        outcome = evenweave("import", "file", "--data", "new")
        assert outcome.code == 0
        assert outcome.out.splitlines()[-1].split() == ["0", "rows", "in", "all"]
        assert evenweave("export", "again", "--data", "new").code == 0
        assert (folder / "again").read_bytes() == (folder / "file").read_bytes()
        outcome = evenweave("export", "third", "--data", "nowhere")
        assert outcome.code == 1
        assert "there is no such file" in outcome.err
        (folder / "bad").write_text("[]")
        outcome = evenweave("import", "bad", "--store", postgres_url)
        assert outcome.code == 1
        assert "is no export" in outcome.err

    await asyncio.to_thread(run)


async def test_doctor_looks_at_a_database(evenweave: Command, postgres_url: str) -> None:
    """It says what a database lacks, and nothing more once it is in order; one that does not answer is wrong."""

    def ask(url: str) -> str:
        return evenweave("doctor", "--store", url).out

    assert "it has no tables" in await asyncio.to_thread(ask, postgres_url)
    await prepare_store(postgres_url)
    said = await asyncio.to_thread(ask, postgres_url)
    assert "no process works on it" in said
    assert "WRONG postgresql" not in said
    said = await asyncio.to_thread(ask, "postgresql://me:hidden@127.0.0.1:1/none")
    assert "WRONG postgresql://me:***@127.0.0.1:1/none: it does not let us in" in said
    assert "hidden" not in said


def test_backup_says_that_a_database_is_not_in_the_folder(folder: Path, evenweave: Command) -> None:
    """Whoever copies the folder of an engine on PostgreSQL is told what is missing from it."""
    (folder / "data").mkdir()
    outcome = evenweave("backup", "copies", "--data", "data", "--store", "postgresql://127.0.0.1:1/none")
    assert "pg_dump" in outcome.err
