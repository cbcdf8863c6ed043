"""Runs a part of Evenweave, or a service, and kills it between two steps of the protocol.

    python stopping.py POINT COUNT evenweave engine --listen ...
    python stopping.py POINT COUNT path/to/service.py --runtime ...
    python stopping.py - 0 path/to/service.py --runtime ...

The process is killed (SIGKILL, as a power cut would) when it passes the point for the COUNT-th time; with the point
``-`` it is not. Nothing of the product knows of this: the steps are wrapped from outside. Services hold their messages
for a short time only, so that what was in the hands of a dead one is soon in another's.
"""

from __future__ import annotations

import functools
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LEASE_S = 3.0
POINTS = {
    # Where: what is wrapped, and whether it is stopped before it or after it.
    "engine: before commit": ("evenweave.adapters.sqlite.writer", "commit", "before"),
    "engine: after commit": ("evenweave.adapters.sqlite.writer", "commit", "after"),
    "engine: after reading events": ("evenweave.adapters.brokers.remote.broker", "RemoteBroker.read", "after"),
    "engine: before publishing": ("evenweave.adapters.brokers.remote.broker", "RemoteBroker.publish", "before"),
    "engine: after publishing": ("evenweave.adapters.brokers.remote.broker", "RemoteBroker.publish", "after"),
    "engine: before acknowledging": ("evenweave.adapters.brokers.remote.broker", "RemoteBroker.acknowledge", "before"),
    "engine: after acknowledging": ("evenweave.adapters.brokers.remote.broker", "RemoteBroker.acknowledge", "after"),
    "runtime: before commit": ("evenweave.adapters.sqlite.writer", "commit", "before"),
    "runtime: after commit": ("evenweave.adapters.sqlite.writer", "commit", "after"),
    "runtime: before answering a publisher": (
        "evenweave.adapters.brokers.embedded.broker",
        "EmbeddedBroker.publish",
        "after",
    ),
    "runtime: after handing out": ("evenweave.adapters.brokers.embedded.broker", "EmbeddedBroker.deliveries", "after"),
    "runtime: before settling": ("evenweave.adapters.brokers.embedded.broker", "EmbeddedBroker.settle", "before"),
    "runtime: after settling": ("evenweave.adapters.brokers.embedded.broker", "EmbeddedBroker.settle", "after"),
    "catalog: before commit": ("evenweave.adapters.sqlite.writer", "commit", "before"),
    "catalog: after commit": ("evenweave.adapters.sqlite.writer", "commit", "after"),
    "payment: before replying": ("evenweave.client.connection", "Connection.publish", "before"),
    "payment: after replying": ("evenweave.client.connection", "Connection.publish", "after"),
    "payment: before acknowledging": ("evenweave.client.connection", "Connection.settle", "before"),
    "payment: after acknowledging": ("evenweave.client.connection", "Connection.settle", "after"),
}
POSTGRES_POINTS = {
    "engine: before commit": ("evenweave.adapters.stores.postgres.commit", "Commit.run", "before"),
    "engine: after commit": ("evenweave.adapters.stores.postgres.commit", "Commit.run", "after"),
    "engine: after taking events": ("evenweave.adapters.brokers.remote.broker", "RemoteBroker.deliveries", "after"),
    "engine: before publishing": ("evenweave.adapters.brokers.remote.broker", "RemoteBroker.publish", "before"),
    "engine: after publishing": ("evenweave.adapters.brokers.remote.broker", "RemoteBroker.publish", "after"),
    "engine: before acknowledging": ("evenweave.adapters.brokers.remote.broker", "RemoteBroker.settle", "before"),
    "engine: after acknowledging": ("evenweave.adapters.brokers.remote.broker", "RemoteBroker.settle", "after"),
}
"""Those of a worker on PostgreSQL, which takes events by leases."""

EVERY_POINT = {
    **{f"sqlite {name}": step for name, step in POINTS.items()},
    **{f"postgresql {name}": step for name, step in POSTGRES_POINTS.items()},
}


def plant(point: str, count: int) -> None:
    """Wrap the step of a point, so that the COUNT-th pass kills the process."""
    module, path, when = EVERY_POINT[point]
    owner: Any = __import__(module, fromlist=["_"])
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    setattr(owner, name, _wrap(getattr(owner, name), when, count))


def shorten_leases() -> None:
    """Let every subscriber of this process take leases of `LEASE_S`."""
    from evenweave.client import Service

    defaults = Service.subscriber.__kwdefaults__
    assert "lease_s" in defaults
    defaults["lease_s"] = LEASE_S


def _wrap(step: Callable[..., Any], when: str, count: int) -> Callable[..., Any]:
    passed = 0

    def die() -> None:
        nonlocal passed
        passed += 1
        if passed >= count:
            os.kill(os.getpid(), signal.SIGKILL)

    if _is_coroutine(step):

        @functools.wraps(step)
        async def wrapped(*arguments: Any, **named: Any) -> Any:
            if when == "before":
                die()
            result = await step(*arguments, **named)
            # A poll that brought nothing is no step.
            if when == "after" and result != []:
                die()
            return result

        return wrapped

    @functools.wraps(step)
    def direct(*arguments: Any, **named: Any) -> Any:
        if when == "before":
            die()
        result = step(*arguments, **named)
        if when == "after":
            die()
        return result

    return direct


def _is_coroutine(step: Callable[..., Any]) -> bool:
    return bool(getattr(step, "__code__", None) and step.__code__.co_flags & 0x80)


def main() -> None:
    """Plant the stop and run what is named."""
    point, count, what, *arguments = sys.argv[1:]
    if point != "-":
        plant(point, int(count))
    sys.argv = [what, *arguments]
    if what == "evenweave":
        from evenweave.cli import main as evenweave

        evenweave()
    shorten_leases()
    sys.path.insert(0, str(Path(what).parent))
    runpy.run_path(what, run_name="__main__")


if __name__ == "__main__":
    main()
