"""`evenweave register`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from evenweave import source
from evenweave.cli.files import Checked, check_files, render
from evenweave.cli.options import FILE, Seconds, by_profile, catalog_url, engine_url
from evenweave.cli.remote import ProblemAnswer, Remote
from evenweave.errors import UnknownOperation
from evenweave.plan.operation import Operation
from evenweave.plan.others import find_missing, named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.definitions.swf08 import Profile
    from evenweave.plan.nodes import Plan


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@catalog_url
@engine_url
@by_profile
@click.option("--strict", is_flag=True, help="Every warning is an error.")
@click.option(
    "--wait", type=Seconds(), default=0.0, help="Wait until Catalog and Workflow Engine serve, at most so long."
)
def register(
    files: tuple[str, ...],
    catalog: str | None,
    engine: str | None,
    profile: Profile | None,
    strict: bool,
    wait: float,
) -> None:
    """Register AsyncAPI documents with the Catalog and definitions with the Workflow Engine.

    All files are checked first, operations that none of them has against the Catalog; where one file has errors, none
    is registered. What a file refers to in files below its own folder is registered with it, as a part of it.
    """
    parts = Remote("catalog", catalog), Remote("engine", engine)
    if wait:
        for part in parts:
            part.wait_ready(wait)
    try:
        for line in register_files(files, *parts, strict=strict, profile=profile):
            click.echo(line)
    except Broken as error:
        click.echo(f"{error.drawn}\nnothing was registered", err=True)
        sys.exit(1)


class Broken(Exception):
    """Files have errors; ``drawn`` shows them."""

    def __init__(self, drawn: str) -> None:
        super().__init__(drawn)
        self.drawn = drawn


def register_files(
    names: Sequence[str], catalog: Remote, engine: Remote, *, strict: bool = False, profile: Profile | None = None
) -> list[str]:
    """Check files together and register them, documents before definitions; what came of each.

    Raises:
        Broken: One has errors; none was registered.
        click.ClickException: One was refused all the same, or nobody listens.
    """

    def find(ref: str) -> Operation:
        try:
            return msgspec.convert(catalog.call("GET", "/v1/operations", query={"ref": ref}), Operation)
        except ProblemAnswer as error:
            if error.status != 404:
                raise
            raise UnknownOperation(error.problem.get("detail", ""), ref, error.problem.get("hint", "")) from None

    checked = check_files(names, find=find, siblings=False, profile=profile)
    missing = _find_missing(checked, engine)
    if strict:
        for file in checked:
            file.diagnostics = source.strict(file.diagnostics)
    if any(not file.valid for file in checked):
        raise Broken(render(checked))
    if missing:
        click.echo(render(checked, missing), err=True)
    return [_register_file(file, catalog, engine) for file in sorted(checked, key=lambda file: file.kind != "asyncapi")]


def _find_missing(checked: Sequence[Checked], engine: Remote) -> list[source.Diagnostic]:
    """What definitions start that is neither given with them nor registered: warnings, which become theirs."""
    there: dict[tuple[str, str], Plan | bool] = {}
    given = {(plan.id, plan.version): plan for file in checked if (plan := file.plan) is not None}
    if any(named(plan) for plan in given.values()):
        for row in engine.call("GET", "/v1/definitions"):
            if row["active"] and not row["disabled"]:
                # The engine looks at its states itself.
                there[row["id"], ""] = there[row["id"], row["version"]] = True
    there |= {key: plan for each, plan in given.items() for key in (each, (plan.id, ""))}
    found = []
    for file in checked:
        if file.plan is not None and file.document is not None:
            ids = {id_ for id_, _ in there}
            here = list(find_missing(file.document, file.plan, lambda *key: there.get(key, False), ids))
            file.diagnostics = source.ordered([*file.diagnostics, *here])
            found += here
    return found


def _register_file(file: Checked, catalog: Remote, engine: Remote) -> str:
    name = Path(file.name).name
    if file.kind == "test":
        return f"{name}: tests, which are not registered"
    query, body = {"name": name}, file.data if file.alone is None else file.alone
    try:
        if file.kind == "asyncapi":
            row = catalog.call("POST", "/v1/documents", query=query, body=body)
            return f"{name}: version {row['version']} in the Catalog"
        row = engine.call("POST", "/v1/definitions", query=query, body=body)
    except ProblemAnswer as error:
        diagnostics = error.problem.get("diagnostics")
        if diagnostics:
            # Places in a document that was put together are in no file of the user's.
            texts = {name: file.text} if file.alone is None else {}
            shown = source.render([_diagnostic(item) for item in diagnostics], texts)
            raise click.ClickException(f"{name} was not registered\n{shown.rstrip()}") from None
        raise
    version = f" {row['version']}" if row["version"] else ""
    return f"{name}: definition {row['id']}{version} in the Workflow Engine"


def _diagnostic(item: dict[str, Any]) -> source.Diagnostic:
    span = source.Span(item["line"], item["column"], item["line"], item["column"] + 1)
    fields = {name: item[name] for name in ("code", "file", "severity", "message", "hint")}
    return source.Diagnostic(span=span, **msgspec.convert(fields, dict[str, Any]))
