"""`evenweave backup`."""

from __future__ import annotations

import datetime
from pathlib import Path

import click

from evenweave.app import back_up
from evenweave.cli.options import data_folder, store_url
from evenweave.errors import EvenweaveError


@click.command()
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
@data_folder(exists=True)
@store_url
def backup(target: Path, data: Path, store: str) -> None:
    """Copy everything in the data folder into a new folder below TARGET, while the processes go on.

    The engine's file is copied first, then the Runtime's: after a restore, the Runtime may hand the engine an event
    again that it has taken, which the engine notices, and never one too few. An engine on PostgreSQL has no file here:
    back its database up first, by PostgreSQL's own means.
    """
    if store:
        click.echo("The engine's state is in PostgreSQL and not copied here: run pg_dump first.", err=True)
    folder = target / datetime.datetime.now().astimezone().strftime("%Y-%m-%dT%H%M%S")
    try:
        for path, size in back_up(data, folder):
            click.echo(f"{path}  {size:,} bytes")
    except EvenweaveError as error:
        raise click.ClickException(f"{error.message}\n{error.hint}".rstrip()) from None
