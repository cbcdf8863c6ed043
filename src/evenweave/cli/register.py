"""`evenweave register`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from evenweave import source
from evenweave.cli.files import Checked, check_files
from evenweave.cli.options import FILE, catalog_url, engine_url
from evenweave.cli.remote import ProblemAnswer, Remote

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@catalog_url
@engine_url
@click.option("--strict", is_flag=True, help="Every warning is an error.")
def register(files: tuple[Path, ...], catalog: str | None, engine: str | None, strict: bool) -> None:
    """Register AsyncAPI documents with the Catalog and definitions with the Workflow Engine.

    All files are checked first; where one has errors, none is registered.
    """
    checked = check_files(list(files), registered=True)
    if strict:
        for file in checked:
            file.diagnostics = list(source.strict(file.diagnostics))
    if any(not file.valid for file in checked):
        found = [item for file in checked for item in file.diagnostics]
        click.echo(source.render(found, {str(file.path): file.text for file in checked}).rstrip(), err=True)
        click.echo("nothing was registered", err=True)
        sys.exit(1)
    for file in sorted(checked, key=lambda one: one.kind != "asyncapi"):
        click.echo(register_file(file, Remote("catalog", catalog), Remote("engine", engine)))


def register_file(file: Checked, catalog: Remote, engine: Remote) -> str:
    """Register one checked file, and say what came of it.

    Raises:
        click.ClickException: It was refused; what is wrong is shown with its place.
    """
    query = {"name": file.path.name}
    try:
        if file.kind == "asyncapi":
            row = catalog.call("POST", "/v1/documents", query=query, body=file.data)
            return f"{file.path.name}: version {row['version']} in the Catalog"
        row = engine.call("POST", "/v1/definitions", query=query, body=file.data)
    except ProblemAnswer as error:
        diagnostics = error.problem.get("diagnostics")
        if diagnostics:
            shown = source.render([_diagnostic(item) for item in diagnostics], {file.path.name: file.text})
            raise click.ClickException(f"{file.path.name} was not registered\n{shown.rstrip()}") from None
        raise
    version = f" {row['version']}" if row["version"] else ""
    return f"{file.path.name}: definition {row['id']}{version} in the Workflow Engine"


def _diagnostic(item: dict[str, Any]) -> source.Diagnostic:
    span = source.Span(item["line"], item["column"], item["line"], item["column"] + 1)
    fields = {name: item[name] for name in ("code", "file", "severity", "message", "hint")}
    return source.Diagnostic(span=span, **msgspec.convert(fields, dict[str, Any]))
