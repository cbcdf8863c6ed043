"""The figures of the Workflow Engine and of the Catalog, as Prometheus reads them."""

import asyncio
import re
from pathlib import Path

import aiohttp
from served import COMMAND_DEFINITION, EVENT_DEFINITION, SERVICE, Asking

from evenweave.http.metrics import TEXT_FORMAT

WANTED = {"specversion": "1.0", "type": "parcel.wanted", "source": "/shop", "data": {"n": 1}}
HEADERS = {"content-type": "application/cloudevents+json"}


async def samples(ask: Asking) -> dict[str, float]:
    """Every sample by its name and labels; each family is there once, with its help and its kind."""
    answer = await ask("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == TEXT_FORMAT
    lines = answer.body.decode().splitlines()
    kinds = [line.split(" ")[2] for line in lines if line.startswith("# TYPE ")]
    helps = [line.split(" ")[2] for line in lines if line.startswith("# HELP ")]
    assert kinds == helps
    assert len(set(kinds)) == len(kinds)
    found = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    assert len({name for name, _, _ in found}) == len(found)
    return {name: float(value) for name, _, value in found}


async def until(ask: Asking, name: str, wanted: float) -> dict[str, float]:
    """The samples, once one of them is as wanted."""
    for _ in range(500):
        found = await samples(ask)
        if found.get(name) == wanted:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"{name} is {found.get(name)}")


async def publish(ask: Asking, channel: str, event: dict[str, object]) -> None:
    """Publish an event."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{ask.url}/v1/events", params={"channel": channel}, json=event, headers=HEADERS) as answer,
    ):
        assert answer.status == 202, await answer.text()


async def test_what_the_engine_does_is_counted(whole: Asking) -> None:
    """Events by outcome, instances by definition and status, bursts, batches and publishing show in the figures."""
    assert (await whole("POST", "/v1/documents", SERVICE, name="parcels.yaml")).status == 201
    assert (await whole("POST", "/v1/definitions", EVENT_DEFINITION, name="wanted.yaml")).status == 201
    assert (await whole("POST", "/v1/definitions", COMMAND_DEFINITION, name="sums.yaml")).status == 201
    await whole("POST", "/v1/definitions/sums%2Fof%20two/instances")
    for number in range(3):
        await publish(whole, "parcel.wanted", WANTED | {"id": str(number), "time": "2020-01-01T00:00:00Z"})
    late = {"workflowinstanceid": "nobody", "workflowtaskinstanceid": "nobody:1"}
    await publish(whole, "parcel/out", {**WANTED, **late, "id": "late", "type": "Sent", "subject": "parcel/out"})
    prefix = "evenweave_engine_"
    found = await until(whole, f'{prefix}events_total{{channel="parcel/out",outcome="dead-lettered"}}', 1)
    parcels, sums = 'definition="parcels"', 'definition="sums/of two"'
    assert found[f'{prefix}events_total{{channel="parcel.wanted",outcome="consumed"}}'] == 3
    assert found[f"{prefix}instances_started_total{{{parcels}}}"] == 3
    assert found[f"{prefix}instances_started_total{{{sums}}}"] == 1
    assert found[f'{prefix}instances_turned_total{{{sums},status="completed"}}'] == 1
    assert f'{prefix}instances_turned_total{{{parcels},status="completed"}}' not in found
    assert found[f'{prefix}instances{{{parcels},status="waiting"}}'] == 3
    assert f'{prefix}instances{{{sums},status="waiting"}}' not in found
    assert found[f"{prefix}bursts_total"] == 4
    assert found[f"{prefix}nodes_total"] >= 8
    assert found[f"{prefix}published_total"] == 3
    assert found[f'{prefix}dead_lettered_total{{channel="parcel/out"}}'] == 1
    assert found[f"{prefix}event_seconds_count"] == found[f"{prefix}batch_events_sum"] == 4
    assert found[f'{prefix}lag_seconds{{channel="parcel.wanted"}}'] > 1e8
    assert found[f'{prefix}position{{channel="parcel/out"}}'] > found[f'{prefix}position{{channel="parcel.wanted"}}']
    assert (found[f"{prefix}ready"], found[f"{prefix}definitions"]) == (1, 2)
    assert found[f"{prefix}commit_seconds_count"] > 0
    assert found[f"{prefix}database_bytes"] > 0
    route = 'route="/v1/definitions/{id}/instances",status="201"'
    assert found[f"{prefix}http_requests_total{{{route}}}"] == 1
    listed = (await whole("GET", "/v1/instances", definition="parcels")).json
    await whole("POST", f"/v1/instances/{listed[0]['id']}/suspend")
    found = await until(whole, f'{prefix}instances{{{parcels},status="suspended"}}', 1)
    assert found[f'{prefix}instances{{{parcels},status="waiting"}}'] == 2
    assert found[f'{prefix}instances_turned_total{{{parcels},status="suspended"}}'] == 1


async def test_what_the_catalog_does_is_counted(catalog: Asking) -> None:
    """Documents, operations, commits and requests show in the figures."""
    assert (await catalog("POST", "/v1/documents", SERVICE, name="parcels.yaml")).status == 201
    assert (await catalog("GET", "/v1/documents/none.yaml")).status == 404
    found = await samples(catalog)
    prefix = "evenweave_catalog_"
    assert (found[f"{prefix}documents"], found[f"{prefix}operations"]) == (1, 2)
    assert found[f"{prefix}commit_seconds_count"] >= 1
    assert found[f'{prefix}http_requests_total{{route="/v1/documents/{{name}}",status="404"}}'] == 1


async def test_names_are_documented(whole: Asking) -> None:
    """Every name of every process is in the tables of docs/metrics.md with its kind, and no other one is."""
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")
    documented = dict(re.findall(r"^\| `(evenweave_\w+)` \| (\w+) \|", page, re.MULTILINE))
    text = (await whole("GET", "/metrics")).body.decode()
    assert documented == dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
