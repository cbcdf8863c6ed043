"""`evenweave schema`."""

from __future__ import annotations

import click
import msgspec


@click.command()
@click.argument("dialect", type=click.Choice(["swf08"]))
def schema(dialect: str) -> None:
    """Print the JSON Schema (draft-07) of definitions in DIALECT, for editors that complete and check as one types.

    swf08 is Serverless Workflow 0.8 as Evenweave takes it: every property with its description. Editors find it by a
    first line such as `# yaml-language-server: $schema=swf08.json`.
    """
    assert dialect == "swf08"
    from evenweave.definitions import swf08  # noqa: PLC0415 - the help needs none of it

    click.echo(msgspec.json.format(msgspec.json.encode(swf08.schema()), indent=2).decode())
