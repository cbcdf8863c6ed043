"""`evenweave run`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from evenweave import cloudevents, source
from evenweave.cli.files import check_files
from evenweave.cli.options import FILE, JSON
from evenweave.worker.alone import Alone, Came

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.plan.nodes import Plan

COMPLETED, FAULTED, NOT_VALID, WAITING, CANCELLED = 0, 1, 2, 3, 4


@click.command()
@click.argument("definition", type=FILE, metavar="DEFINITION")
@click.option("--input", "data", type=JSON, default="{}", help="The input, a JSON object, or @FILE.")
@click.option("--event", "events", type=JSON, multiple=True, metavar="@FILE", help="A CloudEvent, or an array of them.")
@click.option("--emitted", type=click.Path(dir_okay=False, path_type=Path), help="Where to write what it publishes.")
@click.option("--catalog", "catalogs", type=FILE, multiple=True, metavar="FILE", help="An AsyncAPI document.")
@click.option("--timeout", default=10.0, show_default=True, help="How many seconds to wait for its end.")
def run(
    definition: Path,
    data: Any,
    events: tuple[Any, ...],
    emitted: Path | None,
    catalogs: tuple[Path, ...],
    timeout: float,
) -> None:
    """Run one instance of DEFINITION in this process, in memory, and print its output as JSON.

    Events are delivered in the order given. Where the definition's event has a channel, the event's `subject` names
    the channel that it arrives on; else it is matched by its type and source. One that comes early is kept. AsyncAPI
    documents are those given and those below the definition's folder.

    Exits 0 when completed, 1 when faulted (the error is JSON on standard error), 2 when the definition is not valid,
    3 when it still waits after the time-out, 4 when cancelled.
    """
    if not isinstance(data, dict):
        raise click.BadParameter("the input is a JSON object", param_hint="--input")
    came = _events(events)
    plan = _compile(definition, catalogs)
    alone = _drive(plan, data, came, timeout)
    if emitted is not None:
        emitted.write_bytes(b"".join(cloudevents.encode(event) + b"\n" for event in alone.published))
    sys.exit(_report(alone))


def _compile(definition: Path, catalogs: Sequence[Path]) -> Plan:
    files = check_files([definition, *catalogs])
    found = [item for file in files for item in file.diagnostics]
    plan = files[0].plan
    if found:
        click.echo(source.render(found, {str(file.path): file.text for file in files}).rstrip(), err=True)
    if plan is None or source.has_errors(found):
        if files[0].kind == "asyncapi":
            click.echo(f"{definition} is an AsyncAPI document, not a definition", err=True)
        sys.exit(NOT_VALID)
    return plan


def _events(given: tuple[Any, ...]) -> list[Came]:
    came = []
    for item in given:
        for event in item if isinstance(item, list) else [item]:
            try:
                cloudevents.check(event)
            except cloudevents.CloudEventError as error:
                raise click.BadParameter(f"no CloudEvent: {error}", param_hint="--event") from None
            came.append(Came(str(event.get("subject", "")), event))
    return came


def _drive(plan: Plan, data: Any, came: list[Came], timeout: float) -> Alone:
    until = time.monotonic() + timeout
    alone = Alone(plan, data, now=time.time())
    for each in came:
        alone.deliver(each, time.time())
    while not alone.over and time.monotonic() < until:
        due = alone.instance.due
        if due is None:
            break  # nothing from outside can come any more
        time.sleep(min(max(0.0, due - time.time()), max(0.0, until - time.monotonic())))
        alone.advance(time.time())
    return alone


def _report(alone: Alone) -> int:
    instance = alone.instance
    if instance.status in {"faulted", "suspended"} and instance.reason is not None:
        reason = instance.reason
        error = {"type": reason.type, "title": reason.title, "reference": reason.reference}
        click.echo(msgspec.json.encode(error), err=True)
        return FAULTED
    if instance.status in {"completed", "cancelled"}:
        click.echo(msgspec.json.format(msgspec.json.encode(instance.data), indent=2))
        return COMPLETED if instance.status == "completed" else CANCELLED
    names = ", ".join(sorted({accept.match.name for accept in alone.waiting}))
    click.echo(f"still waiting{f' for {names}' if names else ''}", err=True)
    return WAITING
