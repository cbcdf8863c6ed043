"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

_ADDRESS = "HOST:PORT"


class Address(click.ParamType[tuple[str, int]]):
    """An address to listen on: ``HOST:PORT``, ``:PORT`` or ``PORT``."""

    name = _ADDRESS

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Split it."""
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        if not port.isascii() or not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is no address such as 127.0.0.1:7402", param, ctx)
        return host.strip("[]") or "127.0.0.1", int(port)


class JsonOrFile(click.ParamType[Any]):
    """JSON on the command line, or ``@FILE`` that holds it."""

    name = "JSON|@FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it."""
        text = str(value)
        if text.startswith("@"):
            path = Path(text[1:])
            try:
                data = path.read_bytes()
            except OSError as error:
                self.fail(f"{path}: {error.strerror}", param, ctx)
        else:
            data = text.encode(errors="surrogateescape")
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.fail(f"{text[:60]}: {error}", param, ctx)


JSON = JsonOrFile()
ADDRESS = Address()
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

catalog_url = click.option("--catalog", envvar="EVENWEAVE_CATALOG", metavar="URL", help="Where the Catalog listens.")
engine_url = click.option(
    "--engine", envvar="EVENWEAVE_ENGINE", metavar="URL", help="Where the Workflow Engine listens."
)
runtime_url = click.option("--runtime", envvar="EVENWEAVE_RUNTIME", metavar="URL", help="Where the Runtime listens.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
