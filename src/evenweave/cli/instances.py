"""`evenweave instances`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import click
import msgspec

from evenweave.cli.options import JSON, as_json, engine_url
from evenweave.cli.remote import Remote
from evenweave.cli.repair import add_repairs, filters, query_of
from evenweave.cli.tables import print_table, time_text


@click.group()
def instances() -> None:
    """List, show, start, repair and delete instances."""


@instances.command("list")
@engine_url
@filters
@click.option("--key", "keys", metavar="NAME=VALUE", multiple=True, help="Only those about this: order.id=o1.")
@click.option("--after", type=int, default=0, help="Only those behind this number: the next page.")
@click.option("--max", "limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="How many.")
@as_json
def list_instances(
    engine: str | None, keys: tuple[str, ...], after: int, limit: int, as_json: bool, **given: Any
) -> None:
    """List instances, oldest first.

    --key finds them by a correlation key, else by a value in their data; for that, all that the other filters leave
    are read.
    """
    # The same name several times is several values of one key.
    given_keys = f"?{urlencode([('key', key) for key in keys])}&" if keys else "?"
    query = {**query_of(given), "after": after, "max": limit}
    narrowed = urlencode({name: value for name, value in query.items() if value is not None})
    rows = Remote("engine", engine).call("GET", f"/v1/instances{given_keys}{narrowed}")
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    print_table(
        ("number", "instance", "definition", "version", "status", "started", "updated"),
        [
            (
                str(row["sequence"]),
                row["id"],
                row["definition"],
                row["version"],
                row["status"],
                time_text(row["started"]),
                time_text(row["updated"]),
            )
            for row in rows
        ],
    )


@instances.command()
@click.argument("id_", metavar="ID")
@engine_url
@as_json
def show(id_: str, engine: str | None, as_json: bool) -> None:
    """Show an instance: its status, its data, what it waits for, and the instances that it has to do with."""
    row = Remote("engine", engine).call("GET", _path(id_))
    if as_json:
        click.echo(msgspec.json.encode(row))
        return
    version = f" {row['version']}" if row["version"] else ""
    click.echo(f"{row['id']}  {row['definition']}{version}")
    click.echo(f"status   {row['status']}, since {time_text(row['updated'])} (started {time_text(row['started'])})")
    if row["reason"]:
        kind, title, reference, _ = row["reason"]
        click.echo(f"reason   {kind}: {title}" + (f" (at {reference})" if reference else ""))
    for line in _relatives(row):
        click.echo(line)
    for wait in row["waits"]:
        click.echo(f"waits    {_wait(wait)}")
    if row["held"]:
        click.echo(f"inbox    {row['held']} events came that it does not wait for yet")
    click.echo("data")
    click.echo(msgspec.json.format(msgspec.json.encode(row["data"]), indent=2))


@instances.command()
@click.argument("definition", metavar="DEFINITION")
@click.option("--input", "given", type=JSON, default="{}", help="The input, a JSON object, or @FILE.")
@click.option("--command", "command_id", help="Id of this command: the same one starts only one instance.")
@engine_url
def start(definition: str, given: Any, command_id: str | None, engine: str | None) -> None:
    """Start an instance of a definition that does not begin with an event, and print its id."""
    answer = Remote("engine", engine).call(
        "POST",
        f"/v1/definitions/{quote(definition, safe='')}/instances",
        query={"command": command_id},
        body=msgspec.json.encode(given),
    )
    click.echo(answer["id"])


@instances.command()
@click.argument("id_", metavar="ID")
@engine_url
def delete(id_: str, engine: str | None) -> None:
    """Remove an ended instance with its history."""
    Remote("engine", engine).call("DELETE", _path(id_))
    click.echo(f"{id_} is deleted")


add_repairs(instances)


def _path(id_: str) -> str:
    return f"/v1/instances/{quote(id_, safe='')}"


def _relatives(row: dict[str, Any]) -> list[str]:
    """The instances around it: the one that started it, those that go on for one another, and its children."""
    lines = []
    if row.get("parent"):
        parent, _, mode = row["parent"]
        lines.append(f"parent   {parent} (when that ends: {mode})")
    if row.get("continues"):
        lines.append(f"goes on  for {row['continues']}")
    if row.get("continued_by"):
        lines.append(f"goes on  as {row['continued_by']}")
    for child in row.get("children", ()):
        version = f" {child['version']}" if child["version"] else ""
        lines.append(f"child    {child['id']}  {child['definition']}{version}  {child['status']}")
    return lines


def _wait(wait: dict[str, Any]) -> str:
    where = f"at {wait['reference']}"
    if wait["kind"] == "event":
        wanted = " or ".join(
            f"{each['event']} on {each['channel']}" + (f" (echo {each['echo']})" if "echo" in each else "")
            for each in wait["events"]
        )
        return f"for {wanted}, {where}, since {time_text(wait['since'])}"
    if wait["kind"] == "time":
        return f"until {time_text(wait['until'])}, {where}"
    if wait["kind"] == "child":
        return f"for its child {wait['events'][0]['child']}, {where}"
    if wait["kind"] == "branches":
        return f"for its branches, {where}"
    return f"to be repaired, {where}"
