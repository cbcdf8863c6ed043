"""Catalogs find operations, here and over HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from evenweave.adapters.catalogs.local import MIGRATIONS, LocalCatalog
from evenweave.adapters.catalogs.remote import RemoteCatalog
from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.sqlite import Database, Unit
from evenweave.errors import InvalidDocument, UnknownDocument, UnknownOperation
from evenweave.http.catalog import CatalogFace
from evenweave.http.server import Server
from evenweave.ports.catalog import CatalogUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from evenweave.ports.catalog import Catalog


def shop(channel: str = "ask") -> bytes:
    """A service with one operation."""
    return f"""
asyncapi: 2.2.0
info: {{title: Shop, version: '1'}}
channels:
  {channel}: {{publish: {{operationId: ask, message: {{name: Ask, payload: {{type: object}}}}}}}}
""".encode()


@dataclass
class Bench:
    """A catalog to ask, and the local one behind it."""

    catalog: Catalog
    local: LocalCatalog
    database: Database
    path: Path


@pytest.fixture(params=["local", "remote"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Each adapter in turn."""
    database = Database.open(tmp_path / "catalog.db", [MIGRATIONS])
    local = LocalCatalog(database, JumpingClock())
    if request.param == "local":
        yield Bench(local, local, database, tmp_path / "catalog.db")
    else:
        server = await Server.start(CatalogFace(local).app())
        remote = RemoteCatalog(server.url)
        yield Bench(remote, local, database, tmp_path / "catalog.db")
        await remote.close()
        await server.stop()
    await database.close()


@pytest.mark.parametrize("ref", ["file://shop.yaml#ask", "file://Shop#ask"])
async def test_operation_is_found_by_file_name_and_by_title(bench: Bench, ref: str) -> None:
    """An operation is found by its document's name and title, with its direction as the engine sees it."""
    await bench.local.register("shop.yaml", shop())
    found = await bench.catalog.operation(ref)
    assert (found.channel, found.direction, found.messages[0].name) == ("ask", "publish", "Ask")


async def test_newest_version_answers(bench: Bench) -> None:
    """A new version serves from its registration on; the same content again is no new version."""
    row, created, _ = await bench.local.register("shop.yaml", shop())
    assert (row.number, created) == (1, True)
    row, created, _ = await bench.local.register("shop.yaml", shop())
    assert (row.number, created) == (1, False)
    row, created, _ = await bench.local.register("shop.yaml", shop("other"))
    assert (row.number, created) == (2, True)
    assert (await bench.catalog.operation("file://shop.yaml#ask")).channel == "other"
    assert bench.local.document("shop.yaml", 1).document == shop().decode()


async def test_versions_that_are_registered_at_once_are_counted(bench: Bench) -> None:
    """Two registrations of one name at the same time are two versions."""
    rows = await asyncio.gather(*(bench.local.register("shop.yaml", shop(name)) for name in ("one", "two")))
    assert [row.number for row, _, _ in rows] == [1, 2]


@pytest.mark.parametrize("ref", ["file://shop.yaml#aks", "file://nowhere.yaml#ask"])
async def test_unknown_operation_says_so_with_a_hint(bench: Bench, ref: str) -> None:
    """What is not there is unknown, and what is closest to it is named."""
    await bench.local.register("shop.yaml", shop())
    with pytest.raises(UnknownOperation) as caught:
        await bench.catalog.operation(ref)
    assert caught.value.ref == ref
    assert caught.value.message


async def test_removed_document_is_unknown(bench: Bench) -> None:
    """A removed document answers for nothing, and cannot be removed again."""
    await bench.local.register("shop.yaml", shop())
    await bench.local.remove("shop.yaml")
    with pytest.raises(UnknownOperation):
        await bench.catalog.operation("file://shop.yaml#ask")
    with pytest.raises(UnknownDocument):
        await bench.local.remove("shop.yaml")
    with pytest.raises(UnknownDocument):
        bench.local.document("shop.yaml")


async def test_document_with_mistakes_is_not_registered(bench: Bench) -> None:
    """Nothing of an invalid document is registered; the version before it still answers."""
    await bench.local.register("shop.yaml", shop())
    for data in (b"asyncapi: [", b"asyncapi: 2.2.0\ninfo: 3\n", b"nothing: here\n"):
        with pytest.raises(InvalidDocument) as caught:
            await bench.local.register("shop.yaml", data)
        assert caught.value.diagnostics
    assert (await bench.catalog.operation("file://shop.yaml#ask")).channel == "ask"


async def test_documents_survive_a_restart(tmp_path: Path) -> None:
    """What was registered is there after a restart, in its versions; what cannot be read any more is left out."""
    database = Database.open(tmp_path / "catalog.db", [MIGRATIONS])
    local = LocalCatalog(database, JumpingClock())
    await local.register("shop.yaml", shop())
    await local.register("shop.yaml", shop("other"))
    await local.register("second.yaml", shop().replace(b"Shop", b"Second"))
    unit = Unit()
    unit.add("update documents set document = ? where name = ?", ("rubbish: [", "second.yaml"))
    await database.durable(unit)
    await database.close()
    database = Database.open(tmp_path / "catalog.db", [MIGRATIONS])
    local = LocalCatalog(database, JumpingClock())
    assert (await local.operation("file://shop.yaml#ask")).channel == "other"
    assert local.document("shop.yaml").number == 2
    with pytest.raises(UnknownDocument):
        await local.operation("file://second.yaml#ask")
    await database.close()


async def test_catalog_that_does_not_answer_is_unavailable() -> None:
    """Where nobody listens, the Catalog is unavailable: that is no unknown operation."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"<html>not found</html>"})

    server = await Server.start(broken)
    remote = RemoteCatalog(server.url)
    with pytest.raises(CatalogUnavailable):
        await remote.operation("file://shop.yaml#ask")
    await remote.close()
    url = server.url
    await server.stop()
    remote = RemoteCatalog(url)
    with pytest.raises(CatalogUnavailable):
        await remote.operation("file://shop.yaml#ask")
    await remote.close()
