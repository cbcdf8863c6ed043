"""`evenweave trace`."""

from __future__ import annotations

import datetime
from typing import Any
from urllib.parse import quote

import click
import msgspec

from evenweave.cli.options import as_json, engine_url
from evenweave.cli.remote import Remote

Node = tuple[str, list[Any]]
_SHORT_S = 0.0005


@click.command()
@click.argument("id_", metavar="INSTANCE")
@click.option("--children/--no-children", default=True, show_default=True, help="Those that it started, too.")
@engine_url
@as_json
def trace(id_: str, children: bool, engine: str | None, as_json: bool) -> None:
    """Show what happened in an instance: its history as a tree, with how long everything took.

    Behind it come the instances that it started, and those that go on for them.
    """
    query = {"children": "true"} if children else {}
    found = Remote("engine", engine).call("GET", f"/v1/instances/{quote(id_, safe='')}/trace", query=query)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    click.echo(_head(found))
    _print(_inside(found), "")


def _head(found: dict[str, Any]) -> str:
    version = f" {found['version']}" if found["version"] else ""
    took = duration(found["updated"] - found["started"])
    return f"{found['id']}  {found['definition']}{version}  {found['status']} after {took}"


def _inside(found: dict[str, Any]) -> list[Node]:
    """The bursts of an instance, then its children with theirs."""
    nodes: list[Node] = [_burst(burst) for burst in found["bursts"]]
    nodes += [(f"child {_head(child)}", _inside(child)) for child in found.get("children", ())]
    return nodes + [(f"no trace: {reason}", []) for reason in found.get("missing", ())]


def duration(seconds: float) -> str:
    """A duration for people, such as ``12 ms``, ``3.20 s``, ``5 min 3 s`` or ``2 h 10 min``."""
    if seconds < _SHORT_S:
        return "0 ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _burst(burst: dict[str, Any]) -> Node:
    at = datetime.datetime.fromtimestamp(burst["at"]).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    waited = f", {duration(burst['waited_s'])} later" if burst["revision"] > 1 else ""
    return f"burst {burst['revision']} at {at}{waited}", [_cause(cause) for cause in burst["causes"]]


def _cause(cause: dict[str, Any]) -> Node:
    steps: list[Node] = []
    around: list[tuple[int, list[Any]]] = [(-1, steps)]
    for step in cause["steps"]:
        while around[-1][0] >= step["depth"]:
            around.pop()
        node: Node = (_step(step), [])
        around[-1][1].append(node)
        if step["what"] == "entered":
            around.append((step["depth"], node[1]))
    return f"{_describe(cause['cause'])}: {cause['status']}", steps


def _describe(cause: dict[str, Any]) -> str:
    event = cause.get("event")
    what = f"event {event['type']} {event['id']} from {event['source']}" if event else ""
    match cause["cause"]:
        case "arrival":
            return f"{what}, on {cause['channel']}"
        case "begin":
            by = "a command"
            if cause.get("chain"):
                by = f"{cause['chain']}, which it goes on for"
            elif cause.get("parent"):
                by = f"{cause['parent'][0]}, as its child"
            begun = f"begun by {what or by}"
            return begun if cause.get("at") is None else f"begun as a fork, at {cause['at']}"
        case "command":
            patch = "".join(
                f", {path} = {msgspec.json.encode(value).decode()}" for path, value in cause.get("patch", {}).items()
            )
            reason = cause.get("reason")
            return f"command {cause['verb']}{patch}" + (f" ({reason})" if reason else "")
        case "migrate":
            return f"migrated to version {cause['version']}"
        case "child-ended":
            title = f": {cause['title']}" if cause.get("title") else ""
            return f"its child {cause['child']} {cause['status']}{title}"
        case "unknown":
            return f"there was no definition {cause['definition']} to start"
        case "deadline":
            return "its time had come"
        case "called":
            failed = cause.get("error")
            return f"a call failed, {failed}: {cause.get('title', '')}" if failed else "the result of a call"
        case _:
            return "the rest of a long burst"


def _step(step: dict[str, Any]) -> str:
    if step["what"] == "published":
        return f"published {step['event']} on {step['kind']}"
    place = " ".join(filter(None, (step["name"] or step["kind"], step["reference"])))
    took = "" if step["took_s"] is None else f", after {duration(step['took_s'])}"
    return f"{step['what']} {place}{took}"


def _print(nodes: list[Node], indent: str) -> None:
    for index, (text, inside) in enumerate(nodes):
        last = index == len(nodes) - 1
        click.echo(f"{indent}{'└─ ' if last else '├─ '}{text}")
        _print(inside, indent + ("   " if last else "│  "))
