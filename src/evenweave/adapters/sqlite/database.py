"""One SQLite file: group commit for the loop, point lookups, and a lock against a second process."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import apsw

from evenweave.adapters.sqlite.connections import MEMORY, Reader, connect, connect_reader
from evenweave.adapters.sqlite.errors import DatabaseClosed, DatabaseError, Dropped, RowRefused, explain
from evenweave.adapters.sqlite.funnel import Funnel
from evenweave.adapters.sqlite.lock import FileLock
from evenweave.adapters.sqlite.migrations import Migrations, migrate
from evenweave.adapters.sqlite.unit import Done, Row, Unit
from evenweave.adapters.sqlite.writer import Outcome, WriterThread, commit
from evenweave.runtime.figures import Commits


class Database:
    """A database file with its writer (PROTOCOL section 2).

    Everything but the writer runs on the thread of the loop that was running at `open`. Units submitted within one
    iteration of the loop are one transaction, and so is everything that gathers while a commit runs: no timer, one
    wake-up of the loop a commit.
    """

    def __init__(self, path: Path | None, loop: asyncio.AbstractEventLoop, lock: FileLock | None) -> None:
        """Use `open` instead."""
        self.name = str(path) if path is not None else "the database in memory"
        self.commits = Commits()
        self.trouble: DatabaseError | None = None
        """Why the last commit failed, where the file or the disk did; None once one succeeds."""
        self._path = path
        self._loop = loop
        self._lock = lock
        self._gathered: list[Unit] = []
        self._flush_scheduled = False
        self._waiting: list[Unit] = []
        self._failing = False
        self._closed = False
        self._writer: WriterThread | None = None
        if path is None:
            self._connection = connect(MEMORY)
            self._funnel = Funnel(self._connection)
        else:
            self._writer = WriterThread(str(path), self._report, self.commits)
            self._funnel = self._writer.funnel
            self._connection = connect_reader(str(path))
        self.reader = Reader(self._connection)

    @classmethod
    def open(cls, path: str | Path | None, migrations: Sequence[Migrations]) -> Self:
        """Open the file, creating it and its folder where they are missing, and bring its tables up to date.

        `None` is a database in memory with the same behaviour, written on the loop's own thread. Must be called on a
        running loop. Raises `DatabaseInUse`, `DatabaseTooNew`, `DatabaseReadOnly`, `DatabaseFull`, `DatabaseUnusable`.
        """
        loop = asyncio.get_running_loop()
        if path is None:
            database = cls(None, loop, None)
            migrate(database._connection, database.name, migrations)
            return database
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain(str(path), error) from error
        lock = FileLock(path)
        try:
            connection = connect(str(path))
            try:
                migrate(connection, str(path), migrations)
            finally:
                connection.close()
            return cls(path, loop, lock)
        except (apsw.Error, OSError) as error:
            lock.release()
            raise explain(str(path), error) from error
        except BaseException:
            lock.release()
            raise

    def submit(self, unit: Unit, done: Done | None = None) -> None:
        """Commit `unit` with everything else of this iteration of the loop, behind everything submitted before it.

        `done(None)` is called once the unit is on the disk. Otherwise `done(error)`:

        - `RowRefused`: its own rows are at fault. Units before it are committed.
        - `Dropped`: a unit before it failed. All that was submitted behind a failed unit, and is not committed by the
          time the loop learns of it, is dropped: it may build on what is not there.
        - `DatabaseFull`, `DatabaseReadOnly`, `DatabaseUnusable`: the disk or the file failed, for everything waiting.

        On an error the caller must put what it holds in memory back to what the database says. A `done` that is called
        with an error must not submit: others have yet to learn of the failure. It may `call_soon` what does.
        """
        if self._closed:
            raise DatabaseClosed(f"{self.name}: is closed")
        if self._failing:
            raise RuntimeError("submit called while a failed commit is being told: use loop.call_soon")
        self._gathered.append(unit)
        self._waiting.append(unit)
        if done is not None:
            unit.listeners.append(done)
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush)

    async def durable(self, unit: Unit) -> None:
        """Submit `unit` and return once it is on the disk. Raises what `submit` hands to `done`."""
        future: asyncio.Future[None] = self._loop.create_future()

        def done(error: Exception | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        self.submit(unit, done)
        await future

    async def query(self, sql: str, parameters: Row = ()) -> list[Row]:
        """Return all rows of `sql`, which may take longer: it runs beside the loop, on a connection of its own."""
        if self._path is None:
            return self.reader.rows(sql, parameters)
        return await asyncio.to_thread(_query, str(self._path), sql, parameters)

    def count_bytes(self) -> int:
        """Return the size of the file and of its WAL."""
        if self._path is None:
            return int(self.reader.value("pragma page_count") * self.reader.value("pragma page_size"))
        files = (self._path, self._path.with_name(self._path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    async def close(self) -> None:
        """Commit what was submitted, then close the file and let go of its lock. Whoever submits should stop before."""
        if self._closed:
            return
        try:
            await self.durable(Unit())
        except (Dropped, RowRefused):
            await self.durable(Unit())
        except Exception:  # noqa: BLE001, S110 (the disk failed: those concerned have been told)
            pass
        self._closed = True
        if self._writer is not None:
            await asyncio.to_thread(self._writer.stop)
        self._connection.close()
        if self._lock is not None:
            self._lock.release()

    def _flush(self) -> None:
        self._flush_scheduled = False
        batch, self._gathered = self._gathered, []
        for unit in batch:
            unit.seal()
            if not unit.alone:
                self._funnel.fill(unit)
        if self._writer is not None:
            self._writer.put(batch)
        elif batch:
            self._deliver(len(batch), commit(self._funnel, self.name, batch, self.commits))

    def _report(self, length: int, outcome: Outcome) -> None:
        try:
            self._loop.call_soon_threadsafe(self._deliver, length, outcome)
        except RuntimeError:
            # The loop is closed: nobody is left to be told.
            return

    def _deliver(self, length: int, outcome: Outcome) -> None:
        """Tell the owners of a batch, in order."""
        committed, error = outcome
        told, self._waiting = self._waiting[:committed], self._waiting[committed:]
        for unit in told:
            self._tell(unit, None)
        if error is None:
            self.trouble = None
            return
        if not isinstance(error, RowRefused):
            self.trouble = error
        # Everything behind the failed unit goes with it, wherever it waits, even what the callbacks above submitted:
        # their owners have not yet heard of the failure.
        doomed, self._waiting = self._waiting, []
        self._gathered = []
        self._failing = True
        refused = isinstance(error, RowRefused)
        later = Dropped(f"{self.name}: an earlier unit of work failed: {error}") if refused else error
        for index, unit in enumerate(doomed):
            unit.open = False
            self._tell(unit, error if index == 0 else later)
        self._failing = False
        if self._writer is not None:
            self._writer.resume()

    def _tell(self, unit: Unit, error: Exception | None) -> None:
        for done in unit.close():
            try:
                done(error)
            except Exception as failure:  # noqa: BLE001 (one owner's mistake must not keep the others waiting)
                self._loop.call_exception_handler({"message": "a callback of a commit failed", "exception": failure})


def _query(path: str, sql: str, parameters: Row) -> list[Row]:
    connection = connect_reader(path)
    try:
        return Reader(connection).rows(sql, parameters)
    finally:
        connection.close()
