"""A house for the tests of faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from faulty_house import SERVICE, House

from evenweave.adapters.clocks import JumpingClock
from evenweave.app import Whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def faulty() -> AsyncIterator[House]:
    """Catalog, engine and Runtime in memory, with the shop registered."""
    clock = JumpingClock()
    whole = await Whole.start(None, clock=clock)
    await whole.catalog.register("shop.yaml", SERVICE)
    yield House(whole, clock)
    await whole.stop()
