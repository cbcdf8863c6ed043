"""Figures in the text format of Prometheus (version 0.0.4). Every name is explained in docs/metrics.md."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from evenweave.runtime.figures import Figures, GroupTally, Histogram

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]

_PREFIX = "evenweave_runtime_"


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
    tally, groups, commits = figures.tally, figures.tally.groups, figures.commits
    return [
        _by("events_appended_total", "Events appended to the log.", "channel", figures.appended, "counter"),
        _one("events_duplicate_total", "Events dropped because they were in the log already.", tally.duplicates),
        _one("events_trimmed_total", "Rows of the log that were deleted after their time.", tally.trimmed),
        _of("deliveries_total", "Events handed out.", groups, lambda one: one.delivered),
        _of("acknowledged_total", "Deliveries acknowledged.", groups, lambda one: one.acknowledged),
        _of("retries_total", "Deliveries that failed and come again.", groups, lambda one: one.retried),
        _of("leases_expired_total", "Deliveries not settled within their lease.", groups, lambda one: one.expired),
        _of("dead_lettered_total", "Deliveries that ended as a dead letter.", groups, lambda one: one.dead_lettered),
        _one("replayed_total", "Dead letters replayed.", tally.replayed),
        _one("purged_total", "Dead letters purged.", tally.purged),
        _by("dead_letters", "Dead letters in the log.", "channel", figures.dead_letters, "gauge"),
        _by("leases", "Deliveries in the hands of consumers.", "group", figures.leases, "gauge"),
        _one("polls", "Requests that wait for an event.", figures.polls, "gauge"),
        Family(
            f"{_PREFIX}lag_events",
            "gauge",
            "Events that a group has yet to acknowledge, at most 1000000.",
            [("", (("group", lag.group), ("channel", lag.channel)), lag.events) for lag in figures.lags],
        ),
        Family(
            f"{_PREFIX}lag_seconds",
            "gauge",
            "Age of the oldest event that a group has yet to acknowledge.",
            [("", (("group", lag.group), ("channel", lag.channel)), lag.seconds) for lag in figures.lags],
        ),
        _one("last_position", "Position of the newest durable event.", figures.last_position, "gauge"),
        _histogram("commit_seconds", "Time that a commit to the database took.", commits.seconds),
        _histogram("commit_rows", "Rows that a commit wrote.", commits.rows),
        _one("commit_failures_total", "Commits that failed.", commits.failures),
        _one("database_bytes", "Size of the database and its write-ahead log.", figures.bytes, "gauge"),
        Family(
            f"{_PREFIX}http_requests_total",
            "counter",
            "Requests answered.",
            [
                ("", (("route", route), ("status", str(status))), count)
                for (route, status), count in sorted(requests.items())
            ],
        ),
    ]


def _one(name: str, help_: str, value: float, kind: Literal["counter", "gauge"] = "counter") -> Family:
    return Family(_PREFIX + name, kind, help_, [("", (), value)])


def _by(name: str, help_: str, label: str, values: Mapping[str, float], kind: Literal["counter", "gauge"]) -> Family:
    return Family(_PREFIX + name, kind, help_, [("", ((label, key),), value) for key, value in sorted(values.items())])


def _of(name: str, help_: str, groups: Mapping[str, GroupTally], read: Callable[[GroupTally], int]) -> Family:
    return _by(name, help_, "group", {group: read(tally) for group, tally in groups.items()}, "counter")


def _histogram(name: str, help_: str, histogram: Histogram) -> Family:
    # A copy: the counts of one exposition must agree, and another thread goes on adding to them.
    counts, total = list(histogram.counts), histogram.total
    samples = list[tuple[str, Labels, float]]()
    reached = 0
    for bound, count in zip((*histogram.bounds, float("inf")), counts, strict=True):
        reached += count
        samples.append(("_bucket", (("le", _number(bound)),), reached))
    samples += [("_sum", (), total), ("_count", (), reached)]
    return Family(_PREFIX + name, "histogram", help_, samples)


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(float(value))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
