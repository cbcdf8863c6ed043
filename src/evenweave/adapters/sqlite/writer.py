"""The writer: commits units in groups, on a thread of its own, and keeps the WAL short."""

import queue
import threading
import time
from collections.abc import Callable, Sequence

import apsw

from evenweave.adapters.sqlite.connections import connect
from evenweave.adapters.sqlite.errors import DatabaseError, explain, is_data_error
from evenweave.adapters.sqlite.funnel import Funnel
from evenweave.adapters.sqlite.unit import Unit
from evenweave.runtime.figures import Commits

# Pages in the WAL at which a checkpoint is due. A file of this size is written over again and again; one that grows
# makes each sync write metadata of the file system too (thirty times slower under load, PROTOCOL section 2).
CHECKPOINT_PAGES = 2_000

Outcome = tuple[int, DatabaseError | None]
"""How many units of a batch were committed, and what ended it."""


def commit(funnel: Funnel, name: str, batch: Sequence[Unit], commits: Commits) -> Outcome:
    """Commit the units of `batch` in one transaction, or more where some are to be alone.

    Where the data of one is at fault, those before it are committed and it gets the error; where the file or the disk
    is, nothing more is committed.
    """
    committed = 0
    for units in _split(batch):
        began_s = time.perf_counter()
        count, error = _commit(funnel, name, units)
        committed += count
        if error is not None:
            commits.failures += 1
            return committed, error
        commits.seconds.observe(time.perf_counter() - began_s)
        commits.rows.observe(sum(len(rows) for unit in units for rows in unit.statements.values()))
    return committed, None


def _split(batch: Sequence[Unit]) -> Sequence[Sequence[Unit]]:
    if not any(unit.alone for unit in batch):
        return (batch,)
    parts: list[list[Unit]] = []
    for unit in batch:
        if unit.alone or not parts or parts[-1][-1].alone:
            parts.append([])
        parts[-1].append(unit)
    return parts


def _commit(funnel: Funnel, name: str, batch: Sequence[Unit]) -> Outcome:
    connection = funnel.connection
    try:
        if funnel.write(batch):
            return len(batch), None
        connection.execute("begin immediate")
        for unit in batch:
            for sql, rows in unit.statements.items():
                connection.executemany(sql, rows)
        connection.execute("commit")
    except Exception as error:  # noqa: BLE001 (whatever it is, it must reach those who wait for the commit)
        _roll_back(connection)
        if is_data_error(error):
            return _commit_head(connection, name, batch)
        return 0, explain(name, error)
    return len(batch), None


def _commit_head(connection: apsw.Connection, name: str, batch: Sequence[Unit]) -> Outcome:
    """Commit the units before the guilty one. Savepoints cost, so only a batch that has failed pays for them."""
    committed, guilt = 0, None
    try:
        connection.execute("begin immediate")
        for unit in batch:
            connection.execute("savepoint unit")
            try:
                for sql, rows in unit.statements.items():
                    connection.executemany(sql, rows)
            except Exception as error:
                if not is_data_error(error):
                    raise
                connection.execute("rollback to unit")
                connection.execute("release unit")
                guilt = explain(name, error)
                break
            connection.execute("release unit")
            committed += 1
        connection.execute("commit")
    except Exception as error:  # noqa: BLE001
        _roll_back(connection)
        return 0, explain(name, error)
    return committed, guilt


def _roll_back(connection: apsw.Connection) -> None:
    if connection.in_transaction:
        try:
            connection.execute("rollback")
        except apsw.Error:
            # SQLite has rolled back by itself (disk full, I/O error), or will when the next transaction begins.
            return


class WriterThread:
    """Commits what gathered while the last commit ran, and reports each batch once.

    After a failure it halts and takes nothing more until `resume`: whatever is submitted meanwhile may build on the
    failed unit. `report(batch length, outcome)` is called on the writer's thread.
    """

    def __init__(self, path: str, report: Callable[[int, Outcome], None], commits: Commits) -> None:
        self._path = path
        self._commits = commits
        self._report = report
        self._connection = connect(path)
        self.funnel = Funnel(self._connection)
        self._checkpointer = apsw.Connection(path)
        self._checkpointer.execute("pragma synchronous = full")
        self._checkpointer.execute("pragma checkpoint_fullfsync = on")
        self._guard = threading.Lock()
        self._pending: list[Unit] = []
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._checkpoint_due = threading.Event()
        self._finish_checkpoint = False
        self._pages = 0
        self._halted = False
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, name="evenweave-writer", daemon=True),
            threading.Thread(target=self._checkpoint, name="evenweave-checkpoints", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def put(self, units: list[Unit]) -> None:
        """Queue units, in order."""
        with self._guard:
            self._pending.extend(units)
        self._wake.put(None)

    def resume(self) -> None:
        """Forget what is queued and go on, after a failure has been dealt with."""
        with self._guard:
            self._pending.clear()
            self._halted = False
        self._wake.put(None)

    def stop(self) -> None:
        """Commit what is queued, end the threads, close the connections."""
        self._stopping = True
        self._wake.put(None)
        self._checkpoint_due.set()
        for thread in self._threads:
            thread.join()
        self._checkpointer.close()
        self._connection.close()

    def _run(self) -> None:
        while True:
            self._wake.get()
            stopping = self._stopping
            while batch := self._take():
                outcome = commit(self.funnel, self._path, batch, self._commits)
                if outcome[1] is not None:
                    with self._guard:
                        self._halted = True
                self._report(len(batch), outcome)
                self._watch_wal()
                if self._finish_checkpoint:
                    # The rest of a checkpoint, a few pages: only without a writer does it reach the end of the WAL,
                    # which then starts over. PASSIVE waits for nobody.
                    self._finish_checkpoint = False
                    _run_checkpoint(self._connection)
            if stopping:
                return

    def _take(self) -> list[Unit]:
        with self._guard:
            if self._halted:
                return []
            batch, self._pending = self._pending, []
            return batch

    def _watch_wal(self) -> None:
        """Count the pages that went into the WAL. A hook would have to wait for the interpreter once more."""
        self._pages += self._connection.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE, True)[0]
        if self._pages >= CHECKPOINT_PAGES:
            self._pages = 0
            self._checkpoint_due.set()

    def _checkpoint(self) -> None:
        self._checkpoint_due.wait()
        while not self._stopping:
            _run_checkpoint(self._checkpointer)
            self._finish_checkpoint = True
            self._checkpoint_due.clear()
            # A stop between the two has set what was just cleared: look before waiting for it.
            if not self._stopping:
                self._checkpoint_due.wait()


def _run_checkpoint(connection: apsw.Connection) -> None:
    try:
        connection.execute("pragma wal_checkpoint(passive)").fetchall()
    except apsw.Error:
        # Full disk or a failing one: the WAL keeps everything, and the next commit reports what is wrong.
        return
