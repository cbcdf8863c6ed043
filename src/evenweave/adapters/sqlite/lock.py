"""The lock that keeps a second process off a database file."""

import os
import sys
from pathlib import Path

from evenweave.adapters.sqlite.errors import DatabaseInUse, explain

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FileLock:
    """Holds `<file>.lock` for as long as it lives; the operating system lets go when the process dies.

    SQLite's own locks come and go with each transaction, so two processes would take turns, each with a cache that the
    other one made stale (PROTOCOL section 2).
    """

    def __init__(self, path: Path) -> None:
        lock = path.with_name(path.name + ".lock")
        try:
            self._descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        except OSError as error:
            raise explain(str(path), error) from error
        try:
            if sys.platform == "win32":
                msvcrt.locking(self._descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _read_holder(self._descriptor)
            os.close(self._descriptor)
            raise DatabaseInUse(
                f"{path}: {holder} has this file open, and only one at a time may", "stop it, or use another folder"
            ) from error
        if sys.platform != "win32":
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let go. The lock file stays: removing it would let two processes lock two files of one name."""
        os.close(self._descriptor)


def _read_holder(descriptor: int) -> str:
    try:
        number = os.read(descriptor, 32).decode("ascii", "replace").strip()
    except OSError:
        number = ""
    return f"process {number}" if number.isdigit() else "another process"
