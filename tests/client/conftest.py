"""A Runtime with a real server for the client's tests."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from evenweave.adapters.brokers.embedded import MIGRATIONS, EmbeddedBroker
from evenweave.adapters.clocks import SystemClock
from evenweave.adapters.sqlite import Database
from evenweave.http.runtime import RuntimeFace
from evenweave.http.server import Server
from evenweave.runtime.backoff import Backoff
from evenweave.runtime.rules import Rules


@dataclass
class Runtime:
    """A Runtime that can be stopped and started again on its port and its file."""

    path: Path
    port: int = 0
    server: Server | None = None
    broker: EmbeddedBroker | None = None
    database: Database | None = None

    @property
    def url(self) -> str:
        """Where it listens, or will."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Open the file and listen."""
        self.database = Database.open(self.path, [MIGRATIONS])
        rules = Rules(backoff=Backoff(first_s=0.01, cap_s=0.02))
        self.broker = await EmbeddedBroker.open(self.database, clock=SystemClock(), rules=rules)
        face = RuntimeFace(self.broker)
        self.server = await Server.start(face, port=self.port, on_stop=face.stop)
        self.port = self.server.port

    async def stop(self) -> None:
        """Close everything."""
        if self.server is not None and self.broker is not None and self.database is not None:
            await self.server.stop()
            await self.broker.close()
            await self.database.close()
        self.server = None


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    """A Runtime that listens."""
    runtime = Runtime(tmp_path / "runtime.db")
    await runtime.start()
    yield runtime
    await runtime.stop()
