"""A process that the crash test kills while a call runs: everything on one database."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from evenweave.app import Outside, Whole


async def serve(folder: Path, url: str, repeat: str) -> None:
    """Start an instance that calls, and wait to be killed."""
    whole = await Whole.start(folder / "all.db", outside=Outside(resolve={"api.example.org": url}))
    function = {"name": "pay", "operation": "POST:http://api.example.org/pay", "metadata": {"timeout": "PT60S"}}
    if repeat:
        function["metadata"] = {"timeout": "PT60S", "repeat": repeat}
    action = {"functionRef": {"refName": "pay", "arguments": {"amount": 7}}}
    flow = {
        "id": "f",
        "specVersion": "0.8",
        "errors": [{"name": "Unknown", "code": "outcome-unknown"}],
        "functions": [function],
        "states": [
            {
                "name": "Pay",
                "type": "operation",
                "actions": [action],
                "onErrors": [{"errorRef": "Unknown", "transition": "Look"}],
                "end": True,
            },
            {"name": "Look", "type": "inject", "data": {"look": True}, "end": True},
        ],
    }
    await whole.engine.register("flow.json", json.dumps(flow).encode())
    await whole.engine.start_instance("f", {}, command="once")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
