"""Functions over gRPC, against a server on loopback with messages of the same .proto file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from function_server import asking

from evenweave.ports.functions import Auth, CallFailed

grpc = pytest.importorskip("grpc", reason="grpcio is not installed: pip install 'evenweave[grpc]'")
pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed: pip install 'evenweave[grpc]'")

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from evenweave.adapters.functions.grpc import GrpcFunctions

PROTO = """
syntax = "proto3";
package shop;
import "kinds.proto";
import "google/protobuf/timestamp.proto";

message Order { string id = 1; repeated int32 counts = 2; Kind kind = 3; google.protobuf.Timestamp at_time = 4; }
message Total { int32 total_count = 1; Kind kind = 2; bool paid = 3; }
service Orders {
  rpc Add (Order) returns (Total);
  rpc Watch (Order) returns (stream Total);
  rpc Put (stream Order) returns (Total);
}
"""
KINDS = 'syntax = "proto3"; package shop; enum Kind { PLAIN = 0; GIFT = 1; }'


class Orders:
    """A server of the service, and functions that call it."""

    functions: GrpcFunctions
    metadata: dict[str, str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def start(self) -> None:
        """Serve on a free port."""
        from google.protobuf import message_factory

        from evenweave.adapters.functions.grpc import GrpcFunctions
        from evenweave.adapters.functions.grpc.protos import Protos

        service = await Protos().find(self.folder / "orders.proto", self.folder, "Orders")
        order, total = (
            message_factory.GetMessageClass(service.methods_by_name["Add"].input_type),
            message_factory.GetMessageClass(service.methods_by_name["Add"].output_type),
        )

        async def add(request: Any, context: Any) -> Any:
            self.metadata = dict(context.invocation_metadata())
            if not request.id:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no id")
            return total(total_count=sum(request.counts), kind=request.kind)

        async def watch(request: Any, _context: Any) -> AsyncIterator[Any]:
            for count in request.counts:
                yield total(total_count=count)

        def write(value: Any) -> bytes:
            made: bytes = value.SerializeToString()
            return made

        handlers = {
            "Add": grpc.unary_unary_rpc_method_handler(add, order.FromString, write),
            "Watch": grpc.unary_stream_rpc_method_handler(watch, order.FromString, write),
        }
        self.server = grpc.aio.server()
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Orders", handlers),))
        port = self.server.add_insecure_port("127.0.0.1:0")
        await self.server.start()

        async def headers(auth: Auth | None) -> dict[str, str]:
            return {} if auth is None else {"authorization": f"Bearer {auth.properties['token']}"}

        def place(uri: str) -> Path:
            return self.folder / uri.removeprefix("file://")

        self.functions = GrpcFunctions(place, lambda _: f"http://127.0.0.1:{port}", headers)

    async def stop(self) -> None:
        """Stop serving."""
        await self.functions.close()
        await self.server.stop(None)


@pytest.fixture
async def orders(tmp_path: Path) -> AsyncIterator[Orders]:
    """A server that serves."""
    (tmp_path / "orders.proto").write_text(PROTO)
    (tmp_path / "kinds.proto").write_text(KINDS)
    (tmp_path / "broken.proto").write_text("syntax = 'proto3'; message {")
    made = Orders(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def test_grpc_method_gets_a_message_and_gives_one(orders: Orders) -> None:
    """Arguments are the message in JSON's form, so is the result; key and credentials are metadata."""
    given = {"id": "o1", "counts": [1, 2], "kind": "GIFT", "atTime": "2026-01-01T00:00:00Z"}
    request = asking("file://orders.proto#Orders#Add", given, type="rpc", auth=Auth("a", "bearer", {"token": "t"}))
    assert await orders.functions.call(request) == {"totalCount": 3, "kind": "GIFT", "paid": False}
    assert (orders.metadata["idempotency-key"], orders.metadata["authorization"]) == ("i:7", "Bearer t")


async def test_grpc_method_is_that_of_the_definitions_own_files(orders: Orders) -> None:
    """What the definition carries is read, whatever is in the folder by now; names in it lead nowhere else."""
    (orders.folder / "orders.proto").write_text(PROTO.replace("rpc Add (Order)", "rpc Append (Order)"))
    request = asking("file://orders.proto#Orders#Add", {"id": "o1", "counts": [1, 2]}, type="rpc")
    with pytest.raises(CallFailed, match='no method "Add"'):
        await orders.functions.call(request)
    carried = {"orders.proto": PROTO.replace("kinds.proto", "more/kinds.proto"), "more/kinds.proto": KINDS}
    own = msgspec.structs.replace(request, files={"file://orders.proto": carried})
    assert (await orders.functions.call(own))["totalCount"] == 3
    for bad in ({"../orders.proto": PROTO}, {"/tmp/orders.proto": PROTO}, {"a.proto": 1}, {}, "text", {".": PROTO}):
        own = msgspec.structs.replace(request, files={"file://orders.proto": bad})
        with pytest.raises(CallFailed) as raised:
            await orders.functions.call(own)
        assert raised.value.error == "document"


async def test_grpc_stream_of_answers_is_an_array(orders: Orders) -> None:
    """The service may be named with its package."""
    request = asking("orders.proto#shop.Orders#Watch", {"id": "o", "counts": [4, 5]}, type="rpc")
    assert [each["totalCount"] for each in await orders.functions.call(request)] == [4, 5]


@pytest.mark.parametrize(
    ("operation", "arguments", "error", "codes"),
    [
        ("Orders#Add", {"counts": [1]}, "grpc", ["GRPC:INVALID_ARGUMENT", "INVALID_ARGUMENT", "3", "grpc"]),
        ("Orders#Add", {"nothing": 1}, "arguments", ["arguments"]),
        ("Orders#Add", {"id": 7}, "arguments", ["arguments"]),
        ("Orders#Nothing", {}, "document", ["document"]),
        ("Nothing#Add", {}, "document", ["document"]),
        ("Orders#Put", {}, "unknown-function", ["unknown-function"]),
    ],
)
async def test_grpc_call_that_fails_says_why(
    orders: Orders, operation: str, arguments: Any, error: str, codes: list[str]
) -> None:
    """The status of an answer is the error's code."""
    with pytest.raises(CallFailed) as raised:
        await orders.functions.call(asking(f"orders.proto#{operation}", arguments, type="rpc"))
    assert (raised.value.error, raised.value.codes) == (error, codes)


async def test_proto_file_that_is_none_is_an_error(orders: Orders) -> None:
    """The compiler's words are in the error."""
    with pytest.raises(CallFailed, match=r"broken\.proto") as raised:
        await orders.functions.call(asking("broken.proto#Orders#Add", {}, type="rpc"))
    assert raised.value.error == "document"


async def test_grpc_server_that_is_not_there_is_a_connection_error(orders: Orders) -> None:
    """It has the status as its code too."""
    await orders.server.stop(None)
    with pytest.raises(CallFailed) as raised:
        await orders.functions.call(asking("orders.proto#Orders#Add", {"id": "o"}, type="rpc"))
    assert (raised.value.error, raised.value.codes[0]) == ("connection", "GRPC:UNAVAILABLE")
