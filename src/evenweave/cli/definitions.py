"""`evenweave definitions`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click
import msgspec

from evenweave.cli.options import as_json, engine_url
from evenweave.cli.remote import Remote
from evenweave.cli.tables import print_table, time_text


@click.group()
def definitions() -> None:
    """List, show, disable, enable and delete definitions."""


@definitions.command("list")
@engine_url
@as_json
def list_definitions(engine: str | None, as_json: bool) -> None:
    """List the definitions that start instances or still have some."""
    rows = Remote("engine", engine).call("GET", "/v1/definitions")
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    print_table(
        ("definition", "version", "starts instances", "registered", "file"),
        [(row["id"], row["version"], _starts(row), time_text(row["created"]), row["file"]) for row in rows],
    )


@definitions.command()
@click.argument("id_", metavar="ID")
@click.argument("version", required=False)
@engine_url
@as_json
def show(id_: str, version: str | None, engine: str | None, as_json: bool) -> None:
    """Show a definition as it was registered."""
    row = Remote("engine", engine).call("GET", _path(id_, version))
    click.echo(msgspec.json.encode(row) if as_json else row["document"].rstrip())


@definitions.command()
@click.argument("id_", metavar="ID")
@click.argument("version", required=False)
@engine_url
def delete(id_: str, version: str | None, engine: str | None) -> None:
    """Let a definition start no more instances; the running ones finish."""
    Remote("engine", engine).call("DELETE", _path(id_, version))
    click.echo(f"{id_}{f' {version}' if version else ''} starts no more instances")


@definitions.command()
@click.argument("id_", metavar="ID")
@click.argument("version")
@engine_url
def disable(id_: str, version: str, engine: str | None) -> None:
    """Let a version start no instances until it is enabled; the newest other one starts them."""
    _switch("disable", id_, version, engine)


@definitions.command()
@click.argument("id_", metavar="ID")
@click.argument("version")
@engine_url
def enable(id_: str, version: str, engine: str | None) -> None:
    """Let a disabled version start instances again."""
    _switch("enable", id_, version, engine)


def _switch(verb: str, id_: str, version: str, engine: str | None) -> None:
    remote = Remote("engine", engine)
    remote.call("POST", f"{_path(id_, version)}/{verb}")
    starting = [row["version"] for row in remote.call("GET", "/v1/definitions") if row["id"] == id_ and row["starts"]]
    click.echo(
        f"version {version} of {id_} is {verb}d; "
        + (f"version {starting[0]} starts instances" if starting else "none starts instances")
    )


def _starts(row: dict[str, Any]) -> str:
    return "disabled" if row["disabled"] else "yes" if row["starts"] else "no"


def _path(id_: str, version: str | None) -> str:
    return f"/v1/definitions/{quote(id_, safe='')}" + (f"/{quote(version, safe='')}" if version else "")
