"""`evenweave doctor`."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from typing import TYPE_CHECKING

import click

from evenweave import __version__
from evenweave.app import check_histories_of_file, check_histories_of_store, inspect_data, inspect_store
from evenweave.cli.options import catalog_url, data_folder, engine_url, runtime_url, store_url
from evenweave.cli.remote import ProblemAnswer, Remote, Unreachable
from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

    from evenweave.worker.histories import Checked

LITTLE_SPACE_MB = 500
SHOWN = 20
"""So many broken histories are named."""

WITH_INSTANCES = ("engine", "evenweave")
"""The data files that hold instances."""

Finding = tuple[str, str]
"""``ok``, ``note`` or ``wrong``, and a sentence."""

_MARKS = {"ok": "  ok    ", "note": "  note  ", "wrong": "  WRONG "}


@click.command()
@data_folder()
@click.option("--deep", is_flag=True, help="Check every page of the data files, and run histories again.")
@click.option(
    "--histories",
    type=click.IntRange(min=0),
    default=10_000,
    show_default=True,
    metavar="N",
    help="With --deep: run the histories of the N newest instances of each store again.",
)
@store_url
@catalog_url
@engine_url
@runtime_url
def doctor(
    data: Path,
    deep: bool,
    histories: int,
    store: str,
    catalog: str | None,
    engine: str | None,
    runtime: str | None,
) -> None:
    """Say what is wrong with this installation, and what to do about it.

    Nothing is changed. Exits 0 where nothing is wrong, 1 otherwise. With --deep, the recorded causes of each instance
    are run through the engine again: they must lead to the state that is stored, byte for byte.
    """
    findings: list[Finding] = [("ok", f"Evenweave {__version__} on Python {sys.version.split()[0]}")]
    findings += _look_at_folder(data)
    most = histories if deep else 0
    findings += _look_at_files(data, deep=deep, most=most)
    if store:
        findings += _look_at_store(store, most)
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


def _look_at_files(data: Path, *, deep: bool, most: int) -> Iterator[Finding]:
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
        if most and found.path.stem in WITH_INSTANCES and not found.foreign:
            yield from _judge(str(found.path), check_histories_of_file(found.path, most=most, say=_say))


def _look_at_store(url: str, most: int) -> Iterator[Finding]:
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
    if most and size:
        yield from _judge(name, check_histories_of_store(url, most=most, say=_say))


def _judge(name: str, check: Coroutine[None, None, Checked]) -> Iterator[Finding]:
    try:
        found = asyncio.run(check)
    except EvenweaveError as error:
        yield "wrong", f"{name}: histories cannot be run again: {error}"
        return
    yield "ok", f"{name}: {found.same:,} histories lead to the stored state"
    if found.gone:
        yield "note", f"{name}: {found.gone:,} histories are gone, or the versions that they began with are"
    if found.more:
        yield "note", f"{name}: there are older instances, which --histories would have to include"
    for problem in found.wrong[:SHOWN]:
        yield "wrong", f"{name}: {problem}"
    if len(found.wrong) > SHOWN:
        yield "wrong", f"{name}: so it is with {len(found.wrong) - SHOWN:,} more histories"


def _say(found: Checked) -> None:
    """Show how far it is, to people only."""
    if sys.stderr.isatty():
        done = found.same + found.gone + len(found.wrong)
        click.echo(f"\r  ...   {done:,} histories run again", nl=False, err=True)


def _ask(part: str, url: str | None) -> Finding:
    try:
        Remote(part, url).call("GET", "/readyz")
    except ProblemAnswer as error:
        return "wrong", f"the {part} is there but not ready: {error.message}"
    except Unreachable as error:
        return "note", error.message
    return "ok", f"the {part} serves"
