"""`evenweave top`: what goes on, in a terminal, once a second."""

from __future__ import annotations

import datetime
import http.client
import re
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from evenweave.cli.options import engine_url, runtime_url
from evenweave.cli.remote import DEFAULTS, DEV
from evenweave.cli.tables import time_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ENGINE, RUNTIME = "evenweave_engine_", "evenweave_runtime_"
LIVE = ("waiting", "suspended", "faulted")
ENDED = ("completed", "cancelled")
NEWEST = 5
PAGE, PAGES = 1_000, 10
TIMEOUT_S = 5.0
_SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_HIDE, _SHOW = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"

Labels = tuple[tuple[str, str], ...]


class Samples:
    """An exposition that was read, at a moment of the monotonic clock."""

    def __init__(self, text: str, at_s: float) -> None:
        self.at_s = at_s
        self._values: dict[tuple[str, Labels], float] = {}
        for line in text.splitlines():
            found = None if line.startswith("#") else _SAMPLE.fullmatch(line)
            if found is not None:
                labels = tuple((name, _unescape(value)) for name, value in _LABEL.findall(found[2] or ""))
                self._values[found[1], labels] = float(found[3])

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of a name that have these labels."""
        wanted = set(labels.items())
        return sum(value for (known, has), value in self._values.items() if known == name and wanted <= set(has))

    def each(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """Every sample of a name, with its labels."""
        return ((dict(labels), value) for (known, labels), value in self._values.items() if known == name)


class Reading(NamedTuple):
    """What was found at a moment; nothing of a process that did not answer, but why."""

    engine: Samples | None
    runtime: Samples | None
    faulted: list[dict[str, Any]]
    troubles: list[str]


@click.command()
@engine_url
@runtime_url
@click.option("--once", is_flag=True, help="Print one frame and exit; so it does where the output is no terminal.")
@click.option(
    "--every",
    type=click.FloatRange(min=0.1),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
def top(engine: str | None, runtime: str | None, once: bool, every: float) -> None:
    """Watch what goes on: instances, channels, what waits, what failed.

    Rates are those since the frame before. Ctrl-C ends it.
    """
    look = _Looker(engine, runtime)
    before = look()
    if once or not sys.stdout.isatty():
        time.sleep(every)
        now = look()
        click.echo("\n".join(draw(before, now, datetime.datetime.now().astimezone())))
        if now.engine is None and now.runtime is None:
            raise click.exceptions.Exit(1)
        return
    try:
        with _whole_screen():
            while True:
                time.sleep(every)
                now = look()
                _show(draw(before, now, datetime.datetime.now().astimezone()))
                before = now
    except KeyboardInterrupt:
        return


def draw(before: Reading, now: Reading, at: datetime.datetime) -> list[str]:
    """The lines of a frame."""
    lines = [f"evenweave top   {at:%Y-%m-%d %H:%M:%S}", *now.troubles, ""]
    if now.engine is not None:
        lines += [*_draw_rates(before.engine, now.engine), ""]
        lines += [*_draw_backlogs(now.engine, now.runtime), ""]
        lines += [*_draw_definitions(now.engine), ""]
    if now.runtime is not None:
        lines += [*_draw_lags(now.runtime), ""]
    if now.faulted:
        rows = [(row["id"], row["definition"], time_text(row["updated"])) for row in now.faulted]
        lines += [*_table(("newest faulted", "definition", "since"), rows), ""]
    return lines[:-1]


def _draw_rates(before: Samples | None, now: Samples) -> list[str]:
    def rate(name: str, **labels: str) -> float:
        if before is None:
            return 0.0
        old, new = before.total(ENGINE + name, **labels), now.total(ENGINE + name, **labels)
        # A counter that is less than it was belongs to a process that began anew.
        return (new - old if new >= old else new) / max(now.at_s - before.at_s, 1e-9)

    ended = sum(rate("instances_turned_total", status=status) for status in ENDED)
    commits = rate("commit_seconds_count")
    commit_ms = 1000 * rate("commit_seconds_sum") / commits if commits else 0.0
    return [
        f"instances/s  {rate('instances_started_total'):,.1f} started  {ended:,.1f} ended",
        f"events/s     {rate('events_total'):,.1f} taken  {rate('published_total'):,.1f} published",
        f"commits/s    {commits:,.1f}  {commit_ms:.1f} ms each  bursts/s {rate('bursts_total'):,.1f}",
    ]


def _draw_backlogs(engine: Samples, runtime: Samples | None) -> list[str]:
    figures = {name: engine.total(f"{ENGINE}{name}_events") for name in ("outbox", "kept", "held")}
    figures["parked"] = engine.total(f"{ENGINE}parked")
    if runtime is not None:
        figures["dead letters"] = runtime.total(f"{RUNTIME}dead_letters")
    return ["  ".join(f"{name} {count:,.0f}" for name, count in figures.items())]


def _draw_definitions(engine: Samples) -> list[str]:
    rows: dict[str, dict[str, float]] = defaultdict(dict)
    for labels, value in engine.each(f"{ENGINE}instances"):
        rows[labels["definition"]][labels["status"]] = value
    for labels, value in engine.each(f"{ENGINE}instances_started_total"):
        rows[labels["definition"]]["started"] = value
    for labels, value in engine.each(f"{ENGINE}instances_turned_total"):
        if labels["status"] in ENDED:
            rows[labels["definition"]][labels["status"]] = value
    columns = (*LIVE, "started", *ENDED)
    everything = {name: sum(row.get(name, 0) for row in rows.values()) for name in columns}
    counts = {"all": everything} | dict(sorted(rows.items()))
    return _table(
        ("definition", *columns),
        [(name, *(f"{row.get(column, 0):,.0f}" for column in columns)) for name, row in counts.items()],
    )


def _draw_lags(runtime: Samples) -> list[str]:
    ages = {tuple(sorted(labels.items())): value for labels, value in runtime.each(f"{RUNTIME}lag_seconds")}
    rows = [
        (
            labels["group"],
            labels["channel"],
            f"{behind:,.0f}",
            f"{ages.get(tuple(sorted(labels.items())), 0):,.1f} s",
        )
        for labels, behind in runtime.each(f"{RUNTIME}lag_events")
    ]
    return _table(("group", "channel", "behind", "oldest"), sorted(rows))


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[index]) for row in (head, *rows)) for index in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    ]


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)


@contextmanager
def _whole_screen() -> Iterator[None]:
    """Give the terminal's other screen to the frames, and give it back whatever happens."""
    sys.stdout.write(_HIDE)
    try:
        yield
    finally:
        sys.stdout.write(_SHOW)
        sys.stdout.flush()


def _show(lines: list[str]) -> None:
    """Draw over the frame before: what stays the same does not flicker."""
    width, height = shutil.get_terminal_size()
    shown = [line[:width] for line in lines[:height]]
    shown[0] = f"{_BOLD}{shown[0]}{_PLAIN}"
    sys.stdout.write("\x1b[H" + "\r\n".join(f"{line}\x1b[K" for line in shown) + "\x1b[J")
    sys.stdout.flush()


class _Looker:
    """Asks the two processes; without addresses, those on their default ports, or else `evenweave dev`."""

    def __init__(self, engine: str | None, runtime: str | None) -> None:
        self._urls = {
            "Workflow Engine": [engine] if engine else [DEFAULTS["engine"], DEV],
            "Runtime": [runtime] if runtime else [DEFAULTS["runtime"], DEV],
        }
        self._faulted: list[dict[str, Any]] = []
        self._marks = (0.0, 0.0)
        # Straight to the process: a proxy of the environment is for other hosts.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __call__(self) -> Reading:
        troubles: list[str] = []
        engine = self._measure("Workflow Engine", troubles)
        runtime = self._measure("Runtime", troubles)
        if engine is not None:
            marks = (
                engine.total(f"{ENGINE}instances", status="faulted"),
                engine.total(f"{ENGINE}instances_turned_total", status="faulted"),
            )
            if marks != self._marks:
                try:
                    self._faulted = self._find_faulted() if marks[0] else []
                    self._marks = marks
                except _NoAnswer as error:
                    troubles.append(str(error))
        return Reading(engine, runtime, self._faulted, troubles)

    def _find_faulted(self) -> list[dict[str, Any]]:
        """The instances that faulted last, among the oldest 10,000: lists are in the order of starting."""
        found: list[dict[str, Any]] = []
        after = 0
        for _ in range(PAGES):
            path = f"/v1/instances?status=faulted&after={after}&max={PAGE}"
            page = msgspec.json.decode(self._get("Workflow Engine", path))
            found = sorted((*found, *page), key=_updated, reverse=True)[:NEWEST]
            if len(page) < PAGE:
                break
            after = page[-1]["sequence"]
        return found

    def _measure(self, part: str, troubles: list[str]) -> Samples | None:
        try:
            return Samples(self._get(part, "/metrics").decode(), time.monotonic())
        except _NoAnswer as error:
            troubles.append(str(error))
            return None

    def _get(self, part: str, path: str) -> bytes:
        reasons = []
        for url in self._urls[part]:
            try:
                with self._opener.open(f"{url}{path}", timeout=TIMEOUT_S) as response:
                    data: bytes = response.read()
                    return data
            except urllib.error.HTTPError as error:
                raise _NoAnswer(f"the {part} at {url} answers {error.code} {error.reason}") from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                reasons.append(f"{url}: {getattr(error, 'reason', error)}")
        raise _NoAnswer(f"the {part} does not answer at {' or '.join(reasons)}")


class _NoAnswer(Exception):
    """Nobody answered, or not what was asked for."""


def _updated(row: Mapping[str, Any]) -> float:
    return float(row["updated"])
