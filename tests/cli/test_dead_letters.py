"""`evenweave dead-letters`, before a Runtime in this process."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from evenweave.adapters.brokers.embedded import MIGRATIONS, EmbeddedBroker
from evenweave.adapters.clocks import SystemClock
from evenweave.adapters.sqlite import Database
from evenweave.cli.dead_letters import dead_letters
from evenweave.http.runtime import RuntimeFace
from evenweave.http.server import Server

Run = Callable[..., Result]


async def _serve(started: Callable[[str, asyncio.AbstractEventLoop, asyncio.Event], None]) -> None:
    """Serve a Runtime with three dead letters of the group shop, and one of a group that is gone."""
    database = Database.open(None, [MIGRATIONS])
    broker = await EmbeddedBroker.open(database, clock=SystemClock())
    for name, count in (("shop", 3), ("gone", 1)):
        group = await broker.subscribe(name, [f"{name}/in"])
        event: dict[str, Any] = {"specversion": "1.0", "source": "/s", "type": "t", "data": {"total": 5}}
        await broker.publish([(f"{name}/in", event | {"id": f"{name}{number}"}) for number in range(count)])
        taken = await broker.deliveries(group.id)
        await broker.settle(group.id, reject=[(one.lease, "no stock") for one in taken])
    await broker.unsubscribe(group.id)
    server = await Server.start(RuntimeFace(broker))
    stop = asyncio.Event()
    started(server.url, asyncio.get_running_loop(), stop)
    await stop.wait()
    await server.stop()
    await broker.close()
    await database.close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run the command before that Runtime."""
    ready = threading.Event()
    told: list[Any] = []

    def started(*what: Any) -> None:
        told.extend(what)
        ready.set()

    thread = threading.Thread(target=lambda: asyncio.run(_serve(started)))
    thread.start()
    assert ready.wait(10)
    url, loop, stop = told
    monkeypatch.setenv("EVENWEAVE_RUNTIME", url)
    yield lambda *arguments: CliRunner().invoke(dead_letters, [*arguments])
    loop.call_soon_threadsafe(stop.set)
    thread.join()


def _listed(run: Run, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(run("list", "--json", *arguments).stdout)
    return found


def test_dead_letters_are_listed_and_shown(run: Run) -> None:
    """The table has who, where and why; one is shown with its event."""
    listed = run("list")
    assert listed.exit_code == 0
    rows = [line.split() for line in listed.stdout.splitlines()[1:]]
    assert rows[0][3:7] == ["shop/in", "shop", "1", "shop0"]
    assert [letter["event"]["id"] for letter in _listed(run, "--group", "gone")] == ["gone0"]
    assert [letter["event"]["id"] for letter in _listed(run, "--channel", "shop/in", "--max", "1")] == ["shop0"]
    assert _listed(run, "--older", "7d") == []
    first, second = _listed(run, "--max", "2")
    assert _listed(run, "--after", first["id"], "--max", "1") == [second]
    shown = run("show", first["id"])
    assert shown.exit_code == 0
    assert "reason    no stock" in shown.stdout
    assert '"total": 5' in shown.stdout
    assert msgspec.json.decode(run("show", first["id"], "--json").stdout) == first
    assert "there is no dead letter 999" in run("show", "999").stderr


def test_dead_letters_are_replayed_by_id_or_filter(run: Run) -> None:
    """Some by id, the rest by filter; what nobody takes stays, and the command fails."""
    first = _listed(run)[0]
    replayed = run("replay", first["id"])
    assert (replayed.exit_code, replayed.stdout) == (0, "1 replayed\n")
    again = run("replay", first["id"], "--json")
    assert again.exit_code == 1
    answer = msgspec.json.decode(again.stdout)
    assert (answer["replayed"], answer["left"][0]["id"]) == (0, first["id"])
    everything = run("replay", "--all")
    assert (everything.exit_code, everything.stdout) == (1, "2 replayed\n")
    assert "stays: no group gone takes the channel gone/in" in everything.stderr
    assert [letter["group"] for letter in _listed(run)] == ["gone"]


def test_dead_letters_are_purged_by_id_or_filter(run: Run) -> None:
    """Deleted for good, those that are meant and no others."""
    ids = [letter["id"] for letter in _listed(run)]
    assert run("purge", ids[0], ids[1]).stdout == "2 purged\n"
    assert run("purge", "--group", "shop", "--older", "1h").stdout == "0 purged\n"
    assert msgspec.json.decode(run("purge", "--group", "shop", "--json").stdout) == {"purged": 1, "left": []}
    assert [letter["id"] for letter in _listed(run)] == ids[3:]
    assert run("purge", "--all").stdout == "1 purged\n"


@pytest.mark.parametrize(
    "arguments", [("replay",), ("purge",), ("purge", "7", "--all"), ("replay", "--all", "--group", "shop")]
)
def test_which_ones_has_to_be_said(run: Run, arguments: tuple[str, ...]) -> None:
    """Nothing, or two things at once, is a usage error, and changes nothing."""
    refused = run(*arguments)
    assert refused.exit_code == 2
    assert "say which ones" in refused.stderr
    assert len(_listed(run)) == 4


def test_an_age_is_a_number_with_a_unit(run: Run) -> None:
    """Anything else is a usage error."""
    assert "'soon' is no time such as" in run("list", "--older", "soon").stderr
