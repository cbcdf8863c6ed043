"""A server for functions to call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from function_server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server that listens."""
    made = Server()
    await made.start()
    yield made
    await made.stop()
