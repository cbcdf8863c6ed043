"""Houses for the tests of the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from worker_house import SERVICE, House

from evenweave.adapters.clocks import JumpingClock
from evenweave.app import Whole
from evenweave.worker import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


@pytest.fixture
async def open_house() -> AsyncIterator[Callable[..., Awaitable[House]]]:
    """Open houses with settings of the test's own."""
    opened = []

    async def open_(**settings: Any) -> House:
        clock = JumpingClock()
        whole = await Whole.start(None, settings=Settings(**settings), clock=clock)
        opened.append(whole)
        await whole.catalog.register("shop.yaml", SERVICE)
        return House(whole, clock)

    yield open_
    for whole in opened:
        await whole.stop()


@pytest.fixture
async def house(open_house: Callable[..., Awaitable[House]]) -> House:
    """A house with the default settings."""
    return await open_house()
