"""The Runtime over HTTP (PROTOCOL section 5)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qs

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from evenweave.cloudevents import DEFAULT_LIMITS, CloudEventError, CloudEventTooLarge, Event, Limits, from_http
from evenweave.http.metrics import TEXT_FORMAT, make_families, render
from evenweave.http.problem import MEDIA_TYPE, Problem, make_handlers, make_problem
from evenweave.ports.broker import (
    DeadLetter,
    Delivery,
    NobodyTakes,
    Refused,
    Subscription,
    Unavailable,
    UnknownDeadLetter,
    UnknownSubscription,
    Which,
)
from evenweave.runtime.figures import MeasuredBroker

_LOG = logging.getLogger("evenweave.http")

NDJSON = "application/x-ndjson"
_EVENTS = "/v1/events"

_STATUSES: Mapping[type[Exception], int] = {
    CloudEventError: 400,
    CloudEventTooLarge: 413,
    UnknownSubscription: 404,
    UnknownDeadLetter: 404,
    NobodyTakes: 409,
    Refused: 400,
    Unavailable: 503,
}
_ACCEPTED: list[Message] = [
    {"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]},
    {"type": "http.response.body", "body": b""},
]

T = TypeVar("T")


class Subscribe(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/subscriptions`."""

    group: str
    channels: list[str]
    mode: Literal["share", "read", "broadcast"] = "share"
    from_: Literal["earliest", "end"] = msgspec.field(default="earliest", name="from")


class Failure(msgspec.Struct, forbid_unknown_fields=True):
    """A lease that is not acknowledged, and why."""

    lease: str
    reason: str = ""


class Acks(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/subscriptions/{id}/acks`: leases; for a reader, the position reached in each channel."""

    ack: list[str] | dict[str, tuple[str, int]] = []
    retry: list[str | Failure] = []
    reject: list[str | Failure] = []


class Read(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/subscriptions/{id}/read`."""

    after: dict[str, tuple[str, int]] = {}
    max: Annotated[int, msgspec.Meta(ge=1)] = 256
    wait_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0


class Line(msgspec.Struct):
    """A line of deliveries."""

    channel: str
    log: str
    position: int
    attempt: int
    lease: str
    event: msgspec.Raw


_encode = msgspec.json.Encoder().encode
_decode_subscribe = msgspec.json.Decoder(Subscribe).decode
_decode_acks = msgspec.json.Decoder(Acks).decode
_decode_read = msgspec.json.Decoder(Read).decode


class RuntimeFace:
    """The ASGI application of the Runtime over a broker.

    `stop` ends what waits; it should be called when the server begins to stop.
    """

    def __init__(self, broker: MeasuredBroker, limits: Limits = DEFAULT_LIMITS) -> None:
        self._broker = broker
        self._limits = limits
        self._polls: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._requests: dict[tuple[str, int], int] = {}
        one = "/v1/subscriptions/{id}"
        letters = "/v1/dead-letters"
        routes = [
            Route("/v1/subscriptions", self._subscribe, methods=["POST"]),
            Route("/v1/subscriptions", self._list_subscriptions, methods=["GET"]),
            Route(one, self._unsubscribe, methods=["DELETE"]),
            Route(f"{one}/deliveries", self._get_deliveries, methods=["GET"]),
            Route(f"{one}/acks", self._settle, methods=["POST"]),
            Route(f"{one}/read", self._read, methods=["POST"]),
            Route(letters, self._list_dead_letters, methods=["GET"]),
            Route(letters, self._purge_dead_letters, methods=["DELETE"]),
            Route(f"{letters}/replay", self._replay_dead_letters, methods=["POST"]),
            Route(f"{letters}/{{id}}", self._get_dead_letter, methods=["GET"]),
            Route(f"{letters}/{{id}}", self._purge_dead_letter, methods=["DELETE"]),
            Route(f"{letters}/{{id}}/replay", self._replay_dead_letter, methods=["POST"]),
            Route("/metrics", self._get_metrics, methods=["GET"]),
            Route("/healthz", self._get_health, methods=["GET"]),
            Route("/readyz", self._get_readiness, methods=["GET"]),
        ]
        self._paths: dict[object, str] = {route.endpoint: route.path for route in routes}
        self._routes = Starlette(routes=routes, exception_handlers=make_handlers(_STATUSES))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; the route that takes most of them stands before the router."""
        if scope["type"] == "http" and scope["path"] == _EVENTS and scope["method"] == "POST":
            problem = None
            try:
                await self._take_events(scope, receive)
            except (CloudEventError, Refused, Unavailable, Problem) as error:
                problem = make_problem(error, _STATUSES)
            except Exception as error:  # noqa: BLE001 (the router does the same for its routes)
                _LOG.exception("publishing failed")
                problem = make_problem(error, _STATUSES)
            self._count(_EVENTS, 202 if problem is None else problem.status)
            if problem is not None:
                await _send_problem(problem, send)
                return
            for message in _ACCEPTED:
                await send(message)
        else:

            async def count(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._count(self._paths.get(scope.get("endpoint"), "other"), message["status"])
                await send(message)

            await self._routes(scope, receive, count)

    def stop(self) -> None:
        """Answer every poll that waits with nothing, and let no more wait."""
        self._stopping = True
        for poll in self._polls:
            poll.cancel()

    def _count(self, route: str, status: int) -> None:
        key = (route, status)
        self._requests[key] = self._requests.get(key, 0) + 1

    async def _take_events(self, scope: Scope, receive: Receive) -> None:
        body = await _read_body(receive, self._limits.batch_bytes)
        events = from_http(scope["headers"], body, self._limits)
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        channels = query.get("channel")
        if channels is not None and not (len(channels) == 1 and channels[0]):
            raise Problem(400, "channel: names one channel, or is left out", {"attribute": "channel"})
        channel = channels[0] if channels is not None else None
        addressed: list[tuple[str, Event]] = []
        for index, event in enumerate(events):
            name = channel or event.get("subject")
            if name is None:
                where = "" if len(events) == 1 else f"event {index} of the batch: "
                raise Problem(400, f"{where}no channel: name it with ?channel=, or in the event's subject")
            addressed.append((name, event))
        await self._broker.publish(addressed)

    async def _subscribe(self, request: Request) -> Response:
        wanted = _parse(_decode_subscribe, await _body(request, self._limits.event_bytes))
        subscription = await self._broker.subscribe(wanted.group, wanted.channels, mode=wanted.mode, start=wanted.from_)
        return _answer(_describe(subscription))

    async def _list_subscriptions(self, _request: Request) -> Response:
        return _answer([_describe(subscription) for subscription in await self._broker.subscriptions()])

    async def _unsubscribe(self, request: Request) -> Response:
        channels = request.query_params.getlist("channel")
        await self._broker.unsubscribe(request.path_params["id"], channels or None)
        return Response(status_code=204)

    async def _get_deliveries(self, request: Request) -> Response:
        id_, limit, lease_s = request.path_params["id"], _number(request, "max", 10), _number(request, "lease_s", 30)

        async def take(wait_s: float) -> list[Delivery]:
            return await self._broker.deliveries(id_, int(limit), wait_s, lease_s)

        return _answer_lines(await self._poll(request, take, _number(request, "wait_s", 0)))

    async def _settle(self, request: Request) -> Response:
        acks = _parse(_decode_acks, await _body(request, self._limits.batch_bytes))
        id_ = request.path_params["id"]
        if isinstance(acks.ack, dict):
            if acks.retry or acks.reject:
                raise Problem(400, "a reader acknowledges positions; it holds no leases to retry or reject")
            await self._broker.acknowledge(id_, acks.ack)
        else:
            await self._broker.settle(id_, acks.ack, _failures(acks.retry), _failures(acks.reject))
        return Response(status_code=204)

    async def _read(self, request: Request) -> Response:
        wanted = _parse(_decode_read, await _body(request, self._limits.batch_bytes))
        id_ = request.path_params["id"]

        async def read(wait_s: float) -> list[Delivery]:
            return await self._broker.read(id_, wanted.after, wanted.max, wait_s)

        return _answer_lines(await self._poll(request, read, wanted.wait_s))

    async def _list_dead_letters(self, request: Request) -> Response:
        limit = int(_number(request, "max", 100))
        found = await self._broker.dead_letters(request.query_params.get("after", ""), limit, which=_which(request))
        return _answer([_describe_dead_letter(letter) for letter in found])

    async def _get_dead_letter(self, request: Request) -> Response:
        return _answer(_describe_dead_letter(await self._broker.dead_letter(request.path_params["id"])))

    async def _replay_dead_letter(self, request: Request) -> Response:
        await self._broker.replay(request.path_params["id"])
        return Response(status_code=204)

    async def _replay_dead_letters(self, request: Request) -> Response:
        replayed = await self._broker.replay_all(_which_of_many(request))
        return _answer({"replayed": replayed.count, "left": [{"id": id_, "reason": why} for id_, why in replayed.left]})

    async def _purge_dead_letter(self, request: Request) -> Response:
        await self._broker.purge(request.path_params["id"])
        return Response(status_code=204)

    async def _purge_dead_letters(self, request: Request) -> Response:
        return _answer({"purged": await self._broker.purge_all(_which_of_many(request))})

    async def _get_health(self, _request: Request) -> Response:
        return _answer({"status": "ok"})

    async def _get_readiness(self, _request: Request) -> Response:
        if self._stopping:
            raise Problem(503, "the Runtime is stopping")
        await self._broker.check()
        return _answer({"status": "ready"})

    async def _get_metrics(self, _request: Request) -> Response:
        families = make_families(await self._broker.figures(), self._requests)
        return Response(render(families), media_type=TEXT_FORMAT)

    async def _poll(
        self, request: Request, take: Callable[[float], Awaitable[list[Delivery]]], wait_s: float
    ) -> list[Delivery]:
        """Take at once, or wait for as long as the client is there and the server goes on.

        What is taken for a client that has gone is leased to nobody: it would come again only when the lease expires.
        """
        found = await take(0.0)
        if found or wait_s <= 0 or self._stopping:
            return found
        task = asyncio.current_task()
        assert task is not None
        gone = asyncio.create_task(_wait_for_disconnect(request.receive))
        gone.add_done_callback(lambda watch: None if watch.cancelled() else task.cancel())
        self._polls.add(task)
        try:
            return await take(wait_s)
        except asyncio.CancelledError:
            if not (self._stopping or gone.done()):
                raise
            task.uncancel()
            return []
        finally:
            self._polls.discard(task)
            gone.cancel()


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read_body(receive: Receive, limit: int) -> bytes:
    message = await receive()
    body = message.get("body", b"")
    if message.get("more_body"):
        parts, size = [body], len(body)
        while message.get("more_body") and size <= limit:
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        body = b"".join(parts)
    if message["type"] == "http.disconnect":
        raise Problem(400, "the client went away before its request was complete")
    if len(body) > limit:
        raise Problem(413, f"the body has more than {limit} bytes")
    return body  # type: ignore[no-any-return]


async def _body(request: Request, limit: int) -> bytes:
    return await _read_body(request.receive, limit)


async def _send_problem(problem: Problem, send: Send) -> None:
    body = problem.body()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _parse(decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(400, f"the body is not what is asked for here: {error}") from None


def _number(request: Request, name: str, default: float) -> float:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise Problem(400, f"{name}: must be a number that is not negative, not {text[:40]!r}")
    return number


def _which(request: Request) -> Which:
    query = request.query_params
    return Which(query.get("channel"), query.get("group"), _number(request, "older_s", 0))


def _which_of_many(request: Request) -> Which:
    """As `_which`; a slip must not mean all of them."""
    which = _which(request)
    everything = request.query_params.get("all") == "true"
    if everything == (which != Which()):
        raise Problem(400, "say which ones: by channel, group and older_s, or all=true")
    return which


def _failures(failures: Sequence[str | Failure]) -> list[tuple[str, str]]:
    return [(one, "") if isinstance(one, str) else (one.lease, one.reason) for one in failures]


def _describe(subscription: Subscription) -> dict[str, object]:
    return {
        "id": subscription.id,
        "group": subscription.group,
        "mode": subscription.mode,
        "channels": sorted(subscription.positions),
        "positions": subscription.positions,
    }


def _describe_dead_letter(letter: DeadLetter) -> dict[str, object]:
    return {
        "id": letter.id,
        "channel": letter.channel,
        "group": letter.group,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "time_ms": letter.time_ms,
        "event": letter.event,
    }


def _answer(value: object) -> Response:
    return Response(_encode(value), media_type="application/json")


def _answer_lines(deliveries: Sequence[Delivery]) -> Response:
    lines = [
        _encode(Line(one.channel, one.log, one.position, one.attempt, one.lease, msgspec.Raw(one.body)))
        for one in deliveries
    ]
    lines.append(b"")
    return Response(b"\n".join(lines), media_type=NDJSON)
