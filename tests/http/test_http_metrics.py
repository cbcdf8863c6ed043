"""The figures of the Runtime, as Prometheus reads them."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from evenweave.adapters.brokers.embedded import MIGRATIONS, EmbeddedBroker
from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.sqlite import Database, Unit
from evenweave.http.metrics import TEXT_FORMAT, Family, render
from evenweave.http.runtime import RuntimeFace
from evenweave.http.server import Server
from evenweave.runtime.figures import Histogram

EVENT: dict[str, Any] = {"specversion": "1.0", "source": "/shop", "type": "order", "data": 1}
PREFIX = "evenweave_runtime_"
_SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\S+)').fullmatch


class Bench:
    """A Runtime that is served, and its parts."""

    def __init__(self, server: Server, broker: EmbeddedBroker, database: Database, clock: JumpingClock) -> None:
        self.server = server
        self.broker = broker
        self.database = database
        self.clock = clock

    async def get(self, path: str) -> tuple[int, str, str]:
        """Return status, type and text."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.server.url + path) as response,
        ):
            return response.status, response.headers["content-type"], await response.text()

    async def samples(self) -> dict[str, float]:
        """Return the value of each sample, by its name without the prefix."""
        status, kind, text = await self.get("/metrics")
        assert (status, kind) == (200, TEXT_FORMAT)
        return _parse(text)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A Runtime on a port and a file of its own."""
    clock = JumpingClock()
    database = Database.open(tmp_path / "runtime.db", [MIGRATIONS])
    broker = await EmbeddedBroker.open(database, clock=clock, jitter=lambda: 0.0)
    face = RuntimeFace(broker)
    server = await Server.start(face, on_stop=face.stop)
    yield Bench(server, broker, database, clock)
    await server.stop()
    await broker.close()
    await database.close()


def _parse(text: str) -> dict[str, float]:
    """Read an exposition strictly: each family has HELP and TYPE once, before its samples, which follow at once."""
    samples = dict[str, float]()
    seen = set[str]()
    name = kind = ""
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in seen
            seen.add(name)
        elif line.startswith("# TYPE "):
            _, _, typed, kind = line.split(" ")
            assert typed == name
        else:
            match = _SAMPLE(line)
            assert match is not None, line
            assert match[1].removeprefix(name) in ({"_bucket", "_sum", "_count"} if kind == "histogram" else {""})
            key = line.rpartition(" ")[0].removeprefix(PREFIX)
            assert key not in samples
            samples[key] = float(match[3])
    return samples


async def test_what_happens_is_counted(bench: Bench) -> None:
    """Every way that an event can take shows in the figures."""
    broker = bench.broker
    shop = await broker.subscribe("shop", ["a"])
    await broker.subscribe('slow "one"\\', ["a"])
    events = [("a", EVENT | {"id": str(number)}) for number in range(5)]
    await broker.publish(events)
    await broker.publish(events[:2])
    taken = await broker.deliveries(shop.id, lease_s=5)
    leases = [one.lease for one in taken]
    await broker.settle(shop.id, ack=leases[:1], retry=[(leases[1], "x")], reject=[(leases[2], "x"), (leases[3], "x")])
    found = await bench.samples()
    assert found['events_appended_total{channel="a"}'] == 5
    assert found['events_appended_total{channel="dead-letter/a"}'] == 2
    assert found["events_duplicate_total"] == 2
    assert found['deliveries_total{group="shop"}'] == 5
    assert found['acknowledged_total{group="shop"}'] == 1
    assert found['retries_total{group="shop"}'] == 1
    assert found['dead_lettered_total{group="shop"}'] == 2
    assert found['dead_letters{channel="a"}'] == 2
    assert found['leases{group="shop"}'] == 1
    assert found['lag_events{group="shop",channel="a"}'] == 2
    assert found['lag_events{group="slow \\"one\\"\\\\",channel="a"}'] == 5
    assert found["last_position"] == 7
    assert found["polls"] == 0
    first, second = await broker.dead_letters()
    await broker.replay(first.id)
    await broker.purge(second.id)
    bench.clock.jump(6)
    await broker.deliveries(shop.id)
    found = await bench.samples()
    assert (found["replayed_total"], found["purged_total"]) == (1, 1)
    assert found['leases_expired_total{group="shop"}'] == 1
    assert found['lag_seconds{group="shop",channel="a"}'] == 6
    assert found['http_requests_total{route="/metrics",status="200"}'] == 1


async def test_commits_are_measured(bench: Bench) -> None:
    """Histograms are cumulative, and count what the database did, failures apart."""
    before = await bench.samples()
    await bench.broker.publish([("a", EVENT | {"id": str(number)}) for number in range(30)])
    bad = Unit()
    bad.add("insert into nowhere values (?)", (1,))
    with pytest.raises(Exception, match="nowhere"):
        await bench.database.durable(bad)
    after = await bench.samples()
    assert after["commit_rows_count"] == before["commit_rows_count"] + 1
    assert after["commit_rows_sum"] == before["commit_rows_sum"] + 30
    assert after['commit_rows_bucket{le="25"}'] == before['commit_rows_bucket{le="25"}']
    assert after['commit_rows_bucket{le="50"}'] == before['commit_rows_bucket{le="50"}'] + 1
    assert after['commit_rows_bucket{le="+Inf"}'] == after["commit_rows_count"]
    assert after["commit_seconds_sum"] > before["commit_seconds_sum"]
    assert after['commit_seconds_bucket{le="+Inf"}'] == after["commit_seconds_count"]
    assert after["commit_failures_total"] == 1
    assert after["database_bytes"] > 4096


async def test_requests_are_counted_by_route(bench: Bench) -> None:
    """Ids are no labels, and neither is what strangers ask for."""
    for path in ("/v1/subscriptions/7/deliveries", "/v1/subscriptions/8/deliveries", "/x", "/y", "/v1/events"):
        await bench.get(path)
    async with aiohttp.ClientSession() as session:
        await session.post(f"{bench.server.url}/v1/events?channel=a", data=b"rubbish")
        await session.post(f"{bench.server.url}/v1/events?channel=a", json=EVENT | {"id": "1"}, headers=_STRUCTURED)
    found = {name: value for name, value in (await bench.samples()).items() if name.startswith("http_requests_total")}
    assert found == {
        'http_requests_total{route="/v1/subscriptions/{id}/deliveries",status="404"}': 2,
        'http_requests_total{route="other",status="404"}': 3,
        'http_requests_total{route="/v1/events",status="400"}': 1,
        'http_requests_total{route="/v1/events",status="202"}': 1,
    }


_STRUCTURED = {"content-type": "application/cloudevents+json"}


async def test_every_name_is_documented(bench: Bench) -> None:
    """The table has every metric with its kind, and no other."""
    _, _, text = await bench.get("/metrics")
    said = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    table = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")
    rows = dict(re.findall(rf"^\| `({PREFIX}\w+)` \| (\w+) \|", table, re.MULTILINE))
    assert rows == said


def test_help_and_labels_are_escaped() -> None:
    """Backslashes, quotes and line ends in labels, backslashes and line ends in help; whole numbers stay whole."""
    family = Family("x", "gauge", "a\\b\nc", [("", (("l", 'a"b\\c\nd'),), 1.5), ("", (), 2.0)])
    assert render([family]) == '# HELP x a\\\\b\\nc\n# TYPE x gauge\nx{l="a\\"b\\\\c\\nd"} 1.5\nx 2\n'


def test_a_histogram_counts_by_upper_bounds() -> None:
    """A value on a bound belongs below it."""
    histogram = Histogram((1, 5))
    for value in (0.5, 1, 2, 5, 9):
        histogram.observe(value)
    assert (histogram.counts, histogram.total) == ([2, 2, 1], 17.5)
