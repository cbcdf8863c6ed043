"""kill -9 between a call and its result (PROTOCOL section 2, "Calls to functions")."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evenweave.app import Outside, Whole

if TYPE_CHECKING:
    from function_server import Asked, Server

CHILD = Path(__file__).with_name("crash_calls.py")


async def ended(whole: Whole) -> Any:
    """The one instance, once it has ended; at most 20 s."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        (one,) = await whole.engine.instances()
        if one.status not in {"waiting", "running"}:
            return await whole.engine.instance(one.id)
        await asyncio.sleep(0.01)
    raise AssertionError("the instance did not end")


@pytest.mark.parametrize("repeat", ["", "never"])
async def test_call_whose_process_is_killed_is_made_again_under_its_key(
    server: Server, tmp_path: Path, repeat: str
) -> None:
    """The next process calls again with the same Idempotency-Key; where that is forbidden, the workflow handles it."""
    from aiohttp import web

    came, hold = asyncio.Event(), asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        server.asked.append(_asked(request, await request.text()))
        came.set()
        if len(server.asked) == 1:
            await hold.wait()
        return web.json_response({"paid": True})

    server.handler = hang
    child = await asyncio.create_subprocess_exec(sys.executable, str(CHILD), str(tmp_path), server.url, repeat)
    await asyncio.wait_for(came.wait(), 60)
    child.kill()
    await child.wait()
    hold.set()
    whole = await Whole.start(tmp_path / "all.db", outside=Outside(resolve={"api.example.org": server.url}))
    found = await ended(whole)
    await whole.stop()
    assert found.status == "completed"
    assert found.data == ({"look": True} if repeat else {"paid": True})
    keys = [each.headers["idempotency-key"] for each in server.asked]
    assert len(keys) == (1 if repeat else 2)
    assert len(set(keys)) == 1


def _asked(request: Any, body: str) -> Asked:
    from function_server import Asked

    return Asked(request.method, request.path, {}, {k.lower(): v for k, v in request.headers.items()}, body)
