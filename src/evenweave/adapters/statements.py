"""Named SQL statements, kept in `.sql` files beside the adapter that runs them."""

from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

_MARK = "-- name:"


def load_statements(package: str, file: str = "statements.sql") -> Mapping[str, str]:
    """Read the statements of `file` in `package`: name -> SQL.

    A statement begins behind a line `-- name: its_name` and ends at the next such line. Text before the first one is
    a comment. Raises ValueError where a name occurs twice or has no statement.
    """
    statements: dict[str, str] = {}
    name, lines = "", list[str]()

    def finish() -> None:
        if not name:
            return
        sql = "\n".join(lines).strip().rstrip(";")
        if not sql or name in statements:
            raise ValueError(f"{package}/{file}: {'no SQL for' if not sql else 'twice:'} {name}")
        statements[name] = sql

    for line in resources.files(package).joinpath(file).read_text("utf-8").splitlines():
        if line.startswith(_MARK):
            finish()
            name, lines = line.removeprefix(_MARK).strip(), []
        elif not line.startswith("--"):
            lines.append(line)
    finish()
    return MappingProxyType(statements)
