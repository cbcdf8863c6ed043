"""`evenweave test`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from evenweave import source
from evenweave.cli.files import TESTS
from evenweave.cli.options import as_json, by_profile
from evenweave.testing.document import is_test
from evenweave.testing.suite import run_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenweave.definitions.swf08 import Profile
    from evenweave.testing.suite import Ran, Verdict

PASSED, FAILED, NOT_VALID = 0, 1, 2

_PASSED_OVER = frozenset({"node_modules", "__pycache__"})


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True), metavar="[PATH]...")
@by_profile
@as_json
def test(paths: tuple[str, ...], profile: Profile | None, as_json: bool) -> None:
    """Run the tests of definitions: of files such as order.test.yaml, and of all those below a folder.

    Without a PATH, those below the current folder. Each test rehearses its definition in memory, against the stubs that
    it names, with time that jumps. docs/testing.md says what may be in a test.

    Exits 0 when all passed, 1 when one failed, 2 when a document of tests or its definition is not valid.
    """
    names = list(dict.fromkeys(find(paths or (".",))))
    if not names:
        raise click.UsageError(f"no tests below {', '.join(paths) or '.'}: their names end in {', '.join(TESTS)}")
    ran = []
    for name in names:
        try:
            ran.append(run_file(name, profile))
        except OSError as error:
            raise click.UsageError(f"{name}: {error.strerror}") from None
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode([_plain(each) for each in ran]), indent=2))
    else:
        for each in ran:
            _show(each)
        click.echo(summary(ran))
    verdicts = [verdict for each in ran for verdict in each.verdicts]
    if not all(each.valid for each in ran):
        sys.exit(NOT_VALID)
    sys.exit(FAILED if any(verdict.failures for verdict in verdicts) else PASSED)


def find(paths: Iterable[str]) -> Iterable[str]:
    """The documents of tests that paths mean: a file itself, of a folder all that are named like one."""
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(each for each in folders if not each.startswith(".") and each not in _PASSED_OVER)
            yield from (os.path.normpath(os.path.join(folder, each)) for each in sorted(files) if is_test(each))


def summary(ran: list[Ran]) -> str:
    """One line that says how it went."""
    verdicts = [verdict for each in ran for verdict in each.verdicts]
    failed = sum(bool(verdict.failures) for verdict in verdicts)
    broken = sum(not each.valid for each in ran)
    counts = [f"{len(verdicts) - failed} passed"]
    if failed:
        counts.append(f"{failed} failed")
    if broken:
        counts.append(f"{broken} file{'s' if broken != 1 else ''} not valid")
    return f"{len(ran)} file{'s' if len(ran) != 1 else ''}: {', '.join(counts)}"


def _show(ran: Ran) -> None:
    texts = {ran.file: ran.text}
    if ran.diagnostics:
        click.echo(source.render(ran.diagnostics, texts).rstrip())
    if ran.trouble:
        click.echo(ran.trouble)
    for verdict in ran.verdicts:
        click.echo(f"{'FAILED' if verdict.failures else 'passed'} {ran.file}:{verdict.line} {verdict.name}")
        if verdict.failures:
            _explain(verdict, texts)


def _explain(verdict: Verdict, texts: dict[str, str]) -> None:
    """The first difference at its place, and what happened."""
    for line in source.render(verdict.failures[:1], texts).rstrip().splitlines():
        click.echo(f"    {line}")
    more = len(verdict.failures) - 1
    if more:
        click.echo(f"    and {more} more difference{'s' if more != 1 else ''} behind it")
    click.echo("    what happened:")
    for line in verdict.history:
        click.echo(f"    {line}")


def _plain(ran: Ran) -> dict[str, Any]:
    return {
        "file": ran.file,
        "valid": ran.valid,
        "diagnostics": [source.to_json(each) for each in ran.diagnostics],
        "trouble": ran.trouble,
        "tests": [
            {
                "name": each.name,
                "line": each.line,
                "passed": not each.failures,
                "failures": [source.to_json(failure) for failure in each.failures],
                "status": each.status,
                "output": each.output,
                "history": each.history,
            }
            for each in ran.verdicts
        ],
    }
