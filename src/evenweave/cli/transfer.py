"""`evenweave export` and `evenweave import`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evenweave.app import export_store, import_store
from evenweave.cli.options import data_folder, store_url
from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

_data = data_folder("The folder that holds everything, where there is no --store.")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_data
@store_url
def export(file: Path, data: Path, store: str) -> None:
    """Write all that the Workflow Engine has stored to FILE, to `evenweave import` it into another store.

    The engine, and each of its workers, must be stopped. Catalog and Runtime keep what they have.
    """
    if file.exists():
        raise click.UsageError(f"{file}: is there already, and an export overwrites nothing")
    _run(export_store(data, store, file))


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_data
@store_url
def import_(file: Path, data: Path, store: str) -> None:
    """Read what `evenweave export` wrote to FILE into a store that is empty, all of it or nothing.

    Then start the engine on that store, and never again on the old one: both would take the same events.
    """
    _run(import_store(data, store, file))


def _run(work: Coroutine[None, None, Mapping[str, int]]) -> None:
    try:
        counts = asyncio.run(work)
    except EvenweaveError as error:
        raise click.ClickException(f"{error.message}\n{error.hint}".rstrip()) from None
    for table, count in counts.items():
        if count:
            click.echo(f"{count:>9,}  {table}")
    click.echo(f"{sum(counts.values()):>9,}  rows in all")
