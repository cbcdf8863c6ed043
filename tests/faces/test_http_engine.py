"""The Workflow Engine's routes, over a real server."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from served import COMMAND_DEFINITION, EVENT_DEFINITION, SERVICE, Asking, served

from evenweave.app import EnginePart
from evenweave.http.engine import EngineFace

SUMS = "/v1/definitions/sums%2Fof%20two"


async def until(look: Callable[[], Awaitable[Any]]) -> Any:
    """What a look finds, once it finds something."""
    async with asyncio.timeout(10):
        while not (found := await look()):  # noqa: ASYNC110 - over HTTP there is nothing else to wait on
            await asyncio.sleep(0.01)
        return found


@pytest.fixture
async def parcels(whole: Asking) -> Asking:
    """All three, with a service and a definition."""
    assert (await whole("POST", "/v1/documents", SERVICE, name="parcels.yaml")).status == 201
    assert (await whole("POST", "/v1/definitions", EVENT_DEFINITION, name="flow.yaml")).status == 201
    return whole


async def publish(whole: Asking, event_id: str, **more: Any) -> None:
    """Publish an event that starts an instance of `parcels`, in structured mode."""
    import aiohttp
    import msgspec

    event = {"specversion": "1.0", "id": event_id, "source": "/shop", "type": "parcel.wanted", **more}
    headers = {"content-type": "application/cloudevents+json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{whole.url}/v1/events?channel=parcel.wanted", data=msgspec.json.encode(event), headers=headers
        ) as response,
    ):
        assert response.status == 202


async def test_definitions_are_registered_shown_and_removed(parcels: Asking) -> None:
    """A definition is created once, shown with its text and operations, and starts nothing after its removal."""
    again = await parcels("POST", "/v1/definitions", EVENT_DEFINITION, name="flow.yaml")
    assert again.status == 200
    (row,) = (await parcels("GET", "/v1/definitions")).json
    assert (row["id"], row["version"], row["file"], row["active"]) == ("parcels", "1", "flow.yaml", True)
    shown = (await parcels("GET", "/v1/definitions/parcels/1")).json
    assert shown["document"] == EVENT_DEFINITION.decode()
    assert shown["operations"]["file://parcels.yaml#sendParcel"]["channel"] == "parcel/in"
    (await parcels("GET", "/v1/definitions/parcels/2")).problem(404)
    (await parcels("DELETE", "/v1/definitions/parcels/2")).problem(404)
    assert (await parcels("DELETE", "/v1/definitions/parcels/1")).status == 204
    (await parcels("DELETE", "/v1/definitions/parcels")).problem(404)
    assert (await parcels("GET", "/v1/definitions")).json == []


async def test_bad_definitions_are_refused(parcels: Asking) -> None:
    """Mistakes, and operations that the Catalog does not know, are a 422 with their places; nothing is registered."""
    unknown = EVENT_DEFINITION.replace(b"#sendParcel", b"#sendParcl").replace(b"id: parcels", b"id: other")
    problem = (await parcels("POST", "/v1/definitions", unknown, name="other.yaml")).problem(422)
    assert [(item["code"], item["line"]) for item in problem["diagnostics"]] == [("SW501", 14)]
    backwards = EVENT_DEFINITION.replace(b"#sendParcel", b"#parcelSent").replace(b"id: parcels", b"id: other")
    problem = (await parcels("POST", "/v1/definitions", backwards, name="other.yaml")).problem(422)
    assert [item["code"] for item in problem["diagnostics"]] == ["SW502"]
    for body in (b"", b"a: [1\n", b"\xff", SERVICE, b"specVersion: '0.8'\n"):
        problem = (await parcels("POST", "/v1/definitions", body, name="other.yaml")).problem(422)
        assert problem["diagnostics"], body
    (await parcels("POST", "/v1/definitions", EVENT_DEFINITION)).problem(400)
    (await parcels("POST", "/v1/definitions", b"#" * (4 * 1024 * 1024 + 1), name="a")).problem(413)
    assert [row["id"] for row in (await parcels("GET", "/v1/definitions")).json] == ["parcels"]


async def test_instances_are_started_by_a_command(whole: Asking) -> None:
    """A start answers the instance's id; the same command starts one instance only."""
    assert (await whole("POST", "/v1/definitions", COMMAND_DEFINITION, name="sums.yaml")).status == 201
    assert (await whole("GET", SUMS)).json["id"] == "sums/of two"
    first = await whole("POST", f"{SUMS}/instances", {"b": 2}, command="c1")
    again = await whole("POST", f"{SUMS}/instances", {"b": 2}, command="c1")
    assert (first.status, first.json) == (201, again.json)
    instance = (await whole("GET", f"/v1/instances/{first.json['id']}")).json
    assert (instance["status"], instance["data"]) == ("completed", {"sum": 3})
    (entry,) = (await whole("GET", f"/v1/instances/{first.json['id']}/history")).json
    assert entry["causes"][0]["cause"] == "begin"
    assert len((await whole("GET", "/v1/instances")).json) == 1


async def test_starts_that_cannot_be_are_problems(parcels: Asking) -> None:
    """No such definition, one that begins with an event, no JSON, no object, too deep, too large."""
    (await parcels("POST", "/v1/definitions/nope/instances", {})).problem(404)
    assert (
        "begins with an event"
        in (await parcels("POST", "/v1/definitions/parcels/instances", {})).problem(409)["detail"]
    )
    await parcels("POST", "/v1/definitions", COMMAND_DEFINITION, name="sums.yaml")
    (await parcels("POST", f"{SUMS}/instances", b"{")).problem(400)
    (await parcels("POST", f"{SUMS}/instances", b"[" * 100_000)).problem(400)
    (await parcels("POST", f"{SUMS}/instances", [1])).problem(409)
    (await parcels("POST", f"{SUMS}/instances", b" " * (1024 * 1024 + 1))).problem(413)
    assert (await parcels("GET", "/v1/instances")).json == []


async def test_instances_are_listed_page_by_page(whole: Asking) -> None:
    """Pages hold what is asked for, oldest first, and `after` leads through all of them."""
    await whole("POST", "/v1/definitions", COMMAND_DEFINITION, name="sums.yaml")
    ids = [(await whole("POST", f"{SUMS}/instances", {"b": number})).json["id"] for number in range(5)]
    found: list[str] = []
    after = 0
    while page := (await whole("GET", "/v1/instances", after=after, max=2)).json:
        assert len(page) <= 2
        found += [row["id"] for row in page]
        after = page[-1]["sequence"]
    assert found == ids
    assert len((await whole("GET", "/v1/instances", status="completed", definition="sums/of two")).json) == 5
    assert (await whole("GET", "/v1/instances", status="waiting")).json == []
    assert (await whole("GET", "/v1/instances", definition="nope")).json == []
    wrong: list[dict[str, Any]] = [{"status": "lost"}, {"after": "x"}, {"after": -1}, {"max": "many"}, {"max": 5000}]
    for query in wrong:
        (await whole("GET", "/v1/instances", **query)).problem(400)


async def test_an_instance_shows_what_it_waits_for(parcels: Asking) -> None:
    """A waiting instance names event, channel and echo; suspend, resume, cancel and delete follow its life."""
    await publish(parcels, "e1", data={"n": 1})

    async def waiting() -> Any:
        return (await parcels("GET", "/v1/instances", status="waiting")).json

    (row,) = await until(waiting)
    path = f"/v1/instances/{row['id']}"
    (wait,) = (await parcels("GET", path)).json["waits"]
    (event,) = wait["events"]
    assert (wait["kind"], event["event"], event["channel"]) == ("event", "sent", "parcel/out")
    assert event["echo"].startswith(f"{row['id']}:")
    (await parcels("DELETE", path)).problem(409)
    (await parcels("POST", f"{path}/resume")).problem(409)
    assert (await parcels("POST", f"{path}/suspend", {"reason": "audit"})).json["status"] == "suspended"
    assert (await parcels("POST", f"{path}/resume")).json["status"] == "waiting"
    (await parcels("POST", f"{path}/explode")).problem(404)
    (await parcels("POST", f"{path}/cancel", b"{")).problem(400)
    (await parcels("POST", f"{path}/cancel", {"reason": 5})).problem(400)
    cancelled = (await parcels("POST", f"{path}/cancel", {"reason": "not wanted"})).json
    assert cancelled["status"] == "cancelled"
    assert "not wanted" in str(cancelled["reason"])
    (await parcels("POST", f"{path}/suspend")).problem(409)
    assert (await parcels("DELETE", path)).status == 204
    for method, at in (("GET", path), ("DELETE", path), ("GET", f"{path}/history"), ("POST", f"{path}/cancel")):
        (await parcels(method, at)).problem(404)


async def test_subscriptions_are_the_runtimes_behind_one_port(parcels: Asking) -> None:
    """Behind one port the Runtime's list answers: the engine's group with what the definitions need."""
    (group,) = (await parcels("GET", "/v1/subscriptions")).json
    assert (group["group"], group["channels"]) == ("evenweave.engine", ["parcel.wanted", "parcel/out"])
    assert (await parcels("GET", "/readyz")).status == 200
    assert (await parcels("GET", "/healthz")).status == 200
    (await parcels("GET", "/v1/nothing")).problem(404)


async def test_an_engine_without_catalog_and_runtime_says_so(tmp_path: Path) -> None:
    """What needs the others is a 503 that names who does not answer; the rest is answered."""
    part = await EnginePart.start(tmp_path, catalog="http://127.0.0.1:1", runtime="http://127.0.0.1:1")
    try:
        async with served(EngineFace(part.engine).app()) as engine:
            assert (await engine("GET", "/healthz")).status == 200
            problem = (await engine("POST", "/v1/definitions", EVENT_DEFINITION, name="f.yaml")).problem(503)
            assert "Catalog" in problem["detail"]
            assert (await engine("GET", "/v1/definitions")).json == []
            assert (await engine("GET", "/v1/subscriptions")).json == []
            (await engine("PUT", "/v1/definitions")).problem(405)
            own = EVENT_DEFINITION.replace(b"type: asyncapi", b"type: parcel.own")
            problem = (await engine("POST", "/v1/definitions", own, name="f.yaml")).problem(503)
            assert "Runtime" in problem["detail"]
    finally:
        await part.stop()


WILD = b"""id: wild
version: '1'
name: wild
start: say
states:
  - {name: say, type: inject, data: {said: true}, stateDataFilter: {output: .said}, end: "true"}
"""


async def test_definition_is_read_by_a_profile(whole: Asking) -> None:
    """What only SonataFlow takes is registered with that profile, and read by it again after a restart of the table."""
    refused = await whole("POST", "/v1/definitions", WILD, name="wild.yaml")
    assert {item["code"] for item in refused.problem(422)["diagnostics"]} >= {"SW002"}
    made = await whole("POST", "/v1/definitions", WILD, name="wild.yaml", profile="sonataflow")
    assert made.status == 201
    assert {item["code"] for item in made.json["diagnostics"]} == {"SW401", "SW402"}
    shown = (await whole("GET", "/v1/definitions/wild/1")).json
    assert shown["document"] == WILD.decode() + 'x-evenweave-profile: "sonataflow"\n'
    assert (await whole("POST", "/v1/definitions", WILD, name="wild.yaml", profile="sonataflow")).status == 200
    again = await whole("POST", "/v1/definitions", shown["document"].encode(), name="wild.yaml")
    assert (again.status, again.json["digest"]) == (200, made.json["digest"])
    strict = await whole("POST", "/v1/definitions", WILD, name="wild.yaml", profile="sonataflow", strict="1")
    assert {item["severity"] for item in strict.problem(422)["diagnostics"]} == {"error"}
    as_written = await whole("POST", "/v1/definitions", shown["document"].encode(), name="wild.yaml", profile="default")
    as_written.problem(422)


async def test_profile_that_does_not_exist_is_refused(whole: Asking) -> None:
    """The answer says which one was perhaps meant."""
    answer = await whole("POST", "/v1/definitions", WILD, name="wild.yaml", profile="sonatafow")
    problem = answer.problem(400)
    assert (problem["detail"], problem["hint"]) == ('there is no profile "sonatafow"', 'did you mean "sonataflow"?')
