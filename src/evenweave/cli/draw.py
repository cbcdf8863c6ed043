"""`evenweave draw`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from evenweave.cli.files import check_files, render
from evenweave.cli.options import FILE, by_profile

if TYPE_CHECKING:
    from evenweave.definitions.swf08 import Profile, Workflow

NOT_VALID = 2


@click.command()
@click.argument("definition", type=FILE, metavar="FILE")
@click.option("--format", "form", type=click.Choice(["mermaid", "svg"]), help="What to write; by default as -o ends.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Where to; else to the terminal.")
@by_profile
def draw(definition: str, form: str | None, output: str | None, profile: Profile | None) -> None:
    """Draw the definition FILE: its states, the ways between them, events, errors and compensation.

    Without --format, what ends in .svg is SVG, anything else is Mermaid, which GitHub draws where it finds it in
    Markdown. A definition is drawn as it is written, whether or not the services that it needs are known.

    Exits 0 when drawn, 2 when the definition is not valid.
    """
    workflow = _read(definition, profile)
    if form is None:
        form = "svg" if output is not None and output.lower().endswith(".svg") else "mermaid"
    from evenweave.plan.drawing import mermaid, svg  # noqa: PLC0415
    from evenweave.plan.swf08.picture import draw as draw_swf08  # noqa: PLC0415

    picture = draw_swf08(workflow)
    drawn = svg.render(picture) if form == "svg" else mermaid.render(picture)
    if output is None:
        click.echo(drawn, nl=False)
        return
    try:
        with open(output, "w", encoding="utf-8", newline="\n") as file:
            file.write(drawn)
    except OSError as error:
        raise click.BadParameter(f"{output}: {error.strerror}", param_hint="-o") from None


def _read(definition: str, profile: Profile | None) -> Workflow:
    files = check_files([definition], unknown="warning", profile=profile)
    workflow = files[0].workflow
    if workflow is not None:
        return workflow
    drawn = render(files)
    if drawn:
        click.echo(drawn, err=True)
    if files[0].kind == "asyncapi":
        click.echo(f"{definition} is an AsyncAPI document, not a definition", err=True)
    sys.exit(NOT_VALID)
