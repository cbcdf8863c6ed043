"""Figures in the text format of Prometheus (version 0.0.4). Every name is explained in docs/metrics.md."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evenweave.runtime.figures import Commits, Figures, GroupTally, Histogram
from evenweave.worker.figures import Snapshot

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with its samples: (suffix of the name, labels, value)."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: Sequence[tuple[str, Labels, float]] = field(default_factory=list)


def render(families: Iterable[Family]) -> str:
    """Return the exposition of `families`; one that has no samples yet still says what it is."""
    lines = list[str]()
    for family in families:
        lines.append(f"# HELP {family.name} {_escape_help(family.help)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for suffix, labels, value in family.samples:
            pairs = ",".join(f'{name}="{_escape(text)}"' for name, text in labels)
            lines.append(
                f"{family.name}{suffix}{{{pairs}}} {_number(value)}"
                if pairs
                else f"{family.name}{suffix} {_number(value)}"
            )
    return "\n".join(lines) + "\n"


def make_families(figures: Figures, requests: Mapping[tuple[str, int], int]) -> list[Family]:
    """Return the metrics of a Runtime; `requests` counts by (route, status)."""
    make = _Maker("evenweave_runtime_")
    tally, groups = figures.tally, figures.tally.groups
    lags = {(lag.group, lag.channel): lag for lag in figures.lags}
    of_lag = ("group", "channel")

    def of(name: str, help_: str, read: Callable[[GroupTally], int]) -> Family:
        return make.by(name, help_, "group", {group: read(one) for group, one in groups.items()})

    return [
        make.by("events_appended_total", "Events appended to the log.", "channel", figures.appended),
        make.one("events_duplicate_total", "Events dropped because they were in the log already.", tally.duplicates),
        make.one("events_trimmed_total", "Rows of the log that were deleted after their time.", tally.trimmed),
        of("deliveries_total", "Events handed out.", lambda one: one.delivered),
        of("acknowledged_total", "Deliveries acknowledged.", lambda one: one.acknowledged),
        of("retries_total", "Deliveries that failed and come again.", lambda one: one.retried),
        of("leases_expired_total", "Deliveries not settled within their lease.", lambda one: one.expired),
        of("dead_lettered_total", "Deliveries that ended as a dead letter.", lambda one: one.dead_lettered),
        make.one("replayed_total", "Dead letters replayed.", tally.replayed),
        make.one("purged_total", "Dead letters purged.", tally.purged),
        make.by("dead_letters", "Dead letters in the log.", "channel", figures.dead_letters),
        make.by("leases", "Deliveries in the hands of consumers.", "group", figures.leases),
        make.one("polls", "Requests that wait for an event.", figures.polls),
        make.of(
            "lag_events",
            "Events that a group has yet to acknowledge, at most 1000000.",
            of_lag,
            {key: lag.events for key, lag in lags.items()},
        ),
        make.of(
            "lag_seconds",
            "Age of the oldest event that a group has yet to acknowledge.",
            of_lag,
            {key: lag.seconds for key, lag in lags.items()},
        ),
        make.one("last_position", "Position of the newest durable event.", figures.last_position),
        *make.database(figures.commits, figures.bytes),
        make.requests(requests),
    ]


def make_engine_families(now: Snapshot, requests: Mapping[tuple[str, int], int]) -> list[Family]:
    """Return the metrics of a Workflow Engine; `requests` counts by (route, status)."""
    make = _Maker("evenweave_engine_")
    done, census = now.figures, now.census
    of_turn = ("definition", "status")
    return [
        make.one("ready", "1 where the engine serves and is subscribed to what it needs, else 0.", now.ready),
        make.of(
            "events_total", "Events taken from the log, by what became of them.", ("channel", "outcome"), done.events
        ),
        make.histogram("event_seconds", "Time from taking an event to its being durable.", done.latency),
        make.histogram("batch_events", "Events that were taken in one transaction.", done.batches),
        make.by("position", "Position of the newest durable event of a channel.", "channel", done.reached),
        make.by("lag_seconds", "Age of that event when it became durable, by its time.", "channel", done.lags_s),
        make.one("bursts_total", "Bursts of instances.", done.bursts),
        make.one("nodes_total", "Nodes of definitions that bursts entered.", done.nodes),
        make.one("transactions_total", "Transactions of the engine that became durable.", done.transactions),
        make.one("transaction_failures_total", "Transactions that failed; their events come again.", done.failures),
        make.by("instances_started_total", "Instances started.", "definition", done.started),
        make.of(
            "instances_turned_total",
            "Instances that became completed, cancelled, faulted or suspended.",
            of_turn,
            done.turned,
        ),
        make.of("instances", "Instances that have not ended.", of_turn, census.instances),
        make.one("definitions", "Definitions that start instances.", now.definitions),
        make.one("waits", "Awaits that events without an echo reach.", census.waits),
        make.one("kept_events", "Events kept until somebody waits for them.", census.kept),
        make.one("held_events", "Events in the inboxes of instances.", census.held),
        make.one("parked", "Causes put aside because nobody could handle them.", census.parked),
        make.one("parked_total", "Causes that were put aside.", done.parked),
        make.one("poisoned_total", "Causes that made a step fail that must not fail.", done.poisoned),
        make.one("calls_total", "Results of calls to functions that were consumed.", done.calls),
        make.one(
            "call_results_dropped_total", "Results of calls that nobody waited for any more.", done.results_dropped
        ),
        make.by("dead_lettered_total", "Events that the engine gave up.", "channel", done.dead_letters),
        make.one("published_total", "Events that instances published.", done.published),
        make.one("publish_refused_total", "Events that the broker will never take.", done.refused),
        make.one("publish_retries_total", "Attempts to publish that failed and are made again.", done.retries),
        make.one("outbox_events", "Events that wait to be published.", now.backlog),
        make.histogram("deadline_late_seconds", "How late a deadline moved its instance.", done.deadlines),
        *make.database(now.commits, now.bytes),
        make.requests(requests),
    ]


def make_catalog_families(
    documents: int, operations: int, commits: Commits, size: int, requests: Mapping[tuple[str, int], int]
) -> list[Family]:
    """Return the metrics of a Catalog; `size` is that of its database in bytes."""
    make = _Maker("evenweave_catalog_")
    return [
        make.one("documents", "AsyncAPI documents that are registered.", documents),
        make.one("operations", "Operations in them.", operations),
        *make.database(commits, size),
        make.requests(requests),
    ]


class CountedRoutes:
    """Routes whose answers are counted, by the path as it is written in the route, and the status."""

    def __init__(self, app: ASGIApp, routes: Iterable[Route], requests: dict[tuple[str, int], int]) -> None:
        self._app = app
        self._paths: dict[object, str] = {}
        for route in routes:
            self._paths.setdefault(route.endpoint, route.path)  # one that answers for several paths: the first
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                key = self._paths.get(scope.get("endpoint"), "other"), message["status"]
                self._requests[key] = self._requests.get(key, 0) + 1
            await send(message)

        await self._app(scope, receive, count)


class _Maker:
    """Makes families whose names begin alike; a name that ends in `_total` is a counter's."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def one(self, name: str, help_: str, value: float) -> Family:
        return self._family(name, help_, [("", (), value)])

    def by(self, name: str, help_: str, label: str, values: Mapping[str, float]) -> Family:
        return self._family(name, help_, [("", ((label, key),), value) for key, value in sorted(values.items())])

    def of(self, name: str, help_: str, labels: tuple[str, str], values: Mapping[tuple[str, str], float]) -> Family:
        samples = [("", tuple(zip(labels, key, strict=True)), value) for key, value in sorted(values.items())]
        return self._family(name, help_, samples)

    def database(self, commits: Commits, size: int) -> list[Family]:
        return [
            self.histogram("commit_seconds", "Time that a commit to the database took.", commits.seconds),
            self.histogram("commit_rows", "Rows that a commit wrote.", commits.rows),
            self.one("commit_failures_total", "Commits that failed.", commits.failures),
            self.one("database_bytes", "Size of the database and its write-ahead log.", size),
        ]

    def requests(self, requests: Mapping[tuple[str, int], int]) -> Family:
        samples = [
            ("", (("route", route), ("status", str(status))), count)
            for (route, status), count in sorted(requests.items())
        ]
        return self._family("http_requests_total", "Requests answered.", samples)

    def histogram(self, name: str, help_: str, histogram: Histogram) -> Family:
        # A copy: the counts of one exposition must agree, and another thread goes on adding to them.
        counts, total = list(histogram.counts), histogram.total
        samples = list[tuple[str, Labels, float]]()
        reached = 0
        for bound, count in zip((*histogram.bounds, float("inf")), counts, strict=True):
            reached += count
            samples.append(("_bucket", (("le", _number(bound)),), reached))
        samples += [("_sum", (), total), ("_count", (), reached)]
        return Family(self._prefix + name, "histogram", help_, samples)

    def _family(self, name: str, help_: str, samples: Sequence[tuple[str, Labels, float]]) -> Family:
        return Family(self._prefix + name, "counter" if name.endswith("_total") else "gauge", help_, samples)


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(float(value))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
