"""`evenweave run`."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from evenweave import cloudevents
from evenweave.app import Outside
from evenweave.cli.files import check_files, render
from evenweave.cli.options import FILE, JSON, Named, Seconds, by_profile, functions, read_functions, read_resolve
from evenweave.worker.alone import Came
from evenweave.worker.driving import Watch, drive
from evenweave.worker.family import Family
from evenweave.worker.performing import Performer
from evenweave.worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from evenweave.definitions.swf08 import Profile
    from evenweave.plan.nodes import Plan

COMPLETED, FAULTED, NOT_VALID, WAITING, CANCELLED = 0, 1, 2, 3, 4


@click.command()
@click.argument("definition", type=FILE, metavar="DEFINITION")
@click.option("--input", "given", type=JSON, default="{}", help="The input, a JSON object, or @FILE.")
@click.option("--event", "events", type=JSON, multiple=True, metavar="@FILE", help="A CloudEvent, or an array of them.")
@click.option("--emitted", type=click.Path(dir_okay=False), metavar="FILE", help="Where to write what it publishes.")
@click.option("--catalog", "catalogs", type=FILE, multiple=True, metavar="FILE", help="An AsyncAPI document.")
@click.option("--subflow", "subflows", type=FILE, multiple=True, metavar="FILE", help="Another definition to run.")
@by_profile
@click.option("--timeout", type=Seconds(), default=10.0, show_default=True, help="How long to wait for its end.")
@functions
@click.option("--secret", "secrets_given", type=Named(), multiple=True, help="A secret; its value may be JSON.")
@click.option("--header", "headers", type=Named(), multiple=True, help="What $WORKFLOW.headers yields by that name.")
@click.option("--instance-id", default="run", show_default=True, metavar="ID", help="The id of the instance.")
@click.option(
    "--clock", type=click.Choice(["real", "jump"]), default="real", show_default=True,
    help="How time passes: as it does, or jumping ahead whenever everything waits.",
)  # fmt: skip
def run(
    definition: str,
    given: Any,
    events: tuple[Any, ...],
    emitted: str | None,
    catalogs: tuple[str, ...],
    subflows: tuple[str, ...],
    profile: Profile | None,
    timeout: float,
    functions: tuple[tuple[str, str], ...],
    resolve: tuple[tuple[str, str], ...],
    secrets: str | None,
    secrets_given: tuple[tuple[str, str], ...],
    headers: tuple[tuple[str, str], ...],
    instance_id: str,
    clock: str,
) -> None:
    """Run one instance of DEFINITION in this process, in memory, and print its output as JSON.

    Events are delivered in the order given. Where the definition's event has a channel, the event's `subject` names
    the channel that it arrives on; else it is matched by its type and source. One that comes early is kept. AsyncAPI
    documents are those given and those below the definition's folder; documents of functions are below that folder.

    Calls to functions are made. A function of the type custom or rpc may be a Python callable, given by `--function`:
    an object as arguments becomes keywords, anything else is its one argument, and without arguments that is the
    state's data. Subflows, and what `continueAs` names, are the definitions given by `--subflow`; of several versions
    the last one given is taken where none is asked for. What `sysout` is told goes to standard error; standard output
    has one JSON value: the output, or where it still waits or was cancelled its data so far.

    Exits 0 when completed, 1 when faulted (the error is JSON on standard error), 2 when the definition is not valid,
    3 when it still waits after the time-out, or at once when nothing can come that it waits for, 4 when cancelled.
    """
    if not isinstance(given, dict):
        raise click.BadParameter("the input is a JSON object", param_hint="--input")
    came = _events(events)
    plan, *others = _compile([definition, *subflows], catalogs, profile)
    with _writer(emitted) as write:  # a file that cannot be written is found now, not when the instance has ended
        outside = Outside(
            callables=read_functions(functions),
            secrets={name: _value(text) for name, text in secrets_given},
            secrets_file=None if secrets is None else Path(secrets),
            resolve=read_resolve(resolve),
            documents=Path(definition).parent,
            write=_say,
        )

        def start(now: float) -> Family:
            return Family(plan, given, subflows=others, now=now, id=instance_id, headers=dict(headers))

        alone = asyncio.run(_drive(start, came, outside, Watch(jumps=clock == "jump"), timeout, [plan, *others]))
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


def _compile(definitions: Sequence[str], catalogs: Sequence[str], profile: Profile | None) -> list[Plan]:
    # Warnings are for `check`: here standard error holds why an instance did not complete, and nothing else.
    files = check_files([*definitions, *catalogs], profile=profile)
    wanted = list(dict.fromkeys(definitions))
    plans = [file.plan for file in files if file.name in wanted and file.plan is not None]
    for file in files[len(wanted) :]:
        if file.kind not in {"asyncapi", None}:
            raise click.BadParameter(f"{file.name} is no AsyncAPI document", param_hint="--catalog")
    if len(plans) == len(wanted) and all(file.valid for file in files):
        return plans
    drawn = render(files)
    if drawn:
        click.echo(drawn, err=True)
    for file in files[: len(wanted)]:
        if file.kind == "asyncapi":
            click.echo(f"{file.name} is an AsyncAPI document, not a definition", err=True)
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


async def _drive(
    start: Callable[[float], Family],
    came: Sequence[Came],
    outside: Outside,
    watch: Watch,
    timeout_s: float,
    plans: Sequence[Plan],
) -> Family:
    def find(definition: str, _digest: str) -> Plan | None:
        return next((plan for plan in reversed(plans) if plan.id == definition), None)

    functions = outside.open_functions()
    try:
        performer = Performer(functions, outside.open_secrets(), Settings(), find)
        return await drive(start, came, performer, watch, timeout_s=timeout_s)
    finally:
        await functions.close()


def _say(_level: str, text: str) -> None:
    click.echo(text, err=True)


def _value(text: str) -> Any:
    """A secret as it is given: a JSON object where it is one, else the text."""
    if text.startswith("{"):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    return text


def _report(alone: Family) -> int:
    instance = alone.instance
    if instance.status not in {"faulted", "suspended"}:
        click.echo(msgspec.json.format(msgspec.json.encode(alone.data), indent=2))
    if instance.status == "completed":
        return COMPLETED
    reason = instance.reason
    if instance.status in {"faulted", "suspended", "cancelled"}:
        error = {"type": instance.status, "title": "", "reference": ""}
        if reason is not None:
            error = {"type": reason.type, "title": reason.title, "reference": reason.reference}
        click.echo(msgspec.json.encode(error), err=True)
        return CANCELLED if instance.status == "cancelled" else FAULTED
    names = ", ".join(sorted({accept.match.name for accept in alone.waiting}))
    click.echo(f"still waiting{f' for {names}' if names else ''}", err=True)
    for came in alone.kept:
        where = f" on {came.channel}" if came.channel else ""
        click.echo(f"nothing took the event {came.event['id']} of type {came.event['type']}{where}", err=True)
    return WAITING
