"""Commands for one instance or many: `evenweave instances retry|skip|suspend|resume|cancel|migrate`, and fork."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import click
import msgspec

from evenweave.cli.dead_letters import Age
from evenweave.cli.options import as_json, engine_url
from evenweave.cli.remote import ProblemAnswer, Remote

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

STATUSES = ("pending", "running", "waiting", "suspended", "cancelled", "faulted", "completed")
PAST = {
    "retry": "retried",
    "skip": "skipped",
    "suspend": "suspended",
    "resume": "resumed",
    "cancel": "cancelled",
    "migrate": "migrated",
}
AT_ONCE = 200
_SHOWN = 5


class Assignment(click.ParamType[tuple[str, Any]]):
    """``PATH=JSON``: a jq path and what is put there."""

    name = "PATH=JSON"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Split it at the first equals sign behind which there is JSON: a path may compare."""
        if isinstance(value, tuple):
            return value
        path, equal, rest = str(value).partition("=")
        if not equal or not path.strip():
            self.fail(f"{value!r} is no PATH=JSON such as .order.total=12", param, ctx)
        first = rest
        while True:
            try:
                return path.strip(), msgspec.json.decode(rest)
            except (msgspec.DecodeError, RecursionError):
                more, equal, behind = rest.partition("=")
                if not equal:
                    self.fail(f"{first!r} is no JSON; a text is written '{path}=\"...\"'", param, ctx)
                path, rest = f"{path}={more}", behind


class When(click.ParamType[float]):
    """A time, or how long ago: ``2026-11-23``, ``2026-11-23T08:00``, ``2h``; in seconds since the epoch."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it; a time without a zone is one of this machine's."""
        if isinstance(value, float):
            return value
        try:
            return datetime.datetime.fromisoformat(str(value)).timestamp()
        except ValueError:
            pass
        try:
            return time.time() - Age().convert(value, None, None)
        except click.UsageError:
            self.fail(f"{value!r} is no time such as 2026-11-23T08:00 or 2h", param, ctx)


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that narrow instances down."""
    for option in (
        click.option("--until", type=When(), help="Only those that began before."),
        click.option("--since", type=When(), help="Only those that began since: a time, or 2h for two hours ago."),
        click.option("--version", metavar="VERSION", help="Only those of this version of their definition."),
        click.option("--definition", metavar="ID", help="Only those of this definition."),
        click.option("--status", type=click.Choice(STATUSES), help="Only those in this status."),
    ):
        command = option(command)
    return command


def query_of(given: dict[str, Any]) -> dict[str, Any]:
    """Take the filters out of a command's options, as the query of a request."""
    return {name: given.pop(name) for name in ("status", "definition", "version", "since", "until")}


_set = click.option(
    "--set", "changes", type=Assignment(), multiple=True, help="Put this into the data first; may be repeated."
)
_reason = click.option("--reason", default="", help="Why; it is kept with the instance.")
_to = click.option("--to", metavar="VERSION", help="The version to move to; else the one that starts instances.")


def add_repairs(group: click.Group) -> None:
    """Add the commands to `evenweave instances`."""
    move = click.option("--migrate", is_flag=True, help="Move them to the newest version first.")
    _add(group, "retry", "Run the step again that an instance faulted at.", _set, move, _to, _reason)
    _add(group, "skip", "Let a faulted instance go on behind the step that it stopped at.", _set, move, _to, _reason)
    _add(group, "migrate", "Let instances go on by another version of their definition.", _to, _reason)
    _add(group, "suspend", "Let instances wait, whatever comes.", _reason)
    _add(group, "resume", "Let suspended instances go on.", _reason)
    _add(group, "cancel", "End instances where they are.", _reason)
    group.add_command(fork)


def _add(group: click.Group, verb: str, text: str, *options: Decorator) -> None:
    def run(ids: tuple[str, ...], engine: str | None, everything: bool, as_json: bool, **given: Any) -> None:
        query = query_of(given)
        filtered = any(value is not None for value in query.values())
        if [bool(ids), filtered, everything].count(True) != 1:
            raise click.UsageError("say which ones: ids, or --definition, --status and the like, or --all")
        remote, order = Remote("engine", engine), _order(given)
        if len(ids) == 1 and not as_json:
            _repair_one(remote, verb, ids[0], order)
            return
        if ids:
            pages = _pages_of(remote, verb, ids, order)
        else:
            pages = _pages_by_filter(remote, verb, {**query, "all": "true" if everything else None}, order)
        _report(verb, pages, as_json)

    described = f"{text}\n\n    Some by id, or many by filter; what is refused is listed with the reason."
    run.__doc__ = described
    command: Callable[..., Any] = run
    decorators: list[Decorator] = [
        click.argument("ids", metavar="[ID]...", nargs=-1),
        engine_url,
        filters,
        click.option("--all", "everything", is_flag=True, help="All of them."),
        *options,
        as_json,
    ]
    for decorator in reversed(decorators):
        command = decorator(command)
    group.command(verb, short_help=text)(command)


def _order(given: dict[str, Any]) -> dict[str, Any]:
    order = {name: value for name, value in given.items() if name != "changes" and value}
    if given.get("changes"):
        order["set"] = dict(given["changes"])
    return order


def _repair_one(remote: Remote, verb: str, id_: str, order: dict[str, Any]) -> None:
    try:
        row = remote.call("POST", f"/v1/instances/{quote(id_, safe='')}/{verb}", body=msgspec.json.encode(order))
    except ProblemAnswer as problem:
        for each in problem.problem.get("missing", ()):
            click.echo(f"{each['reference'] or '/'}: {each['title']}", err=True)
        raise
    version = f", by version {row['version']}" if "migrate" in {verb, *order} else ""
    click.echo(f"{id_} is {row['status']}{version}")
    if row["status"] == "faulted" and row["reason"] and verb in {"retry", "skip"}:
        kind, title, reference, _ = row["reason"]
        raise click.ClickException(f"{kind}: {title}" + (f" (at {reference})" if reference else ""))


def _pages_of(remote: Remote, verb: str, ids: tuple[str, ...], order: dict[str, Any]) -> Any:
    for start in range(0, len(ids), AT_ONCE):
        body = msgspec.json.encode({**order, "ids": ids[start : start + AT_ONCE]})
        yield remote.call("POST", f"/v1/instances/{verb}", body=body)


def _pages_by_filter(remote: Remote, verb: str, query: dict[str, Any], order: dict[str, Any]) -> Any:
    after: int | None = 0
    while after is not None:
        page = remote.call(
            "POST",
            f"/v1/instances/{verb}",
            query={**query, "after": after, "max": AT_ONCE},
            body=msgspec.json.encode(order),
        )
        yield page
        after = page["after"]


def _report(verb: str, pages: Any, as_json: bool) -> None:
    """Say how many were repaired, and which were not and why; fail where some were not."""
    progress = sys.stderr.isatty() and not as_json
    done: list[str] = []
    left: list[dict[str, Any]] = []
    for page in pages:
        done += page["done"]
        left += page["left"]
        if progress:
            click.echo(f"\r{len(done)} {PAST[verb]}, {len(left)} refused", nl=False, err=True)
    if progress:
        click.echo("\r\033[K", nl=False, err=True)
    if as_json:
        click.echo(msgspec.json.encode({"done": done, "left": left}))
    else:
        click.echo(f"{len(done)} {PAST[verb]}")
        reasons: dict[str, list[str]] = {}
        for each in left:
            reasons.setdefault(each["reason"], []).append(each["id"])
        for reason, ids in reasons.items():
            named = ", ".join(ids[:_SHOWN]) + (f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else "")
            click.echo(f"{len(ids)} refused: {reason} ({named})", err=True)
    if left:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("id_", metavar="ID")
@click.option("--at", required=True, metavar="STATE", help="The state where it begins: its name or its reference.")
@_set
@_to
@click.option("--command", "command_id", help="Id of this command: the same one forks only once.")
@engine_url
def fork(
    id_: str,
    at: str,
    changes: tuple[tuple[str, Any], ...],
    to: str | None,
    command_id: str | None,
    engine: str | None,
) -> None:
    """Start a new instance in a state that an old one was in, with the data it had there; print its id."""
    body = {"at": at, "set": dict(changes), "to": to, "command": command_id}
    answer = Remote("engine", engine).call(
        "POST", f"/v1/instances/{quote(id_, safe='')}/fork", body=msgspec.json.encode(body)
    )
    click.echo(answer["id"])
