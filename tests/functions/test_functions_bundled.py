"""The documents that functions are called by are a part of the definition: it calls by what it was registered with."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from function_server import asking

from evenweave.adapters.clocks import JumpingClock
from evenweave.app import Outside, Whole
from evenweave.cli.files import check_files
from evenweave.definitions.swf08 import FILES
from evenweave.ports.functions import CallFailed

if TYPE_CHECKING:
    from pathlib import Path

    from function_server import Server

FLOW = """id: shop
version: '%s'
specVersion: '0.8'
states:
  - {name: Wait, type: sleep, duration: PT1H, transition: Look}
  - name: Look
    type: operation
    actions: [{functionRef: {refName: look, arguments: {id: o1}}}]
    end: true
functions:
  - {name: look, operation: 'file://api/shop.yaml#look'}
"""
OPENAPI = """openapi: 3.0.0
info: {title: Shop, version: '1'}
paths:
  /%s/{id}:
    get:
      operationId: look
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses: {}
"""
PROTO = 'syntax = "proto3";\nimport "more/kinds.proto";\nimport public \'google/protobuf/empty.proto\';\n'


def write(folder: Path, name: str, text: str) -> None:
    """Write a file."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def bundled(folder: Path, version: str = "1") -> bytes:
    """The definition with its files, as it is registered."""
    write(folder, "flow.yaml", FLOW % version)
    (checked,) = check_files([str(folder / "flow.yaml")])
    assert checked.valid, checked.diagnostics
    return checked.data if checked.alone is None else checked.alone


async def test_instance_calls_by_the_document_that_it_began_with(tmp_path: Path, server: Server) -> None:
    """A document that changes is another version of the definition; who began before calls as before, restarted too."""
    write(tmp_path, "api/shop.yaml", OPENAPI % "orders")
    clock = JumpingClock()
    outside = Outside(resolve={"localhost": server.url}, documents=tmp_path)

    async def open_() -> Whole:
        return await Whole.start(tmp_path / "engine.db", clock=clock, outside=outside)

    whole = await open_()
    first = await whole.engine.register("flow.yaml", bundled(tmp_path))
    old = await whole.engine.start_instance("shop", {})
    write(tmp_path, "api/shop.yaml", OPENAPI % "purchases")
    second = await whole.engine.register("flow.yaml", bundled(tmp_path))
    assert first.row.digest != second.row.digest
    assert not (await whole.engine.register("flow.yaml", bundled(tmp_path))).created
    new = await whole.engine.start_instance("shop", {})
    (tmp_path / "api" / "shop.yaml").unlink()
    await whole.stop()
    whole = await open_()
    clock.jump(3600)
    async with asyncio.timeout(20):
        while {each.status for each in await whole.engine.instances()} != {"completed"}:
            clock.jump(0)
            await asyncio.sleep(0.005)
    began = [(await whole.engine.instance(id_)).digest for id_ in (old, new)]
    assert began == [first.row.digest, second.row.digest]
    assert sorted(asked.path for asked in server.asked) == ["/orders/o1", "/purchases/o1"]
    await whole.stop()


async def test_document_that_is_no_part_of_the_definition_is_read_when_called(tmp_path: Path, server: Server) -> None:
    """A definition that was registered by itself calls by what is in the worker's folder then."""
    whole = await Whole.start(None, outside=Outside(resolve={"localhost": server.url}, documents=tmp_path))
    await whole.engine.register("flow.yaml", (FLOW % "1").replace("PT1H", "PT0S").encode())
    write(tmp_path, "api/shop.yaml", OPENAPI % "orders")
    id_ = await whole.engine.start_instance("shop", {})
    async with asyncio.timeout(20):
        while (await whole.engine.instance(id_)).status != "completed":  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert [asked.path for asked in server.asked] == ["/orders/o1"]
    await whole.stop()


def test_files_of_functions_are_put_into_the_definition(tmp_path: Path) -> None:
    """OpenAPI as JSON, .proto files with what they import from the bundle; what is elsewhere is left where it is."""
    write(tmp_path, "api/shop.yaml", OPENAPI % "orders")
    write(tmp_path, "grpc/orders.proto", PROTO)
    write(tmp_path, "grpc/more/kinds.proto", 'syntax = "proto3";\n')
    operations = {
        "look": ("rest", "file://api/shop.yaml#look"),
        "again": ("rest", "api/shop.yaml#look"),
        "short": ("rest", "get:/orders#x"),
        "away": ("rest", "https://api.example.org/shop.yaml#look"),
        "none": ("rest", "file://nowhere.yaml#look"),
        "add": ("rpc", "file://grpc/orders.proto#Orders#Add"),
        "lost": ("rpc", "file://grpc/lost.proto#Orders#Add"),
    }
    functions = [{"name": name, "type": kind, "operation": where} for name, (kind, where) in operations.items()]
    actions = [{"functionRef": name} for name in operations]
    flow = {
        "id": "f",
        "specVersion": "0.8",
        "functions": functions,
        "states": [{"name": "S", "type": "operation", "actions": actions, "end": True}],
    }
    write(tmp_path, "flow.json", json.dumps(flow))
    (checked,) = check_files([str(tmp_path / "flow.json")])
    assert checked.alone is not None
    files = json.loads(checked.alone)[FILES]
    assert set(files) == {"file://api/shop.yaml", "api/shop.yaml", "file://grpc/orders.proto"}
    assert files["file://api/shop.yaml"]["paths"].keys() == {"/orders/{id}"}
    assert list(files["file://grpc/orders.proto"].items()) == [
        ("orders.proto", PROTO),
        ("more/kinds.proto", 'syntax = "proto3";\n'),
    ]
    assert checked.plan is not None
    assert checked.plan.files == files


@pytest.mark.parametrize("part", ["text", 7, ["x"]])
async def test_document_of_the_definition_that_is_none_is_an_error(server: Server, part: Any) -> None:
    """Whoever writes the files of a definition by hand may write anything."""
    import msgspec

    request = msgspec.structs.replace(asking("file://a.yaml#look", {}), files={"file://a.yaml": part})
    with pytest.raises(CallFailed, match="is no object") as raised:
        await server.functions().call(request)
    assert raised.value.error == "document"
