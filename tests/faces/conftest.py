"""The Catalog and the engine behind their faces."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from served import Asking, served

from evenweave.app import CatalogPart, Whole
from evenweave.http.catalog import CatalogFace
from evenweave.http.engine import EngineFace
from evenweave.http.runtime import RuntimeFace
from evenweave.http.whole import WholeFace


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Asking]:
    """A Catalog of its own."""
    part = await CatalogPart.start(tmp_path)
    try:
        async with served(CatalogFace(part.catalog).app()) as ask:
            yield ask
    finally:
        await part.stop()


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Asking]:
    """All three behind one port."""
    part = await Whole.start(tmp_path / "evenweave.db")
    try:
        runtime = RuntimeFace(part.broker)
        face = WholeFace(CatalogFace(part.catalog).app(), EngineFace(part.engine).app(), runtime)
        async with served(face, on_stop=runtime.stop) as ask:
            yield ask
    finally:
        await part.stop()
