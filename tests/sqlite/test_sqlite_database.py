"""Group commit, its failures, and the guards of a database file."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import apsw
import pytest

from evenweave.adapters.sqlite import (
    Database,
    DatabaseClosed,
    DatabaseFull,
    DatabaseInUse,
    DatabaseReadOnly,
    DatabaseTooNew,
    DatabaseUnusable,
    Dropped,
    Migrations,
    RowRefused,
    Unit,
    load_statements,
    writer,
)
from evenweave.adapters.sqlite.writer import CHECKPOINT_PAGES
from evenweave.runtime.figures import Commits

INSERT = "insert into notes (id, body) values (?, ?)"
COUNT = "select count(*) from notes"


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Migrations]:
    """A component with one table, in a package made for the test."""
    return [_make_component(tmp_path, monkeypatch, "notes", "create table notes (id integer primary key, body text);")]


def _make_component(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *scripts: str) -> Migrations:
    package = f"evenweave_test_{name}"
    folder = tmp_path / "packages" / package / "migrations"
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "__init__.py").write_text("")
    for number, script in enumerate(scripts, 1):
        (folder / f"{number:04}_step.sql").write_text(script)
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    return Migrations(name, package)


@pytest.fixture(params=["file", "memory"])
async def database(
    request: pytest.FixtureRequest, tmp_path: Path, migrations: list[Migrations]
) -> AsyncIterator[Database]:
    """A database on a file and one in memory: the same behaviour is asked of both."""
    database = Database.open(tmp_path / "x" / "test.db" if request.param == "file" else None, migrations)
    yield database
    await database.close()


def _unit(*rows: tuple[object, ...]) -> Unit:
    unit = Unit()
    for row in rows:
        unit.add(INSERT, row)
    return unit


class _Log:
    """Collects what the callbacks are told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, type[Exception] | None]] = []
        self._changed = asyncio.Event()

    def done(self, name: str) -> Callable[[Exception | None], None]:
        def tell(error: Exception | None) -> None:
            self.told.append((name, None if error is None else type(error)))
            self._changed.set()

        return tell

    async def reached(self, length: int) -> None:
        """Return once `length` callbacks have run."""
        while len(self.told) < length:
            self._changed.clear()
            await self._changed.wait()


async def test_units_of_one_iteration_are_told_in_order_after_the_commit(database: Database) -> None:
    """Nothing is visible before the loop turns; then everything is, and the callbacks run in order."""
    log = _Log()
    for number in range(5):
        database.submit(_unit((number, "x")), log.done(str(number)))
    assert database.reader.value(COUNT) == 0
    await database.durable(Unit())
    assert log.told == [(str(number), None) for number in range(5)]
    assert database.reader.value(COUNT) == 5


async def test_a_unit_may_grow_until_the_iteration_ends(database: Database) -> None:
    """Rows added behind `submit`, in the same iteration, are committed with it."""
    unit = _unit((1, "x"))
    database.submit(unit)
    unit.add(INSERT, (2, "y"))
    await database.durable(Unit())
    assert database.reader.value(COUNT) == 2


async def test_rows_may_come_last_and_several_may_listen(database: Database) -> None:
    """`before_commit` adds rows when the unit is taken; all that listen are told, in order; then it is closed."""
    log = _Log()
    unit = Unit()
    unit.when_done(log.done("first"))
    database.submit(unit, log.done("second"))
    unit.before_commit = lambda: unit.add(INSERT, (7, "last"))
    unit.when_done(log.done("third"))
    assert unit.open
    await database.durable(Unit())
    assert not unit.open
    assert [name for name, _ in log.told] == ["first", "second", "third"]
    assert database.reader.rows("select id from notes") == [(7,)]


async def test_statements_run_in_the_order_of_first_use(database: Database) -> None:
    """A unit may write a row and change it with a second statement."""
    unit = _unit((1, "x"))
    unit.add("update notes set body = ? where id = ?", ("changed", 1))
    await database.durable(unit)
    assert database.reader.row("select body from notes") == ("changed",)


async def test_a_failed_unit_drops_what_is_behind_it_and_nothing_before(database: Database) -> None:
    """Units before the guilty one commit, those behind are dropped, and submitting works again afterwards."""
    log = _Log()
    database.submit(_unit((1, "x")), log.done("before"))
    database.submit(_unit((2, "x"), (1, "twice")), log.done("guilty"))
    database.submit(_unit((3, "x")), log.done("behind"))
    with pytest.raises(Dropped):
        await database.durable(Unit())
    assert log.told == [("before", None), ("guilty", RowRefused), ("behind", Dropped)]
    assert database.reader.rows("select id from notes") == [(1,)]
    await database.durable(_unit((3, "x")))
    assert database.reader.value(COUNT) == 2


async def test_a_unit_submitted_before_the_failure_is_told_is_dropped(database: Database) -> None:
    """What a successful unit's callback submits, while a later unit has failed, is dropped: its owner did not know."""
    log = _Log()
    database.submit(_unit((1, "x")), lambda _: database.submit(_unit((9, "x")), log.done("next")))
    database.submit(_unit((1, "twice")), log.done("guilty"))
    await log.reached(2)
    assert log.told == [("guilty", RowRefused), ("next", Dropped)]
    await database.durable(Unit())
    assert database.reader.rows("select id from notes") == [(1,)]


async def test_submitting_while_a_failure_is_told_is_refused(database: Database) -> None:
    """A callback that is told of a failure may not submit at once; through the loop it may."""
    raised: list[BaseException] = []
    retried = asyncio.Event()

    def retry(error: Exception | None) -> None:
        assert error is not None
        try:
            database.submit(_unit((5, "x")))
        except RuntimeError as refusal:
            raised.append(refusal)
        asyncio.get_running_loop().call_soon(lambda: database.submit(_unit((5, "x")), lambda _: retried.set()))

    database.submit(_unit((1, "x"), (1, "x")), retry)
    await retried.wait()
    assert raised
    assert database.reader.rows("select id from notes") == [(5,)]


async def test_a_broken_statement_is_the_fault_of_its_unit(database: Database) -> None:
    """SQL that does not compile fails its own unit only."""
    log = _Log()
    broken = Unit()
    broken.add("insert into nowhere values (?)", (1,))
    database.submit(_unit((1, "x")), log.done("before"))
    database.submit(broken, log.done("broken"))
    with pytest.raises(Dropped):
        await database.durable(Unit())
    assert log.told == [("before", None), ("broken", RowRefused)]
    assert database.reader.value(COUNT) == 1


async def test_a_failing_callback_does_not_keep_the_others_waiting(database: Database) -> None:
    """A callback that raises is reported to the loop; the next ones run."""
    reports: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reports.append(context))
    log = _Log()

    def fail(_: Exception | None) -> None:
        raise ValueError("planted")

    database.submit(Unit(), fail)
    database.submit(Unit(), log.done("second"))
    await database.durable(Unit())
    assert log.told == [("second", None)]
    assert [str(report["exception"]) for report in reports] == ["planted"]


async def test_a_full_disk_fails_what_waits_and_is_survived(tmp_path: Path, migrations: list[Migrations]) -> None:
    """A full disk fails everything pending with its name; with space again, submitting works."""
    database = Database.open(tmp_path / "full.db", migrations)
    pages = database.reader.value("pragma page_count")
    await database.durable(_pragma(f"pragma max_page_count = {pages}"))
    log = _Log()
    database.submit(_unit((1, "x" * 100_000)), log.done("large"))
    database.submit(_unit((2, "x")), log.done("small"))
    with pytest.raises(DatabaseFull, match=r"full\.db: the disk is full"):
        await database.durable(Unit())
    assert log.told == [("large", DatabaseFull), ("small", DatabaseFull)]
    await database.durable(_pragma("pragma max_page_count = 1000000"))
    await database.durable(_unit((1, "x" * 100_000)))
    assert database.reader.value(COUNT) == 1
    await database.close()


def _pragma(sql: str) -> Unit:
    unit = Unit()
    unit.add(sql, ())
    return unit


async def test_a_closed_database_refuses_and_keeps_what_was_submitted(
    tmp_path: Path, migrations: list[Migrations]
) -> None:
    """`close` commits what was submitted before it, and refuses what comes after."""
    database = Database.open(tmp_path / "test.db", migrations)
    database.submit(_unit((1, "x")))
    await database.close()
    with pytest.raises(DatabaseClosed):
        database.submit(Unit())
    again = Database.open(tmp_path / "test.db", migrations)
    assert again.reader.value(COUNT) == 1
    await again.close()


async def test_a_second_opening_is_refused_with_the_holder(tmp_path: Path, migrations: list[Migrations]) -> None:
    """A file in use is refused, naming the process that has it; once closed it opens."""
    first = Database.open(tmp_path / "test.db", migrations)
    with pytest.raises(DatabaseInUse, match=rf"test\.db: process {os.getpid()} has this file open"):
        Database.open(tmp_path / "test.db", migrations)
    await first.close()
    await Database.open(tmp_path / "test.db", migrations).close()


async def test_a_newer_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with a later version of a component's tables is refused, saying what to do; its lock is let go."""
    table = "create table notes (id integer primary key, body text);"
    newer = _make_component(tmp_path, monkeypatch, "newer", table, "alter table notes add column more;")
    await Database.open(tmp_path / "test.db", [newer]).close()
    os.unlink(tmp_path / "packages" / "evenweave_test_newer" / "migrations" / "0002_step.sql")
    for _ in range(2):
        with pytest.raises(DatabaseTooNew, match="newer tables have version 2, this Evenweave knows them up to 1"):
            Database.open(tmp_path / "test.db", [newer])


async def test_components_share_a_file_and_migrate_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each component has its own version in the file, and a new script runs once."""
    one = _make_component(tmp_path, monkeypatch, "one", "create table a (x);")
    two = _make_component(tmp_path, monkeypatch, "two", "create table b (x);", "insert into b values (1);")
    await Database.open(tmp_path / "test.db", [one]).close()
    for _ in range(2):
        database = Database.open(tmp_path / "test.db", [one, two])
        assert database.reader.rows("select * from schema_versions order by component") == [("one", 1), ("two", 2)]
        assert database.reader.value("select count(*) from b") == 1
        await database.close()


async def test_a_misnamed_migration_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrations without a number, or with a gap in their numbers, are refused."""
    component = _make_component(tmp_path, monkeypatch, "gap", "create table a (x);")
    folder = tmp_path / "packages" / "evenweave_test_gap" / "migrations"
    (folder / "0003_late.sql").write_text("create table c (x);")
    with pytest.raises(ValueError, match="without gaps"):
        component.scripts()
    (folder / "late.sql").write_text("")
    with pytest.raises(ValueError, match=r"not late\.sql"):
        component.scripts()


async def test_a_failed_migration_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that fails half-way is rolled back, and mended it runs from its beginning."""
    broken = _make_component(tmp_path, monkeypatch, "broken", "create table a (x); create table a (x);")
    with pytest.raises(RowRefused):
        Database.open(tmp_path / "test.db", [broken])
    mended = _make_component(tmp_path, monkeypatch, "broken", "create table a (x); create table b (x);")
    await Database.open(tmp_path / "test.db", [mended]).close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_read_only_folder_is_named(tmp_path: Path, migrations: list[Migrations]) -> None:
    """A folder without write permission is a clear error."""
    folder = tmp_path / "fixed"
    folder.mkdir()
    folder.chmod(0o555)
    with pytest.raises(DatabaseReadOnly, match=r"fixed/test\.db: the file or its folder cannot be written"):
        Database.open(folder / "test.db", migrations)
    folder.chmod(0o755)


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, migrations: list[Migrations]) -> None:
    """A file where the folder should be is a clear error."""
    (tmp_path / "taken").write_text("x")
    with pytest.raises(DatabaseUnusable, match="taken"):
        Database.open(tmp_path / "taken" / "test.db", migrations)


async def test_a_file_that_is_no_database_is_named(tmp_path: Path, migrations: list[Migrations]) -> None:
    """A file of another kind is refused and left alone."""
    (tmp_path / "test.db").write_text("not a database, and long enough to have a header of its own" * 20)
    with pytest.raises(DatabaseUnusable, match="no SQLite database"):
        Database.open(tmp_path / "test.db", migrations)
    assert (tmp_path / "test.db").read_text().startswith("not a database")


async def test_the_write_ahead_log_is_recycled(tmp_path: Path, migrations: list[Migrations]) -> None:
    """Under steady writing the WAL stays within a few times the size at which a checkpoint is due."""
    database = Database.open(tmp_path / "test.db", migrations)
    body = "x" * 4_000
    for number in range(400):
        await database.durable(_unit(*((number * 50 + row, body) for row in range(50))))
    assert (tmp_path / "test.db-wal").stat().st_size < 4 * CHECKPOINT_PAGES * 4_096
    assert database.reader.value(COUNT) == 20_000
    await database.close()
    assert apsw.Connection(str(tmp_path / "test.db")).execute("pragma integrity_check").get == "ok"


_VICTIM = """
    import asyncio, sys
    from evenweave.adapters.sqlite import Database, Migrations, Unit

    async def main():
        database = Database.open(sys.argv[1], [Migrations("notes", "evenweave_test_notes")])
        number = 0
        def say(first):
            return lambda error: print(first, flush=True)
        while True:
            for _ in range(7):
                unit = Unit()
                unit.add("insert into notes (id, body) values (?, ?)", (number, "first"))
                unit.add("insert into notes (id, body) values (?, ?)", (number + 1, "second"))
                number += 2
                database.submit(unit, say(number - 1))
            await asyncio.sleep(0)

    asyncio.run(main())
"""


def _run_and_kill(command: list[str], environment: dict[str, str]) -> list[int]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as victim:
        assert victim.stdout is not None
        reported = [int(victim.stdout.readline()) for _ in range(2_000)]
        victim.send_signal(signal.SIGKILL)
        return reported + [int(line) for line in victim.stdout.read().split("\n")[:-1]]


async def test_committed_units_survive_a_kill_whole_and_in_order(tmp_path: Path, migrations: list[Migrations]) -> None:
    """After SIGKILL everything that was reported is there, no unit is halved, none is missing before a later one."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "packages"), *sys.path])}
    command = [sys.executable, "-c", textwrap.dedent(_VICTIM), str(tmp_path / "test.db")]
    reported = await asyncio.to_thread(_run_and_kill, command, environment)
    database = Database.open(tmp_path / "test.db", migrations)
    numbers = [row[0] for row in database.reader.rows("select id from notes order by id")]
    await database.close()
    assert numbers == list(range(len(numbers)))
    assert len(numbers) % 2 == 0
    assert reported == sorted(reported)
    assert reported[-1] < len(numbers)


def test_statements_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements are read by name; comments and final semicolons are not part of them."""
    component = _make_component(tmp_path, monkeypatch, "named")
    file = tmp_path / "packages" / component.package / "statements.sql"
    file.write_text("About.\n-- name: one\n-- why\nselect 1;\n\n-- name: two\nselect 2\n")
    assert dict(load_statements(component.package)) == {"one": "select 1", "two": "select 2"}
    file.write_text("-- name: one\nselect 1;\n-- name: one\nselect 2")
    with pytest.raises(ValueError, match="twice: one"):
        load_statements(component.package)
    file.write_text("-- name: one\n")
    with pytest.raises(ValueError, match="no SQL for one"):
        load_statements(component.package)


def test_stop_amid_a_checkpoint_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that is told to stop while a checkpoint runs ends when that is done."""
    begun, told = threading.Event(), threading.Event()
    run = writer._run_checkpoint

    def run_slowly(connection: apsw.Connection) -> None:
        begun.set()
        assert told.wait(10)
        run(connection)

    monkeypatch.setattr(writer, "_run_checkpoint", run_slowly)
    thread = writer.WriterThread(str(tmp_path / "notes.db"), lambda _count, _outcome: None, Commits())
    thread._checkpoint_due.set()
    assert begun.wait(10)
    stopping = threading.Thread(target=thread.stop, daemon=True)
    stopping.start()
    while not (thread._stopping and thread._checkpoint_due.is_set()):
        time.sleep(0.001)
    told.set()
    stopping.join(10)
    assert not stopping.is_alive()
