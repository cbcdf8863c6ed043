"""`evenweave dead-letters`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import click
import msgspec

from evenweave.cli.options import as_json, runtime_url
from evenweave.cli.remote import ProblemAnswer, Remote
from evenweave.cli.tables import print_table, time_text

F = TypeVar("F", bound=Callable[..., Any])

_LETTERS = "/v1/dead-letters"
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhd])").fullmatch


class Age(click.ParamType[float]):
    """A time such as ``90s``, ``15m``, ``2h`` or ``7d``, in seconds."""

    name = "AGE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it."""
        if isinstance(value, int | float):
            return float(value)
        match = _AGE(str(value))
        if match is None:
            self.fail(f"{value!r} is no time such as 90s, 15m, 2h or 7d", param, ctx)
        return float(match[1]) * _UNITS_S[match[2]]


def _filter(command: F) -> F:
    """Add the options that say which dead letters are meant."""
    for option in (
        click.option("--older", type=Age(), default=0.0, help="Only those that are older, such as 2h or 7d."),
        click.option("--group", metavar="NAME", help="Only those of this group."),
        click.option("--channel", metavar="NAME", help="Only those of this channel."),
    ):
        command = option(command)
    return command


_ids = click.argument("ids", metavar="[ID]...", nargs=-1)
_all = click.option("--all", "everything", is_flag=True, help="All of them.")


@click.group("dead-letters")
def dead_letters() -> None:
    """List, show, replay and purge events that a service or the Workflow Engine could not take."""


@dead_letters.command("list")
@runtime_url
@_filter
@click.option("--after", metavar="ID", default="", help="Only those behind this one: the next page.")
@click.option("--max", "limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="How many.")
@as_json
def list_dead_letters(
    runtime: str | None, channel: str | None, group: str | None, older: float, after: str, limit: int, as_json: bool
) -> None:
    """List dead letters, oldest first."""
    query = {**_query(channel, group, older), "after": after, "max": limit}
    letters = Remote("runtime", runtime).call("GET", _LETTERS, query=query)
    if as_json:
        click.echo(msgspec.json.encode(letters))
        return
    print_table(
        ("id", "time", "channel", "group", "attempts", "event", "reason"),
        [
            (
                letter["id"],
                time_text(letter["time_ms"] / 1000),
                letter["channel"],
                letter["group"],
                str(letter["attempts"]),
                letter["event"]["id"],
                letter["reason"],
            )
            for letter in letters
        ],
    )


@dead_letters.command()
@click.argument("id_", metavar="ID")
@runtime_url
@as_json
def show(id_: str, runtime: str | None, as_json: bool) -> None:
    """Show a dead letter: who could not take it, why, and the event."""
    letter = Remote("runtime", runtime).call("GET", _path(id_))
    if as_json:
        click.echo(msgspec.json.encode(letter))
        return
    click.echo(f"{letter['id']}  {letter['channel']}")
    click.echo(f"group     {letter['group']}")
    click.echo(f"reason    {letter['reason']}")
    click.echo(f"attempts  {letter['attempts']}, the last one at {time_text(letter['time_ms'] / 1000)}")
    click.echo("event")
    click.echo(msgspec.json.format(msgspec.json.encode(letter["event"]), indent=2))


@dead_letters.command()
@_ids
@runtime_url
@_filter
@_all
@as_json
def replay(
    ids: tuple[str, ...],
    runtime: str | None,
    channel: str | None,
    group: str | None,
    older: float,
    everything: bool,
    as_json: bool,
) -> None:
    """Give dead letters to the group that could not take them once more: some by id, or many by filter."""
    remote, query = Remote("runtime", runtime), _meant(ids, _query(channel, group, older), everything)
    if ids:
        answer = _each(remote, "POST", ids, "/replay")
        answer = {"replayed": answer["done"], "left": answer["left"]}
    else:
        answer = remote.call("POST", f"{_LETTERS}/replay", query=query)
    _report(answer, "replayed", as_json)


@dead_letters.command()
@_ids
@runtime_url
@_filter
@_all
@as_json
def purge(
    ids: tuple[str, ...],
    runtime: str | None,
    channel: str | None,
    group: str | None,
    older: float,
    everything: bool,
    as_json: bool,
) -> None:
    """Delete dead letters for good: some by id, or many by filter."""
    remote, query = Remote("runtime", runtime), _meant(ids, _query(channel, group, older), everything)
    if ids:
        answer = _each(remote, "DELETE", ids, "")
        answer = {"purged": answer["done"], "left": answer["left"]}
    else:
        answer = {**remote.call("DELETE", _LETTERS, query=query), "left": []}
    _report(answer, "purged", as_json)


def _query(channel: str | None, group: str | None, older_s: float) -> dict[str, Any]:
    return {"channel": channel, "group": group, "older_s": older_s or None}


def _meant(ids: tuple[str, ...], query: dict[str, Any], everything: bool) -> dict[str, Any]:
    """Return the query; ids, a filter and all of them exclude each other, and one of them is needed."""
    filtered = any(value is not None for value in query.values())
    if [bool(ids), filtered, everything].count(True) != 1:
        raise click.UsageError("say which ones: ids, or --channel, --group and --older, or --all")
    return {**query, "all": "true" if everything else None}


def _each(remote: Remote, method: str, ids: tuple[str, ...], suffix: str) -> dict[str, Any]:
    done, left = 0, list[dict[str, str]]()
    for id_ in ids:
        try:
            remote.call(method, _path(id_) + suffix)
            done += 1
        except ProblemAnswer as problem:
            if problem.status not in {404, 409}:
                raise
            left.append({"id": id_, "reason": problem.problem.get("detail", problem.message)})
    return {"done": done, "left": left}


def _report(answer: dict[str, Any], verb: str, as_json: bool) -> None:
    """Print what was done; fail where something was left."""
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        click.echo(f"{answer[verb]} {verb}")
        for letter in answer["left"]:
            click.echo(f"{letter['id']} stays: {letter['reason']}", err=True)
    if answer["left"]:
        raise click.exceptions.Exit(1)


def _path(id_: str) -> str:
    return f"{_LETTERS}/{quote(id_, safe='')}"
