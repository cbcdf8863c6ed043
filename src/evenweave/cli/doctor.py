"""`evenweave doctor`."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evenweave import __version__
from evenweave.app import inspect_data, inspect_store
from evenweave.cli.options import catalog_url, engine_url, runtime_url, store_url
from evenweave.cli.remote import ProblemAnswer, Remote, Unreachable
from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from collections.abc import Iterator

LITTLE_SPACE_MB = 500

Finding = tuple[str, str]
"""``ok``, ``note`` or ``wrong``, and a sentence."""

_MARKS = {"ok": "  ok    ", "note": "  note  ", "wrong": "  WRONG "}


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="EVENWEAVE_DATA",
    default=".evenweave",
    show_default=True,
    help="The folder that holds everything.",
)
@click.option("--deep", is_flag=True, help="Check every page of the data files.")
@store_url
@catalog_url
@engine_url
@runtime_url
def doctor(data: Path, deep: bool, store: str, catalog: str | None, engine: str | None, runtime: str | None) -> None:
    """Say what is wrong with this installation, and what to do about it.

    Nothing is changed. Exits 0 where nothing is wrong, 1 otherwise.
    """
    findings: list[Finding] = [("ok", f"Evenweave {__version__} on Python {sys.version.split()[0]}")]
    findings += _look_at_folder(data)
    findings += _look_at_files(data, deep=deep)
    if store:
        findings += _look_at_store(store)
    for part, url in (("catalog", catalog), ("engine", engine), ("runtime", runtime)):
        findings.append(_ask(part, url))
    for severity, sentence in findings:
        click.echo(f"{_MARKS[severity]}{sentence}")
    wrong = sum(severity == "wrong" for severity, _ in findings)
    click.echo("nothing is wrong" if not wrong else f"{wrong} thing{'s are' if wrong > 1 else ' is'} wrong")
    sys.exit(1 if wrong else 0)


def _look_at_folder(data: Path) -> Iterator[Finding]:
    if not data.is_dir():
        yield "note", f"{data}: there is no such folder; the first start makes it"
        return
    if os.access(data, os.W_OK | os.X_OK):
        yield "ok", f"{data}: can be written"
    else:
        yield "wrong", f"{data}: cannot be written by this user"
    free = shutil.disk_usage(data).free // 1_000_000
    yield ("ok" if free >= LITTLE_SPACE_MB else "wrong"), f"{data}: {free:,} MB are free"


def _look_at_files(data: Path, *, deep: bool) -> Iterator[Finding]:
    for found in inspect_data(data, deep=deep):
        if not found.size:
            continue
        held = f"process {found.holder} works on it" if found.holder else "no process works on it"
        yield "ok", f"{found.path}: {found.size:,} bytes, {held}"
        for problem in found.problems:
            yield "wrong", f"{found.path}: {problem}"
        for name, value in found.figures.items():
            if value:
                yield "note", f"{found.path}: {value} {name}"


def _look_at_store(url: str) -> Iterator[Finding]:
    try:
        name, size, workers, problems, figures = asyncio.run(inspect_store(url))
    except EvenweaveError as error:
        yield "wrong", str(error)
        return
    if size:
        held = f"{' and '.join(workers)} work on it" if workers else "no process works on it"
        yield "ok", f"{name}: {size:,} bytes, {held}"
    for problem in problems:
        yield "wrong", f"{name}: {problem}"
    for what, value in figures.items():
        if value:
            yield "note", f"{name}: {value} {what}"


def _ask(part: str, url: str | None) -> Finding:
    try:
        Remote(part, url).call("GET", "/readyz")
    except ProblemAnswer as error:
        return "wrong", f"the {part} is there but not ready: {error.message}"
    except Unreachable as error:
        return "note", error.message
    return "ok", f"the {part} serves"
