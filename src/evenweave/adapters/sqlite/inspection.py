"""Looking into a database file without touching it, whoever works on it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import apsw

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from evenweave.adapters.sqlite.migrations import Migrations


@dataclass(slots=True)
class Inspection:
    """What was found out about a file.

    Attributes:
        path: The file.
        size: Its bytes, the WAL included.
        holder: The process that has it open; none where nobody does, or that cannot be told.
        problems: What is wrong with it, a sentence each.
        figures: What the queries yielded, by name.
        foreign: Whether it has tables of another version: what this one says of their rows would be wrong.
    """

    path: Path
    size: int = 0
    holder: int | None = None
    problems: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    foreign: bool = False


def inspect(
    path: Path, migrations: Sequence[Migrations], queries: Mapping[str, str], *, deep: bool = False
) -> Inspection:
    """Look into a file.

    Args:
        path: The file.
        migrations: The components that should be in it, to compare versions.
        queries: Each yields one value, by name; one that fails is a problem.
        deep: Check the integrity of every page; else only of the structure.
    """
    found = Inspection(path)
    if not path.is_file():
        found.problems.append("there is no such file: nothing was ever stored here")
        return found
    found.size = sum(one.stat().st_size for one in (path, path.with_name(f"{path.name}-wal")) if one.exists())
    found.holder = _holder(path)
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.Error as error:
        found.problems.append(f"it cannot be opened: {error}")
        return found
    try:
        connection.set_busy_timeout(5_000)
        _check(connection, found, migrations, queries, deep=deep)
    except apsw.Error as error:
        found.problems.append(f"it cannot be read: {error}")
    finally:
        connection.close()
    return found


def _check(
    connection: apsw.Connection,
    found: Inspection,
    migrations: Sequence[Migrations],
    queries: Mapping[str, str],
    *,
    deep: bool,
) -> None:
    for (said,) in connection.execute(f"pragma {'integrity_check' if deep else 'quick_check'}(5)").fetchall():
        if said != "ok":
            found.problems.append(f"it is damaged: {said}")
    rows: list[tuple[Any, ...]] = connection.execute("select component, version from schema_versions").fetchall()
    versions = {row[0]: row[1] for row in rows}
    for component in migrations:
        version, newest = versions.get(component.component, 0), len(component.scripts())
        found.foreign |= version != newest
        if version > newest:
            found.problems.append(
                f"its {component.component} tables have version {version}, this Evenweave knows them up to {newest}"
            )
        elif version < newest:
            found.problems.append(f"its {component.component} tables have the old version {version}: start it once")
    for name, query in queries.items():
        found.figures[name] = connection.execute(query).fetchall()[0][0]


def _holder(path: Path) -> int | None:
    """The process that holds the file's lock, as far as the system tells."""
    lock = path.with_name(f"{path.name}.lock")
    if sys.platform == "win32" or not lock.exists():
        return None
    import fcntl  # noqa: PLC0415 - not on Windows

    descriptor = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        number = os.read(descriptor, 32).decode("ascii", "replace").strip()
        return int(number) if number.isdigit() else None
    else:
        return None
    finally:
        os.close(descriptor)
