"""Repair, versions, forks and traces over HTTP."""

from typing import Any

import pytest
from served import Asking

SLEEPER = b"""id: nap
version: 'VERSION'
specVersion: '0.8'
name: Nap
states: [{name: nap, type: sleep, duration: PT1H, end: true}]
"""
FAILING = b"""id: sums
version: 'VERSION'
specVersion: '0.8'
name: Sums
states:
  - {name: add, type: inject, data: {a: 1}, stateDataFilter: {output: '${ {sum: (EXPRESSION)} }'}, transition: more}
  - {name: more, type: inject, data: {more: true}, end: true}
"""


def sums(version: str, expression: str) -> bytes:
    """A version that computes a sum."""
    return FAILING.replace(b"VERSION", version.encode()).replace(b"EXPRESSION", expression.encode())


@pytest.fixture
async def failing(whole: Asking) -> Asking:
    """A definition that fails wherever `b` is not a number."""
    assert (await whole("POST", "/v1/definitions", sums("1", ".a + .b"), name="sums.yaml")).status == 201
    return whole


async def start(whole: Asking, data: Any, definition: str = "sums") -> str:
    """Start an instance."""
    answer = await whole("POST", f"/v1/definitions/{definition}/instances", data)
    assert answer.status == 201
    return str(answer.json["id"])


async def test_retry_and_skip_take_a_patch(failing: Asking) -> None:
    """A faulted step is run again or passed over, with the data mended first."""
    one, other = await start(failing, {"b": "x"}), await start(failing, {"b": "y"})
    (await failing("POST", f"/v1/instances/{one}/retry", {"set": {"..": 1, "nonsense": 1}})).problem(400)
    (await failing("POST", f"/v1/instances/{one}/suspend", {"set": {".b": 1}})).problem(400)
    (await failing("POST", f"/v1/instances/{one}/retry", {"patch": {}})).problem(400)
    (await failing("POST", f"/v1/instances/{one}/retry", {"ids": [other]})).problem(400)
    assert (await failing("POST", f"/v1/instances/{one}/retry")).json["status"] == "faulted"
    retried = (await failing("POST", f"/v1/instances/{one}/retry", {"set": {".b": 2}, "reason": "typo"})).json
    assert (retried["status"], retried["data"]) == ("completed", {"sum": 3, "more": True})
    skipped = (await failing("POST", f"/v1/instances/{other}/skip")).json
    assert (skipped["status"], skipped["data"]) == ("completed", {"b": "y", "more": True})
    (await failing("POST", f"/v1/instances/{one}/retry")).problem(409)
    history = (await failing("GET", f"/v1/instances/{one}/history")).json
    assert history[-1]["causes"] == [
        {"cause": "command", "verb": "retry", "reason": "typo", "patch": {".b": 2}},
    ]


async def test_thousand_faulted_instances_are_retried_on_the_new_version(failing: Asking) -> None:
    """One command, page by page, retries a thousand on the mended version, and all complete."""
    for number in range(1000):
        await start(failing, {"b": {"n": number}})
    assert (await failing("POST", "/v1/definitions", sums("2", ".a + .b.n"), name="sums.yaml")).status == 201
    done: list[str] = []
    after = 0
    while after is not None:
        query = {"definition": "sums", "status": "faulted", "after": after}
        page = (await failing("POST", "/v1/instances/retry", {"migrate": True}, **query)).json
        assert page["left"] == []
        assert len(page["done"]) <= 200
        done += page["done"]
        after = page["after"]
    assert len(set(done)) == 1000
    rows = (await failing("GET", "/v1/instances", status="completed", version="2", max=1000)).json
    assert len(rows) == 1000
    last = (await failing("GET", f"/v1/instances/{done[-1]}")).json
    assert last["data"] == {"sum": 1000, "more": True}


async def test_many_are_commanded_by_ids_or_by_filter_only(failing: Asking) -> None:
    """Nobody commands all instances by mistake; what is refused is listed with its reason."""
    ids = [await start(failing, {"b": value}) for value in ("x", 1, "y")]
    (await failing("POST", "/v1/instances/cancel")).problem(400)
    (await failing("POST", "/v1/instances/explode", all="true")).problem(404)
    (await failing("POST", "/v1/instances/cancel", status="lost")).problem(400)
    (await failing("POST", "/v1/instances/cancel", since="soon")).problem(400)
    made = (await failing("POST", "/v1/instances/retry", {"ids": [*ids, "nobody"], "set": {".b": 4}})).json
    assert made["done"] == [ids[0], ids[2]]
    assert [(each["id"], each["reason"]) for each in made["left"]] == [
        (ids[1], "an instance that is completed cannot retry"),
        ("nobody", "no instance nobody"),
    ]
    assert (await failing("POST", "/v1/instances/cancel", all="true")).json == {"done": [], "left": [], "after": None}
    await failing("POST", "/v1/definitions", SLEEPER.replace(b"VERSION", b"1"), name="nap.yaml")
    naps = [await start(failing, {}, "nap") for _ in range(3)]
    assert (await failing("POST", "/v1/instances/suspend", definition="nap", max=2)).json["done"] == naps[:2]
    assert (await failing("POST", "/v1/instances/resume", all="true")).json["done"] == naps[:2]
    assert (await failing("POST", "/v1/instances/cancel", {"reason": "late"}, definition="nap")).json["done"] == naps


async def test_instances_are_found_by_value_time_and_version(failing: Asking) -> None:
    """A list is narrowed by a value in the data, by the time of the start and by version; bad keys are problems."""
    ids = [await start(failing, {"b": {"id": f"o{number}"}}) for number in range(3)]
    rows = (await failing("GET", "/v1/instances", key="b.id=o1")).json
    assert [(row["id"], row["status"]) for row in rows] == [(ids[1], "faulted")]
    assert (await failing("GET", "/v1/instances", key="b.id=o9")).json == []
    assert len((await failing("GET", "/v1/instances", since=rows[0]["started"])).json) == 2
    assert len((await failing("GET", "/v1/instances", until="2001-01-01T00:00:00Z")).json) == 0
    assert len((await failing("GET", "/v1/instances", since="2001-01-01", version="1")).json) == 3
    (await failing("GET", "/v1/instances", key="o1")).problem(400)
    (await failing("GET", "/v1/instances", since="yesterday")).problem(400)


async def test_versions_are_disabled_enabled_rolled_back_and_migrated_to(whole: Asking) -> None:
    """The newest version that may starts instances; running ones move by reference or are told what is missing."""
    for version in (b"1", b"2"):
        await whole("POST", "/v1/definitions", SLEEPER.replace(b"VERSION", version), name="nap.yaml")
    two = await start(whole, {}, "nap")
    assert (await whole("POST", "/v1/definitions/nap/2/disable")).json["disabled"] is True
    assert [row["starts"] for row in (await whole("GET", "/v1/definitions")).json] == [True, False]
    one = await start(whole, {}, "nap")
    assert (await whole("POST", "/v1/definitions/nap/2/enable")).json["starts"] is True
    (await whole("POST", "/v1/definitions/nap/3/enable")).problem(404)
    versions = [(await whole("GET", f"/v1/instances/{each}")).json["version"] for each in (one, two)]
    assert versions == ["1", "2"]
    assert (await whole("POST", f"/v1/instances/{one}/migrate")).json["version"] == "2"
    (await whole("POST", f"/v1/instances/{one}/migrate")).problem(409)
    (await whole("POST", f"/v1/instances/{one}/migrate", {"to": "7"})).problem(404)
    await whole("POST", "/v1/definitions", sums("3", "1").replace(b"id: sums", b"id: nap"), name="nap.yaml")
    problem = (await whole("POST", f"/v1/instances/{one}/migrate")).problem(409)
    assert [each["reference"] for each in problem["missing"]] == ["/states/0"]
    made = (await whole("POST", "/v1/instances/migrate", {"ids": [one]})).json
    assert [each["missing"][0]["title"] for each in made["left"]] == ['it is "nap", and "add" in the other version']
    assert (await whole("DELETE", "/v1/definitions/nap/3")).status == 204
    assert (await whole("GET", f"/v1/instances/{await start(whole, {}, 'nap')}")).json["version"] == "2"


async def test_forks_and_traces(failing: Asking) -> None:
    """A fork begins in a state that an instance was in; the trace shows what happened."""
    one = await start(failing, {"b": 2})
    fork = (await failing("POST", f"/v1/instances/{one}/fork", {"at": "more", "set": {".sum": 5}})).json["id"]
    assert (await failing("GET", f"/v1/instances/{fork}")).json["data"] == {"sum": 5, "more": True}
    (await failing("POST", f"/v1/instances/{one}/fork", {"at": "nowhere"})).problem(404)
    (await failing("POST", f"/v1/instances/{one}/fork", {})).problem(400)
    trace = (await failing("GET", f"/v1/instances/{one}/trace")).json
    (burst,) = trace["bursts"]
    assert [step["name"] for step in burst["causes"][0]["steps"] if step["what"] == "entered"] == [
        "Sums",
        "add",
        "more",
    ]
    (await failing("GET", "/v1/instances/nobody/trace")).problem(404)
