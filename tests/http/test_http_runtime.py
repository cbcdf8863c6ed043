"""The Runtime's routes, asked with a plain HTTP client."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import aiohttp
import pytest

from evenweave.adapters.brokers.embedded import MIGRATIONS, EmbeddedBroker
from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.sqlite import Database
from evenweave.cloudevents import BATCHED, STRUCTURED, encode, encode_batch
from evenweave.http.runtime import RuntimeFace
from evenweave.http.server import ListenError, Server

EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order", "data": {"id": "o1"}}


class Face:
    """A Runtime that is served, and a session to ask it."""

    def __init__(self, server: Server, session: aiohttp.ClientSession, clock: JumpingClock) -> None:
        self.server = server
        self.session = session
        self.clock = clock

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Return status and JSON, or lines of it, or text."""
        async with self.session.request(method, self.server.url + path, **options) as response:
            if response.content_type == "application/x-ndjson":
                lines = (await response.text()).splitlines()
                return response.status, [await _loads(line) for line in lines]
            if response.content_type.endswith("json"):
                return response.status, await response.json(content_type=None)
            return response.status, await response.text()

    async def publish(self, *events: dict[str, Any], query: str = "?channel=a") -> tuple[int, Any]:
        """Publish events as a batch."""
        headers = {"content-type": BATCHED}
        return await self.ask("POST", f"/v1/events{query}", data=encode_batch(events), headers=headers)

    async def subscribe(self, **wanted: Any) -> Any:
        """Subscribe the group `shop` to `a`, or what is asked for."""
        status, answer = await self.ask("POST", "/v1/subscriptions", json={"group": "shop", "channels": ["a"]} | wanted)
        assert status == 200
        return answer


async def _loads(line: str) -> Any:
    import json

    return json.loads(line)


@pytest.fixture
async def face() -> AsyncIterator[Face]:
    """A Runtime on a port of its own."""
    clock = JumpingClock()
    database = Database.open(None, [MIGRATIONS])
    broker = await EmbeddedBroker.open(database, clock=clock, jitter=lambda: 0.0)
    runtime = RuntimeFace(broker)
    server = await Server.start(runtime, on_stop=runtime.stop)
    async with aiohttp.ClientSession() as session:
        yield Face(server, session, clock)
    await server.stop()
    await broker.close()
    await database.close()


async def test_events_are_taken_in_every_mode(face: Face) -> None:
    """Structured, binary and batched events are accepted; the channel is the query's, else the subject."""
    group = await face.subscribe(channels=["a", "b c/d"])
    structured = {"content-type": STRUCTURED}
    assert await face.ask("POST", "/v1/events?channel=a", data=encode(EVENT), headers=structured) == (202, "")
    binary = {"ce-specversion": "1.0", "ce-id": "2", "ce-source": "/shop", "ce-type": "order", "ce-subject": "b%20c/d"}
    binary["content-type"] = "application/json"
    assert await face.ask("POST", "/v1/events", data=b'{"id": "o2"}', headers=binary) == (202, "")
    batch = [EVENT | {"id": "3", "subject": "a"}, EVENT | {"id": "4", "subject": "b c/d"}]
    assert await face.publish(*batch, query="") == (202, "")
    assert await face.publish(EVENT | {"id": "5"}, query="?channel=b%20c%2Fd") == (202, "")
    status, lines = await face.ask("GET", f"/v1/subscriptions/{group['id']}/deliveries")
    assert status == 200
    assert [(line["channel"], line["event"]["id"]) for line in lines] == [
        ("a", "1"),
        ("b c/d", "2"),
        ("a", "3"),
        ("b c/d", "4"),
        ("b c/d", "5"),
    ]
    assert lines[0]["event"] == EVENT
    assert set(lines[0]) == {"channel", "log", "position", "attempt", "lease", "event"}


@pytest.mark.parametrize(
    ("query", "content_type", "body", "status", "reason"),
    [
        ("?channel=a", STRUCTURED, b"rubbish", 400, "is not JSON"),
        ("?channel=a", STRUCTURED, b'{"specversion": "1.0"}', 400, "id: is missing"),
        ("?channel=a", "application/json", b"{}", 400, "this is no CloudEvent"),
        ("?channel=a", BATCHED, encode_batch([EVENT, {"specversion": "1.0"}]), 400, "event 1 of the batch: id"),
        ("", STRUCTURED, encode(EVENT), 400, "no channel"),
        ("", BATCHED, encode_batch([EVENT | {"subject": "a"}, EVENT]), 400, "event 1 of the batch: no channel"),
        ("?channel=", STRUCTURED, encode(EVENT), 400, "names one channel"),
        ("?channel=a&channel=b", STRUCTURED, encode(EVENT), 400, "names one channel"),
        ("?channel=a%00", STRUCTURED, encode(EVENT), 400, "printable"),
        ("?channel=a", STRUCTURED, encode(EVENT | {"data": "x" * 1_048_576}), 413, "the limit is 1048576"),
        ("?channel=a", BATCHED, b"[" + b" " * 16_777_216, 413, "more than 16777216 bytes"),
    ],
)
async def test_what_is_no_event_is_a_problem_that_says_why(
    face: Face, query: str, content_type: str, body: bytes, status: int, reason: str
) -> None:
    """Anything that is no CloudEvent, has no channel or is too large: a problem document, and nothing is published."""
    headers = {"content-type": content_type}
    async with face.session.post(
        f"{face.server.url}/v1/events{query}", data=_pieces(body), headers=headers
    ) as response:
        problem = await response.json(content_type="application/problem+json")
        assert response.status == status
    assert problem["status"] == status
    assert problem["title"]
    assert reason in problem["detail"]
    group = await face.subscribe()
    assert await face.ask("GET", f"/v1/subscriptions/{group['id']}/deliveries") == (200, [])


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


async def test_subscriptions_are_made_listed_and_taken_away(face: Face) -> None:
    """The list has every group with its channels and positions; deleting takes channels, or the group."""
    group = await face.subscribe(channels=["a", "b"], mode="read")
    log = group["positions"]["a"][0]
    assert group == {
        "id": group["id"],
        "group": "shop",
        "mode": "read",
        "channels": ["a", "b"],
        "positions": {"a": [log, 0], "b": [log, 0]},
    }
    assert await face.ask("GET", "/v1/subscriptions") == (200, [group])
    assert await face.ask("DELETE", f"/v1/subscriptions/{group['id']}?channel=a") == (204, "")
    _, [left] = await face.ask("GET", "/v1/subscriptions")
    assert left["channels"] == ["b"]
    assert await face.ask("DELETE", f"/v1/subscriptions/{group['id']}") == (204, "")
    assert await face.ask("GET", "/v1/subscriptions") == (200, [])


async def test_a_group_may_start_at_the_end(face: Face) -> None:
    """`from` is earliest or end."""
    await face.publish(EVENT)
    end = await face.subscribe(**{"from": "end"})
    assert await face.ask("GET", f"/v1/subscriptions/{end['id']}/deliveries") == (200, [])


async def test_deliveries_are_settled_by_their_leases(face: Face) -> None:
    """A lease is acknowledged, tried again, or rejected, with a reason or without."""
    group = await face.subscribe()
    path = f"/v1/subscriptions/{group['id']}"
    await face.publish(*(EVENT | {"id": str(number)} for number in range(4)))
    _, lines = await face.ask("GET", f"{path}/deliveries?max=4&lease_s=5")
    leases = [line["lease"] for line in lines]
    verdicts = {"ack": leases[:1], "retry": [leases[1]], "reject": [{"lease": leases[2], "reason": "bad"}, leases[3]]}
    assert await face.ask("POST", f"{path}/acks", json=verdicts) == (204, "")
    face.clock.jump(1)
    _, [again] = await face.ask("GET", f"{path}/deliveries")
    assert (again["event"]["id"], again["attempt"]) == ("1", 2)
    status, letters = await face.ask("GET", "/v1/dead-letters")
    assert status == 200
    assert [(one["event"]["id"], one["reason"]) for one in letters] == [("2", "bad"), ("3", "no reason was given")]
    _, [second] = await face.ask("GET", f"/v1/dead-letters?after={letters[0]['id']}&max=1")
    assert second == letters[1]


async def test_dead_letters_are_shown_replayed_and_purged(face: Face) -> None:
    """One by its id, many by a filter; what a replay cannot reach stays, and says why."""
    groups = [await face.subscribe(group=name, channels=["a", "b"]) for name in ("shop", "gone")]
    await face.publish(*(EVENT | {"id": str(number)} for number in range(3)))
    for group in groups:
        path = f"/v1/subscriptions/{group['id']}"
        _, lines = await face.ask("GET", f"{path}/deliveries")
        verdicts = [{"lease": line["lease"], "reason": "bad"} for line in lines]
        await face.ask("POST", f"{path}/acks", json={"reject": verdicts})
    await face.ask("DELETE", f"/v1/subscriptions/{groups[1]['id']}")
    _, letters = await face.ask("GET", "/v1/dead-letters?group=shop&channel=a&older_s=0")
    assert [(one["event"]["id"], one["group"]) for one in letters] == [("0", "shop"), ("1", "shop"), ("2", "shop")]
    first = f"/v1/dead-letters/{letters[0]['id']}"
    assert await face.ask("GET", first) == (200, letters[0])
    assert await face.ask("POST", f"{first}/replay") == (204, "")
    assert (await face.ask("GET", first))[0] == 404
    assert await face.ask("DELETE", f"/v1/dead-letters/{letters[1]['id']}") == (204, "")
    status, answer = await face.ask("POST", "/v1/dead-letters/replay?all=true")
    assert (status, answer["replayed"], len(answer["left"])) == (200, 1, 3)
    assert "no group gone takes the channel a" in answer["left"][0]["reason"]
    status, problem = await face.ask("POST", f"/v1/dead-letters/{answer['left'][0]['id']}/replay")
    assert (status, "start its service" in problem["hint"]) == (409, True)
    assert await face.ask("DELETE", "/v1/dead-letters?group=gone") == (200, {"purged": 3})
    assert await face.ask("GET", "/v1/dead-letters") == (200, [])
    _, lines = await face.ask("GET", f"/v1/subscriptions/{groups[0]['id']}/deliveries")
    assert [(line["event"]["id"], line["event"]["replayfor"]) for line in lines] == [("0", "shop"), ("2", "shop")]


async def test_a_reader_reads_and_acknowledges_positions(face: Face) -> None:
    """`read` answers in log order behind the positions that are sent; `acks` takes positions then."""
    group = await face.subscribe(mode="read")
    path = f"/v1/subscriptions/{group['id']}"
    await face.publish(*(EVENT | {"id": str(number)} for number in range(3)))
    status, lines = await face.ask("POST", f"{path}/read", json={"after": {}, "max": 2, "wait_s": 0})
    assert status == 200
    assert [line["event"]["id"] for line in lines] == ["0", "1"]
    reached = [lines[-1]["log"], lines[-1]["position"]]
    _, [rest] = await face.ask("POST", f"{path}/read", json={"after": {"a": reached}})
    assert rest["event"]["id"] == "2"
    assert await face.ask("POST", f"{path}/acks", json={"ack": {"a": reached}}) == (204, "")
    _, [listed] = await face.ask("GET", "/v1/subscriptions")
    assert listed["positions"] == {"a": reached}
    status, problem = await face.ask("POST", f"{path}/acks", json={"ack": {"a": reached}, "retry": ["x"]})
    assert (status, "no leases" in problem["detail"]) == (400, True)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason"),
    [
        ("GET", "/v1/nowhere", None, 404, "Not Found"),
        ("PUT", "/v1/subscriptions", None, 405, "Method Not Allowed"),
        ("POST", "/v1/subscriptions", b"{", 400, "not what is asked for"),
        ("POST", "/v1/subscriptions", b"[" * 100_000, 400, "not what is asked for"),
        ("POST", "/v1/subscriptions", b'{"group": "g"}', 400, "channels"),
        ("POST", "/v1/subscriptions", b'{"group": "g", "channels": ["a"], "mode": "all"}', 400, "mode"),
        ("POST", "/v1/subscriptions", b'{"group": "g", "channels": ["a"], "from": 7}', 400, "from"),
        ("POST", "/v1/subscriptions", b'{"group": "g", "channels": ["a"], "form": "end"}', 400, "form"),
        ("POST", "/v1/subscriptions", b'{"group": "", "channels": ["a"]}', 400, "name of a group"),
        ("GET", "/v1/subscriptions/none/deliveries", None, 404, "there is no subscription none"),
        ("POST", "/v1/subscriptions/none/read", b"{}", 404, "there is no subscription none"),
        ("POST", "/v1/subscriptions/none/read", b'{"max": 0}', 400, "max"),
        ("POST", "/v1/subscriptions/none/acks", b"{}", 404, "there is no subscription none"),
        ("GET", "/v1/subscriptions/none/deliveries?max=many", None, 400, "max: must be a number"),
        ("GET", "/v1/subscriptions/none/deliveries?wait_s=-1", None, 400, "wait_s: must be a number"),
        ("GET", "/v1/subscriptions/none/deliveries?lease_s=nan", None, 400, "lease_s: must be a number"),
        ("GET", "/v1/dead-letters?after=x", None, 404, "no dead letter x"),
        ("GET", "/v1/dead-letters?older_s=old", None, 400, "older_s: must be a number"),
        ("GET", "/v1/dead-letters/7", None, 404, "no dead letter 7"),
        ("POST", "/v1/dead-letters/x/replay", None, 404, "no dead letter x"),
        ("POST", "/v1/dead-letters/replay", None, 400, "say which ones"),
        ("DELETE", "/v1/dead-letters", None, 400, "say which ones"),
        ("DELETE", "/v1/dead-letters?all=true&group=shop", None, 400, "say which ones"),
    ],
)
async def test_wrong_requests_are_problems(
    face: Face, method: str, path: str, body: bytes | None, status: int, reason: str
) -> None:
    """Every error is a problem document with the reason."""
    async with face.session.request(method, face.server.url + path, data=body) as response:
        assert response.content_type == "application/problem+json"
        problem = await response.json(content_type=None)
    assert (response.status, problem["status"]) == (status, status)
    assert reason in problem["detail"]


async def test_health_and_readiness_are_told(face: Face) -> None:
    """Both answer while the Runtime serves."""
    assert await face.ask("GET", "/healthz") == (200, {"status": "ok"})
    assert await face.ask("GET", "/readyz") == (200, {"status": "ready"})


async def test_a_poll_waits_and_ends_with_the_server(face: Face) -> None:
    """Polls that wait are answered with nothing when the server stops, and do not hold it up."""
    group = await face.subscribe()
    reader = await face.subscribe(group="engine", mode="read")
    asked = [
        ("GET", f"/v1/subscriptions/{group['id']}/deliveries?wait_s=30", {}),
        ("POST", f"/v1/subscriptions/{reader['id']}/read", {"json": {"wait_s": 30}}),
    ]
    polls = []
    for method, path, options in asked:
        polls.append(asyncio.create_task(face.ask(method, path, **options)))
        await face.clock.asked()
    async with asyncio.timeout(3):
        await face.server.stop()
    assert await asyncio.gather(*polls) == [(200, []), (200, [])]


async def test_a_poll_of_a_client_that_has_gone_takes_nothing(face: Face) -> None:
    """A worker that dies while it polls gets no lease: what comes next goes to those that are there."""
    group = await face.subscribe()
    path = f"/v1/subscriptions/{group['id']}/deliveries?wait_s=30"
    async with aiohttp.ClientSession() as dying:
        poll = asyncio.create_task(dying.get(face.server.url + path))
        await face.clock.asked()
        poll.cancel()
        await asyncio.wait((poll,))
    there = asyncio.create_task(face.ask("GET", path))
    await face.clock.asked()
    await face.publish(EVENT)
    status, lines = await there
    assert (status, len(lines)) == (200, 1)


async def test_a_port_that_is_taken_is_a_clear_error() -> None:
    """Listening fails with the address and what to do."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=rf"cannot listen on 127\.0\.0\.1:{port}.*choose another port"):
            await Server.start(lambda *_: None, port=port)
