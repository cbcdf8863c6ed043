"""An engine on a file that starts a parent with two children, and is killed after a number of commits.

    python family_child.py FILE COUNT

With the count 0 it is not killed. It prints what became of the instances once the parent has ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from evenweave.adapters.sqlite import writer
from evenweave.app import Whole

HEAD = {"version": "1", "specVersion": "0.8"}
FLOWS: list[dict[str, Any]] = [
    {
        "id": "parent",
        "states": [
            {
                "name": "Call",
                "type": "operation",
                "actions": [{"subFlowRef": "first"}, {"subFlowRef": "other"}],
                "end": True,
            }
        ],
    },
    {"id": "first", "states": [{"name": "Say", "type": "inject", "data": {"first": 1}, "end": {"continueAs": "next"}}]},
    {"id": "next", "states": [{"name": "Say", "type": "inject", "data": {"next": 2}, "end": True}]},
    {"id": "other", "states": [{"name": "Say", "type": "inject", "data": {"other": 3}, "end": True}]},
]


def plant(count: int) -> None:
    """Let the process be killed right behind a commit, as a power cut would."""
    real = writer.commit
    passed = 0

    def commit(*arguments: Any, **named: Any) -> Any:
        nonlocal passed
        result = real(*arguments, **named)
        passed += 1
        if passed == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    writer.commit = commit  # type: ignore[assignment]


async def main(path: Path) -> None:
    """Register what is not, start the parent by a command that is always the same, and wait for its end."""
    whole = await Whole.start(path)
    for each in FLOWS:
        await whole.engine.register(f"{each['id']}.json", json.dumps({**HEAD, "name": each["id"], **each}).encode())
    id_ = await whole.engine.start_instance("parent", {}, command="once")
    while (await whole.engine.instance(id_)).status != "completed":  # noqa: ASYNC110 - as a user would ask
        await asyncio.sleep(0.01)
    found = [await whole.engine.instance(each.id) for each in await whole.engine.instances()]
    checked = [await whole.engine.archive.check(each.id) for each in found]
    print(json.dumps({"instances": [[each.definition, each.status, each.data] for each in found], "checked": checked}))
    await whole.stop()


if __name__ == "__main__":
    if int(sys.argv[2]):
        plant(int(sys.argv[2]))
    asyncio.run(main(Path(sys.argv[1])))
