"""`evenweave run`."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
import msgspec

from evenweave import cloudevents
from evenweave.cli.files import check_files, render
from evenweave.cli.options import FILE, JSON, Seconds
from evenweave.worker.alone import Alone, Came

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from evenweave.plan.nodes import Plan

COMPLETED, FAULTED, NOT_VALID, WAITING = 0, 1, 2, 3


@click.command()
@click.argument("definition", type=FILE, metavar="DEFINITION")
@click.option("--input", "given", type=JSON, default="{}", help="The input, a JSON object, or @FILE.")
@click.option("--event", "events", type=JSON, multiple=True, metavar="@FILE", help="A CloudEvent, or an array of them.")
@click.option("--emitted", type=click.Path(dir_okay=False), metavar="FILE", help="Where to write what it publishes.")
@click.option("--catalog", "catalogs", type=FILE, multiple=True, metavar="FILE", help="An AsyncAPI document.")
@click.option("--timeout", type=Seconds(), default=10.0, show_default=True, help="How long to wait for its end.")
def run(
    definition: str,
    given: Any,
    events: tuple[Any, ...],
    emitted: str | None,
    catalogs: tuple[str, ...],
    timeout: float,
) -> None:
    """Run one instance of DEFINITION in this process, in memory, and print its output as JSON.

    Events are delivered in the order given. Where the definition's event has a channel, the event's `subject` names
    the channel that it arrives on; else it is matched by its type and source. One that comes early is kept. AsyncAPI
    documents are those given and those below the definition's folder.

    Exits 0 when completed, 1 when faulted (the error is JSON on standard error), 2 when the definition is not valid,
    3 when it still waits after the time-out, or at once when nothing can come that it waits for.
    """
    if not isinstance(given, dict):
        raise click.BadParameter("the input is a JSON object", param_hint="--input")
    came = _events(events)
    plan = _compile(definition, catalogs)
    with _writer(emitted) as write:  # a file that cannot be written is found now, not when the instance has ended
        alone = _drive(plan, given, came, timeout)
        for event in alone.published:
            write(cloudevents.encode(event) + b"\n")
    sys.exit(_report(alone))


@contextmanager
def _writer(path: str | None) -> Iterator[Callable[[bytes], object]]:
    try:
        with open(path or os.devnull, "wb") as file:
            yield file.write
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="--emitted") from None


def _compile(definition: str, catalogs: Sequence[str]) -> Plan:
    # Warnings are for `check`: here standard error holds why an instance did not complete, and nothing else.
    files = check_files([definition, *catalogs])
    plan = files[0].plan
    for file in files[1:]:
        if file.kind not in {"asyncapi", None}:
            raise click.BadParameter(f"{file.name} is no AsyncAPI document", param_hint="--catalog")
    if plan is not None and all(file.valid for file in files):
        return plan
    drawn = render(files)
    if drawn:
        click.echo(drawn, err=True)
    if files[0].kind == "asyncapi":
        click.echo(f"{definition} is an AsyncAPI document, not a definition", err=True)
    sys.exit(NOT_VALID)


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
    if instance.status == "completed":
        click.echo(msgspec.json.format(msgspec.json.encode(instance.data), indent=2))
        return COMPLETED
    reason = instance.reason
    if instance.status in {"faulted", "suspended", "cancelled"}:
        error = {"type": instance.status, "title": "", "reference": ""}
        if reason is not None:
            error = {"type": reason.type, "title": reason.title, "reference": reason.reference}
        click.echo(msgspec.json.encode(error), err=True)
        return FAULTED
    names = ", ".join(sorted({accept.match.name for accept in alone.waiting}))
    click.echo(f"still waiting{f' for {names}' if names else ''}", err=True)
    for came in alone.kept:
        where = f" on {came.channel}" if came.channel else ""
        click.echo(f"nothing took the event {came.event['id']} of type {came.event['type']}{where}", err=True)
    return WAITING
