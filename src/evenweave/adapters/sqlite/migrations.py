"""Numbered migrations: each component of a file has its own row of versions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Any

import apsw

from evenweave.adapters.sqlite.errors import DatabaseTooNew

_NUMBERED = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_VERSIONS = "create table if not exists schema_versions (component text primary key, version integer not null) strict"


@dataclass(frozen=True, slots=True)
class Migrations:
    """The migrations of one component: the files `migrations/0001_what.sql`, `0002_...` in the folder of `package`.

    Several components share a file; the name must stay the same for ever.
    """

    component: str
    package: str

    def scripts(self) -> list[tuple[int, str]]:
        """Return (version, SQL), in order. Raises ValueError where numbers are missing, twice, or files misnamed."""
        scripts = []
        for file in resources.files(self.package).joinpath("migrations").iterdir():
            if not file.name.endswith(".sql"):
                continue
            match = _NUMBERED.fullmatch(file.name)
            if match is None:
                raise ValueError(f"{self.package}: a migration is named 0001_what.sql, not {file.name}")
            scripts.append((int(match[1]), file.read_text("utf-8")))
        scripts.sort()
        if [version for version, _ in scripts] != list(range(1, len(scripts) + 1)):
            raise ValueError(f"{self.package}: migrations are numbered from 0001 on, without gaps")
        return scripts


def migrate(connection: apsw.Connection, name: str, migrations: Iterable[Migrations]) -> None:
    """Bring the file `name` to the newest version of each component, one transaction a script.

    Raises DatabaseTooNew where the file is ahead of this code.
    """
    connection.execute(_VERSIONS)
    rows: list[tuple[Any, ...]] = connection.execute("select component, version from schema_versions").fetchall()
    versions = {row[0]: row[1] for row in rows}
    scripts = {component: component.scripts() for component in migrations}
    # Before anything is changed: a file that is refused is left as it is.
    for component, all_scripts in scripts.items():
        version, newest = versions.get(component.component, 0), len(all_scripts)
        if version > newest:
            raise DatabaseTooNew(
                f"{name}: its {component.component} tables have version {version}, this Evenweave knows them up to "
                f"{newest}",
                "install the version that wrote the file",
            )
    for component, all_scripts in scripts.items():
        for number, script in all_scripts[versions.get(component.component, 0) :]:
            with connection:
                connection.execute(script)
                connection.execute(
                    "insert or replace into schema_versions values (?, ?)", (component.component, number)
                )
