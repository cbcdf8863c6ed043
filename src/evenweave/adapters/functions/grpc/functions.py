"""Calls methods of gRPC services, with messages made of the .proto file at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import grpc
import grpc.aio
from google.protobuf import json_format, message_factory

from evenweave.adapters.functions.grpc.protos import Protos
from evenweave.ports.functions import CallFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from evenweave.ports.functions import Auth, Request

SERVER: Final = "http://localhost:50051"
KEY: Final = "idempotency-key"
MAX_BYTES: Final = 512 * 1024
_MANY: Final = 10_000


class GrpcFunctions:
    """See `evenweave.ports.functions.Functions`; for functions of the type rpc.

    Args:
        place: Finds a .proto file by its URI.
        route: Where requests to a URL go, where they may be made at all.
        credentials: Gives the headers of credentials.
    """

    def __init__(
        self,
        place: Callable[[str], Path],
        route: Callable[[str], str],
        credentials: Callable[[Auth | None], Awaitable[Mapping[str, str]]],
    ) -> None:
        self._place = place
        self._route = route
        self._credentials = credentials
        self._protos = Protos()
        self._channels: dict[str, Any] = {}

    async def call(self, request: Request) -> Any:
        """Call the method; of one that streams its answers the result is all of them."""
        invocation = request.invocation
        uri, _, rest = invocation.operation.partition("#")
        name, _, method_name = rest.partition("#")
        part = request.files.get(uri)
        path = self._place(uri) if part is None else self._protos.place(uri, part)
        service = await self._protos.find(path, path.parent, name)
        method = service.methods_by_name.get(method_name)
        if method is None:
            raise CallFailed("document", f'the service "{name}" has no method "{method_name}"')
        if method.client_streaming:
            raise CallFailed("unknown-function", f'"{method_name}" takes a stream of messages, and a call has one')
        given = request.arguments if invocation.arguments is not None else {}
        message = _make(method.input_type, given, f"{name}.{method_name}")
        answer = message_factory.GetMessageClass(method.output_type)
        channel = self._channel(invocation.metadata.get("server", SERVER))
        made = channel.unary_stream if method.server_streaming else channel.unary_unary
        stub = made(
            f"/{service.full_name}/{method.name}",
            request_serializer=lambda value: value.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        headers = {KEY: invocation.key, **await self._credentials(request.auth)}
        try:
            running = stub(message, metadata=tuple(headers.items()), timeout=request.timeout_s)
            if method.server_streaming:
                return await _gather(running)
            return _read(await running)
        except grpc.aio.AioRpcError as error:
            raise _explain(error, f"{name}.{method_name}") from None

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()
        self._protos.close()

    def _channel(self, server: str) -> Any:
        url = urlsplit(self._route(server if "://" in server else f"http://{server}"))
        secure = url.scheme == "https"
        target = f"{url.hostname}:{url.port or (443 if secure else 80)}"
        channel = self._channels.get(f"{url.scheme} {target}")
        if channel is None:
            # What a definition says decides where a call goes, never a proxy of the environment.
            options = [("grpc.max_receive_message_length", MAX_BYTES), ("grpc.enable_http_proxy", 0)]
            if secure:
                channel = grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), options)
            else:
                channel = grpc.aio.insecure_channel(target, options)
            self._channels[f"{url.scheme} {target}"] = channel
        return channel


def _make(kind: Any, arguments: Any, name: str) -> Any:
    try:
        return json_format.ParseDict(arguments, message_factory.GetMessageClass(kind)())
    except (json_format.ParseError, TypeError, ValueError) as error:
        raise CallFailed("arguments", f"{name}: {error}") from None


def _read(message: Any) -> Any:
    return json_format.MessageToDict(message, always_print_fields_with_no_presence=True)


async def _gather(running: Any) -> list[Any]:
    found: list[Any] = []
    async for message in running:
        if len(found) == _MANY:
            running.cancel()
            raise CallFailed("response", f"more than {_MANY} messages came")
        found.append(_read(message))
    return found


def _explain(error: Any, name: str) -> CallFailed:
    code = error.code()
    title = f"{name}: {code.name}{f': {error.details()}' if error.details() else ''}"
    codes = [f"GRPC:{code.name}", code.name, str(code.value[0])]
    kind = {"UNAVAILABLE": "connection", "DEADLINE_EXCEEDED": "timeout"}.get(code.name, "grpc")
    return CallFailed(kind, title, [*codes, kind])
