"""Copying a database file while a process works on it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import apsw

from evenweave.adapters.sqlite.errors import DatabaseUnusable, explain

if TYPE_CHECKING:
    from pathlib import Path


def back_up(source: Path, target: Path) -> int:
    """Copy a database as it is at this moment into a new file, and return the copy's size in bytes.

    The copy is one read transaction: complete, consistent and compact, and the process that owns the file goes on
    writing. It appears under its name only when it is whole and on the disk.

    Raises:
        DatabaseUnusable: There is no such file, the copy is there already, or it fails.
    """
    if not source.is_file():
        raise DatabaseUnusable(f"{source}: there is no such file")
    if target.exists():
        raise DatabaseUnusable(f"{target}: is there already", "a backup never overwrites another one")
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        connection = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_timeout(10_000)
            connection.execute("vacuum into ?", (str(partial),))
        finally:
            connection.close()
        _sync(partial)
        partial.rename(target)
        _sync(target.parent)
    except (apsw.Error, OSError) as error:
        partial.unlink(missing_ok=True)
        raise explain(str(source), error) from error
    return target.stat().st_size


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
