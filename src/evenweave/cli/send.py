"""`evenweave send`."""

from __future__ import annotations

import uuid
from typing import Any

import click

from evenweave import cloudevents
from evenweave.cli.options import JSON, runtime_url
from evenweave.cli.remote import Remote


@click.command()
@click.argument("channel")
@click.argument("payload", type=JSON, metavar="JSON|@FILE")
@runtime_url
@click.option("--type", "type_", help="Type of the event; by default the channel.")
@click.option("--id", "id_", help="Id of the event; the same id and data again change nothing.")
@click.option("--source", default="/evenweave/cli", show_default=True, help="Source of the event.")
@click.option("--attribute", "attributes", multiple=True, metavar="NAME=VALUE", help="A further context attribute.")
def send(
    channel: str,
    payload: Any,
    runtime: str | None,
    type_: str | None,
    id_: str | None,
    source: str,
    attributes: tuple[str, ...],
) -> None:
    """Publish JSON on CHANNEL, return when the Runtime has it durably, and print the event's id.

    JSON with a `specversion` is a whole CloudEvent and is sent as it is; other JSON becomes the data of an event.
    """
    if not channel:
        raise click.BadParameter("it must not be empty", param_hint="CHANNEL")
    if isinstance(payload, dict) and "specversion" in payload:
        event = dict(payload)
    else:
        event = {
            "specversion": "1.0",
            "id": id_ or uuid.uuid4().hex,
            "source": source,
            "type": type_ or channel,
            "subject": channel,
            "datacontenttype": "application/json",
            "data": payload,
        }
    for attribute in attributes:
        name, equals, value = attribute.partition("=")
        if not equals:
            raise click.BadParameter(f"{attribute!r} is not NAME=VALUE", param_hint="--attribute")
        event[name] = value
    try:
        cloudevents.check(event)
        body = cloudevents.encode(event)
    except cloudevents.CloudEventError as error:
        raise click.BadParameter(str(error)) from None
    Remote("runtime", runtime).call(
        "POST", "/v1/events", query={"channel": channel}, body=body, content_type=cloudevents.STRUCTURED
    )
    click.echo(event["id"])
