"""`evenweave check`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import msgspec

from evenweave import source
from evenweave.cli.files import all_diagnostics, check_files, check_schemas, render
from evenweave.cli.options import FILE, by_profile

if TYPE_CHECKING:
    from evenweave.definitions.swf08 import Profile


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("--strict", is_flag=True, help="Every warning is an error.")
@click.option("--schema-only", is_flag=True, help="The official schema's verdict on definitions, and nothing else.")
@by_profile
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check(files: tuple[str, ...], strict: bool, schema_only: bool, profile: Profile | None, form: str) -> None:
    """Check AsyncAPI documents and workflow definitions, all mistakes at once.

    What a file is, is told by its content. Files may refer to one another by name and to files below their own folder;
    nothing else is read. Where AsyncAPI documents are given with definitions, an event that nobody in them sends is a
    warning. Exits 0 where they are valid (warnings are allowed), 1 where one is not.

    With --schema-only every FILE is a definition, and what is wrong is what the JSON Schema of Serverless Workflow 0.8
    refuses: nothing about names, flow or expressions, and every finding is an error.
    """
    checked = (
        check_schemas(files) if schema_only else check_files(files, unknown="warning", profile=profile, senders=True)
    )
    diagnostics = all_diagnostics(checked)
    if strict:
        diagnostics = source.strict(diagnostics)
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode([source.to_json(item) for item in diagnostics])).decode())
    else:
        if diagnostics:
            click.echo(render(checked, diagnostics))
        click.echo(summary(diagnostics, len(checked)))
    sys.exit(1 if source.has_errors(diagnostics) else 0)


def summary(diagnostics: list[source.Diagnostic], files: int) -> str:
    """One line that says how it went."""
    counts = []
    for severity in ("error", "warning"):
        number = sum(item.severity == severity for item in diagnostics)
        if number:
            counts.append(f"{number} {severity}{'s' if number != 1 else ''}")
    return f"{files} file{'s' if files != 1 else ''}: {', '.join(counts) or 'nothing to complain about'}"
