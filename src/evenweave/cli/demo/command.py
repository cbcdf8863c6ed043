"""The command itself."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import msgspec
from msgspec import UNSET, Struct, UnsetType

from evenweave.cli.demo.grid import SCROLLED, Grid
from evenweave.cli.demo.killing import Killing
from evenweave.cli.demo.orders import Instances, Orders
from evenweave.cli.demo.stack import Stack, find_example

Say = Callable[[str], object]
LOOK_S = 0.1
STUCK_S = 60.0
ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_SERVICES = ("order", "payment", "shipment")
_WORDS = {
    "placed": "placed in the store",
    "booked": "booked by the order service",
    "paid": "paid",
    "denied": "payment denied",
    "shipped": "shipped",
}
_MARKS = {"placed": "●", "booked": "●", "paid": "●", "denied": "✗", "shipped": "✔"}


class Result(Struct):
    """The figures of a run; ``completed`` includes the denied, ``lost`` is what did not end as its payment said.

    ``kills`` is there where processes were killed on purpose.
    """

    orders: int
    completed: int
    shipped: int
    denied: int
    lost: int
    elapsed_s: float
    kills: int | UnsetType = UNSET


@click.command()
@click.option("--orders", type=click.IntRange(1, 100_000), default=5, show_default=True, help="How many orders.")
@click.option("--kill", is_flag=True, help="Kill the engine, the Runtime and the Catalog while orders run.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON and nothing else.")
def demo(orders: int, kill: bool, as_json: bool) -> None:
    """Run the online store on this machine and watch its orders.

    Starts the Catalog, the Workflow Engine and the Runtime as three processes on loopback, and four services: the
    store, order, payment and shipment. Registers their documents, places orders, and follows each until it ended.
    Every fifth order is larger than the bank pays. Exits 0 when every order ended as its payment said.

    With --kill each of the three is killed in turn (SIGKILL, as a power cut would) at a random moment while orders
    run, and started again on its port; the services are left alone.
    """
    say: Say = (lambda _: None) if as_json else click.echo
    for number in ENDING:
        signal.signal(number, _leave)
    with tempfile.TemporaryDirectory(prefix="evenweave-demo-") as name, Stack(Path(name), find_example()) as stack:
        say("Starting Catalog, Runtime and Workflow Engine as three processes, then four services ...")
        stack.start()
        stack.register()
        for service in _SERVICES:
            stack.start_service(service)
        say(_introduction(stack))
        grid = Grid() if orders > SCROLLED and not as_json and sys.stdout.isatty() else None
        say = say if grid is None else grid.say
        result, right = _follow(stack, orders, say, Killing(stack, orders, say) if kill else None, grid)
    if as_json:
        click.echo(msgspec.json.encode(result))
    else:
        _summarise(result)
    sys.exit(0 if right else 1)


def _leave(*_: object) -> None:
    """End as Ctrl-C does: everything that was started is stopped on the way out."""
    raise KeyboardInterrupt


def _follow(stack: Stack, wanted: int, say: Say, killing: Killing | None, grid: Grid | None) -> tuple[Result, bool]:
    """Place the orders and look until all have ended, or nothing has moved for a long time."""
    placing = [stack.journal("store")] if killing is None else killing.journals
    orders = Orders([*placing, *(stack.journal(name) for name in _SERVICES)])
    instances = Instances(stack.remote("engine"))
    began = moved = time.monotonic()
    if killing is None:
        stack.start_service("store", "--orders", str(wanted))
    else:
        killing.begin()
    done = 0
    while time.monotonic() - moved < STUCK_S:
        stack.check_alive()
        if killing is not None and killing.look(orders.placed):
            moved = time.monotonic()
        instances.look()
        if instances.ended != done:
            done, moved = instances.ended, time.monotonic()
        # After the engine was asked: of what has ended there, the services have noted all but the shipment by now.
        for order, step in orders.look():
            moved = time.monotonic()
            if grid is None:
                say(f"  {order.id}  {_path(order.steps):<12} {_WORDS[step]}" + _amount(step, order.total))
        if grid is not None:
            grid.draw(orders.known)
        if done >= wanted and _is_quiet(orders, wanted) and (killing is None or killing.over):
            break
        time.sleep(LOOK_S)
    elapsed_s = time.monotonic() - began
    orders.take_statuses(instances.statuses)
    known = orders.known.values()
    right = sum(order.ended_right for order in known)
    result = Result(
        orders=wanted,
        completed=sum(order.status == "completed" for order in known),
        shipped=sum("shipped" in order.events for order in known),
        denied=sum("denied" in order.events for order in known),
        lost=wanted - right,
        elapsed_s=round(elapsed_s, 2),
        kills=UNSET if killing is None else killing.kills,
    )
    return result, right == wanted == len(known) == len(instances.statuses)


def _is_quiet(orders: Orders, wanted: int) -> bool:
    """Whether the shipments of all that were paid are noted: an instance ends before its parcel leaves."""
    known = orders.known.values()
    return len(known) == wanted and all(("shipped" in each.events) == ("paid" in each.events) for each in known)


def _path(steps: list[str]) -> str:
    return "─".join(_MARKS[step] for step in steps)


def _amount(step: str, total: float) -> str:
    return f" ({total:,.2f} EUR)" if step in {"placed", "denied"} else ""


def _introduction(stack: Stack) -> str:
    return "\n".join(
        [
            f"  Catalog   {stack.urls['catalog']}",
            f"  Runtime   {stack.urls['runtime']}",
            f"  Engine    {stack.urls['engine']}",
            "",
            "An order's path: store ─ order service ─ payment ─ shipment, the last only if it was paid.",
        ]
    )


def _summarise(result: Result) -> None:
    killed = "" if result.kills is UNSET else f", {result.kills} processes killed"
    click.echo("")
    click.echo(
        f"{result.orders} orders placed: {result.completed} completed, {result.shipped} shipped, "
        f"{result.denied} denied, {result.lost} lost{killed}, in {result.elapsed_s} s"
    )
    click.echo(
        "Every order ended as its payment said."
        if result.lost == 0
        else f"{result.lost} orders did not end as their payment said."
    )
