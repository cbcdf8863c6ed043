"""`evenweave catalog | engine | runtime | dev`: processes that serve until they are told to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evenweave.app import LOOPBACK, PORTS, CatalogPart, EnginePart, Outside, RuntimePart, Whole, prepare_store
from evenweave.cli.keeping import keeping, read_keeping
from evenweave.cli.logs import configure_logs
from evenweave.cli.options import (
    ADDRESS,
    by_profile,
    catalog_url,
    data_folder,
    functions,
    read_functions,
    read_resolve,
    runtime_url,
    store_url,
)
from evenweave.cli.process import new_loop, tune_process
from evenweave.cli.remote import DEFAULTS
from evenweave.cli.watching import Folder
from evenweave.cli.workers import Workers, watch_parent, worker_place
from evenweave.errors import EvenweaveError
from evenweave.http.catalog import CatalogFace
from evenweave.http.engine import EngineFace
from evenweave.http.runtime import RuntimeFace
from evenweave.http.server import Server
from evenweave.http.whole import WholeFace
from evenweave.runtime.rules import Rules
from evenweave.worker.spans import open_spans

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from evenweave.definitions.swf08 import Profile

TRIM_EVERY_S = 10.0
TRIM_AT_MOST_EVERY_S = 0.5


def _listen(part: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--listen",
        type=ADDRESS,
        envvar="EVENWEAVE_LISTEN",
        default=f"{LOOPBACK}:{PORTS[part]}",
        show_default=True,
        help="Where to listen; port 0 takes a free one.",
    )


_data = data_folder()
_log = click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
_trace = click.option(
    "--trace",
    is_flag=True,
    envvar="EVENWEAVE_TRACE",
    help="Send a span of OpenTelemetry for each burst; so does OTEL_EXPORTER_OTLP_ENDPOINT.",
)


_hosts = click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="HOST",
    help="A host that functions may call, or *.example.org; without this option they may call any.",
)


@click.command()
@_listen("catalog")
@_data
@_log
def catalog(listen: tuple[str, int], data: Path, log_level: str) -> None:
    """Serve the Catalog: it reads and checks AsyncAPI documents, and finds their operations."""

    async def start(resources: AsyncExitStack) -> Server:
        part = await CatalogPart.start(data)
        resources.push_async_callback(part.stop)
        return await Server.start(CatalogFace(part.catalog).app(), host=listen[0], port=listen[1])

    _serve("catalog", start, log_level)


@click.command()
@_listen("runtime")
@_data
@click.option(
    "--retention",
    type=click.FloatRange(min=0.0),
    default=Rules().retention_s,
    show_default=True,
    metavar="SECONDS",
    help="How long events are kept at least; longer where a group has not taken them.",
)
@_log
def runtime(listen: tuple[str, int], data: Path, retention: float, log_level: str) -> None:
    """Serve the Runtime: it carries the events between services and the Workflow Engine."""
    # A short retention means a short log: it is trimmed as often as that, within bounds.
    rules = Rules(retention_s=retention, trim_every_s=min(TRIM_EVERY_S, max(TRIM_AT_MOST_EVERY_S, retention)))

    async def start(resources: AsyncExitStack) -> Server:
        part = await RuntimePart.start(data, rules=rules)
        resources.push_async_callback(part.stop)
        face = RuntimeFace(part.broker)
        return await Server.start(face, host=listen[0], port=listen[1], on_stop=face.stop)

    _serve("runtime", start, log_level)


@click.command()
@_listen("engine")
@_data
@catalog_url
@runtime_url
@functions
@_hosts
@click.option(
    "--documents",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where the documents of functions (OpenAPI, proto) are.",
)
@store_url
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="How many processes share the work, on PostgreSQL; one that dies is started again.",
)
@worker_place
@keeping
@_log
@_trace
def engine(
    listen: tuple[str, int],
    data: Path,
    catalog: str | None,
    runtime: str | None,
    documents: Path | None,
    store: str,
    workers: int,
    place: tuple[int, int, int] | None,
    keep_history: float | None,
    keep_ended: float | None,
    log_level: str,
    trace: bool,
    **outside: Any,
) -> None:
    """Serve the Workflow Engine: it runs the instances of definitions.

    State is in a file of the data folder, or with --store on PostgreSQL. There any number of engines may serve the same
    database, on one machine or several; with --workers this one is several processes, and the first of them listens.
    """
    if workers > 1 and not store:
        raise click.UsageError("several workers share a database: name one with --store postgresql://...")
    if workers > 1 and place is None:
        _supervise(workers, listen, store, log_level)
        return
    calls = _outside(documents, **outside)

    async def start(resources: AsyncExitStack) -> Server | None:
        spans = open_spans(asked=trace)
        if spans is not None:
            resources.push_async_callback(asyncio.to_thread, spans.stop)
        part = await EnginePart.start(
            data,
            catalog=catalog or DEFAULTS["catalog"],
            runtime=runtime or DEFAULTS["runtime"],
            store=store,
            settings=read_keeping(keep_history, keep_ended),
            spans=spans,
            outside=calls,
        )
        resources.push_async_callback(part.stop)
        number, fileno, _ = place or (0, -1, -1)
        if number > 0:
            return None
        listener = socket.socket(fileno=fileno) if fileno >= 0 else None
        return await Server.start(EngineFace(part.engine).app(), host=listen[0], port=listen[1], listener=listener)

    _serve("engine", start, log_level, place)


@click.command()
@click.argument(
    "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".", metavar="[FOLDER]"
)
@_listen("dev")
@functions
@_hosts
@keeping
@_log
@_trace
@by_profile
def dev(
    folder: Path,
    listen: tuple[str, int],
    keep_history: float | None,
    keep_ended: float | None,
    log_level: str,
    trace: bool,
    profile: Profile | None,
    **outside: Any,
) -> None:
    """Serve Catalog, Workflow Engine and Runtime in one process, and register what is in FOLDER.

    A file that is changed or added is checked and registered at once; one that is broken is shown with what is wrong,
    and what was registered of it before stays. Instances that run keep the definition that they began with.

    State is kept in FOLDER/.evenweave, so that a restart goes on where it stopped. The documents of functions (OpenAPI,
    proto) are below FOLDER.
    """
    calls = _outside(folder, **outside)

    async def start(resources: AsyncExitStack) -> Server:
        spans = open_spans(asked=trace)
        if spans is not None:
            resources.push_async_callback(asyncio.to_thread, spans.stop)
        settings = read_keeping(keep_history, keep_ended)
        path = folder / ".evenweave" / "evenweave.db"
        whole = await Whole.start(path, settings=settings, spans=spans, outside=calls)
        resources.push_async_callback(whole.stop)
        runtime_face = RuntimeFace(whole.broker)
        face = WholeFace(CatalogFace(whole.catalog).app(), EngineFace(whole.engine).app(), runtime_face)
        server = await Server.start(face, host=listen[0], port=listen[1], on_stop=runtime_face.stop)
        watched = Folder(folder, whole, profile)
        await watched.register()
        watching = asyncio.create_task(watched.watch())
        resources.push_async_callback(_end, watching)
        return server

    _serve("dev", start, log_level)


def _outside(
    documents: Path | None,
    functions: tuple[tuple[str, str], ...],
    resolve: tuple[tuple[str, str], ...],
    secrets: str | None,
    hosts: tuple[str, ...],
) -> Outside:
    return Outside(
        callables=read_functions(functions),
        secrets_file=None if secrets is None else Path(secrets),
        resolve=read_resolve(resolve),
        hosts=hosts or None,
        documents=documents,
    )


def _supervise(workers: int, listen: tuple[str, int], store: str, log_level: str) -> None:
    """Start the workers, on tables that are up to date."""
    configure_logs(log_level)

    async def run() -> None:
        await prepare_store(store)
        await Workers(workers, *listen).run()

    try:
        asyncio.run(run())
    except EvenweaveError as error:
        raise click.ClickException(str(error)) from None


def _serve(
    part: str,
    start: Callable[[AsyncExitStack], Awaitable[Server | None]],
    log_level: str,
    place: tuple[int, int, int] | None = None,
) -> None:
    configure_logs(log_level)
    try:
        tune_process()
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(_run(part, start, place))
    except EvenweaveError as error:
        raise click.ClickException(str(error)) from None


async def _run(
    part: str, start: Callable[[AsyncExitStack], Awaitable[Server | None]], place: tuple[int, int, int] | None
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C ends asyncio.run
            loop.add_signal_handler(number, stop.set)
    if place is not None:
        watch_parent(place[2], stop.set)
    async with AsyncExitStack() as resources:
        server = await start(resources)
        if server is None:
            click.echo(f"{part} has worker {place[0] if place is not None else 0}")
        else:
            resources.push_async_callback(server.stop)
            click.echo(f"{part} listens on {server.url}")
        await stop.wait()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
