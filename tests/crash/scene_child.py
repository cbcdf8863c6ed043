"""A worker on a store on disk that plays one scene of an example, and is killed wherever the instance waits.

    python scene_child.py FOLDER

FOLDER/scene.json says what to play. A wait is a call that is in flight, or a moment at which nothing moves before the
next event, answer or deadline. The process kills itself at each, once, and the next one goes on: on the same files, at
the same time of the same clock. When everything has ended it prints what came of it, and exits with 0.

What the world around the worker knows is in FOLDER/journal: the time, the events that came, the calls that were made.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import apsw

from evenweave.adapters.clocks import JumpingClock
from evenweave.app import Outside, Whole
from evenweave.engine import correlate
from evenweave.plan.nodes import Emit
from evenweave.ports.functions import CallFailed, Request

if TYPE_CHECKING:
    from evenweave.plan.nodes import EventMatch, Plan

BASE_MS = 1_767_225_600_000
LIMIT_S = 60.0
LAGGING = """
    select count(*) from broker_events as e
    join broker_cursors as c on c.channel = e.channel
    join broker_groups as g on g.id = c.group_id and g.name = 'evenweave.engine'
    where e.position > c.floor and (e.position > c.reach or length(c.missing) > 0)
"""
BUSY = (
    "select count(*) from instances where status = 'running' or due <= :now",
    "select count(*) from outbox",
    "select count(*) from calls",
    "select count(*) from inbox where kind in ('begin', 'ended', 'cancel', 'arrival')",
    LAGGING,
)
"""What moves: whoever reads nothing but zeros, in one transaction, looks at a worker at rest."""


class Journal:
    """What was noted, line by line, each one durable before anything else happens."""

    def __init__(self, path: Path) -> None:
        self.lines: list[list[Any]] = []
        if path.is_file():
            self.lines = [json.loads(line) for line in path.read_text().splitlines()]
        self._file = path.open("a")

    def note(self, *line: Any) -> None:
        """Add a line: its kind, and what it says."""
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.lines.append(list(line))

    def all(self, kind: str) -> list[Any]:
        """The lines of a kind."""
        return [line[1:] for line in self.lines if line[0] == kind]


def die() -> NoReturn:
    """End as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nothing comes behind it")


class Played:
    """The functions of a scene, inside the process: each call is seen once before it is answered."""

    def __init__(self, results: dict[str, list[Any]], journal: Journal) -> None:
        self._results = results
        self._journal = journal

    async def call(self, request: Request) -> Any:
        """Answer in turn; a call that is new is noted, and the process ends with it in flight."""
        invocation = request.invocation
        given = invocation.data if invocation.arguments is None else request.arguments
        known = [key for key, function, _ in self._journal.all("call") if function == invocation.function]
        if invocation.key not in known:
            self._journal.note("call", invocation.key, invocation.function, given)
            die()
        told = self._results[invocation.function]
        result = told[min(known.index(invocation.key), len(told) - 1)]
        if isinstance(result, str) and result.startswith("!"):
            error = result[1:]
            raise CallFailed(error, error, [f"HTTP:{error}", error] if error.isdigit() else [error])
        return result

    async def close(self) -> None:
        """There is nothing to close."""


class Player:
    """One process of the play."""

    def __init__(self, folder: Path) -> None:
        self.scene: dict[str, Any] = json.loads((folder / "scene.json").read_text())
        self.journal = Journal(folder / "journal")
        times = self.journal.all("time")
        self.clock = JumpingClock(times[-1][0] if times else BASE_MS)
        self.path = folder / "engine.db"

    async def play(self) -> None:
        """Go on where the last process died."""
        played = Played(self.scene["functions"], self.journal)

        class Stubbed(Outside):
            def open_functions(self) -> Any:
                return played

        self.whole = await Whole.start(self.path, clock=self.clock, outside=Stubbed())
        self.sql = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY)
        for name, text in self.scene["definitions"].items():
            await self.whole.engine.register(name, text.encode())
        found = self.whole.engine.definition(self.scene["id"]).plan
        assert found is not None
        self.plan: Plan = found
        self.probe = await self.whole.broker.subscribe("probe", self.channels(), mode="read")
        if not self.plan.starts and not await self.whole.engine.instances():
            await self.whole.engine.start_instance(self.plan.id, self.scene["input"], command="scene")
        while not await self.rest() and await self.move_on():
            pass
        print(json.dumps(await self.tell()))
        self.sql.close()
        await self.whole.stop()

    def channels(self) -> list[str]:
        """Where the definition publishes."""
        return sorted({node.channel for node in self.plan.nodes.values() if isinstance(node, Emit)})

    async def rest(self) -> bool:
        """Let everything move that can, and die where that is seen for the first time; whether all has ended."""
        until = time.monotonic() + LIMIT_S
        while True:
            assert time.monotonic() < until, f"it never rests: {self.busy()}"
            self.clock.jump(0)
            await asyncio.sleep(0.002)
            if not any(self.busy()):
                break
        await self.harvest()
        rows = [list(row) for row in self.sql.execute("select id, status, revision from instances order by id")]
        if rows and all(status not in {"waiting", "pending"} for _, status, _ in rows):
            return True
        if [rows] not in self.journal.all("wait"):
            self.journal.note("wait", rows)
            die()
        return False

    def busy(self) -> list[int]:
        """How much of each kind is in motion."""
        now = {"now": self.clock.now() / 1000}
        with self.sql:
            return [int(row[0]) for sql in BUSY for row in self.sql.execute(sql, now if ":now" in sql else None)]

    async def harvest(self) -> None:
        """Note what was published."""
        channels = self.channels()
        if not channels:
            return
        marks = ", ".join("?" * len(channels))
        ((count,),) = self.sql.execute(f"select count(*) from broker_events where channel in ({marks})", channels)
        after = {channel: (log, 0) for channel, (log, _) in self.probe.positions.items()}
        found: list[Any] = []
        while len(found) < count:  # what is in the file is for readers a moment later
            found = await self.whole.broker.read(self.probe.id, after, 1000)
            await asyncio.sleep(0)
        known = {event["id"] for (event,) in self.journal.all("published")}
        for each in found:
            mine = correlate.published_by(each.event.get(correlate.INSTANCE, ""), each.event)
            if mine and each.event["id"] not in known:
                self.journal.note("published", each.event)

    async def move_on(self) -> bool:
        """The next thing that happens around the worker: an answer, an event, or time that passes; if there is one."""
        for (event,) in self.journal.all("published"):
            name = next(
                node.name
                for node in self.plan.nodes.values()
                if isinstance(node, Emit) and (node.channel, node.type) == (event["subject"], event["type"])
            )
            if name in self.scene["replies"] and [event["id"]] not in self.journal.all("answered"):
                await self.publish(self.answered(), f"{event['id']}/answer", self.scene["replies"][name], {}, event)
                self.journal.note("answered", event["id"])
                return True
        sent = len(self.journal.all("sent"))
        following = self.scene["events"][sent : sent + 1]
        moments = [BASE_MS + after_ms for *_, after_ms in following]
        due = next(iter(self.sql.execute("select min(due) from instances")))[0]
        if due is not None:
            moments.append(round(due * 1000))
        if not moments:
            return False
        ahead_ms = min(moments) - self.clock.now()
        if ahead_ms > 0:
            self.journal.note("time", min(moments))
            self.clock.jump(ahead_ms / 1000)
            return True
        name, data, attributes, _ = following[0]
        await self.publish(self.match(name), f"event-{sent}", data, attributes)
        self.journal.note("sent", sent)
        return True

    def match(self, name: str) -> EventMatch:
        """The kind of event that a name stands for."""
        return next(accept.match for accept in self.plan.accepts if accept.match.name == name)

    def answered(self) -> EventMatch:
        """The event that answers a trigger: no example asks for more than one kind."""
        (found,) = {accept.match.name: accept.match for accept in self.plan.accepts if accept.echo}.values()
        return found

    async def publish(
        self, match: EventMatch, name: str, data: Any, attributes: dict[str, Any], trigger: dict[str, Any] | None = None
    ) -> None:
        """Let an event come, durably; an answer echoes its trigger."""
        source = "/".join("any" if part in {"+", "#"} else part for part in (match.source or "/test").split("/"))
        event = {"specversion": "1.0", "id": name, "source": source, "type": match.type or match.name, "data": data}
        if trigger is not None:
            kept = (correlate.INSTANCE, correlate.TASK, *match.names)
            event |= {name: trigger[name] for name in kept if name in trigger}
        event |= {name.lower(): value for name, value in attributes.items()}
        await self.whole.broker.publish([(match.channel, event)])

    async def tell(self) -> dict[str, Any]:
        """What came of it."""
        engine = self.whole.engine
        summaries = await engine.instances()
        every = [await engine.instance(each.id) for each in summaries]
        mine = [each for each in every if each.definition == self.plan.id]
        return {
            "instances": [[each.status, each.data, each.updated - BASE_MS / 1000] for each in mine],
            "published": [[event["type"], event.get("data")] for (event,) in self.journal.all("published")],
            "calls": [[name, given] for _, name, given in self.journal.all("call") if name in self.scene["called"]],
            "checked": [await engine.archive.check(each.id) for each in every],
        }


if __name__ == "__main__":
    asyncio.run(Player(Path(sys.argv[1])).play())
