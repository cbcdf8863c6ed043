"""Play simulated histories: ``python -m evenweave.testing.simulation --seeds 1000``, or one again: ``--seed N``."""

from __future__ import annotations

import os
import sys

import click

from evenweave.testing.simulation.playing import play, play_all


def _fix_order() -> None:
    """Sets of text have the same order in every process, so that a seed is the same history everywhere."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        os.execve(sys.executable, [sys.executable, "-m", "evenweave.testing.simulation", *sys.argv[1:]], environment)  # noqa: S606


SAID_EVERY = 500


@click.command(name="python -m evenweave.testing.simulation")
@click.option("--seed", type=int, help="Play this one history, and tell all that is wrong with it.")
@click.option("--seeds", type=int, default=0, help="How many histories to play; as many as fit, where none is said.")
@click.option("--first", type=int, default=0, help="The first seed.")
@click.option("--seconds", type=float, default=0.0, help="Begin no more after this time.")
@click.option("--workers", type=int, default=0, help="Workers on the database; one to three in turn, by default.")
@click.option("--processes", type=int, default=0, help="In how many at once; one for each core, by default.")
def main(seed: int | None, seeds: int, first: int, seconds: float, workers: int, processes: int) -> None:
    """Simulate workers on one database whose server, network and processes fail in every way, by a seed."""
    _fix_order()
    if seed is not None:
        (outcome,) = play([seed], workers)
        click.echo(outcome)
        sys.exit(bool(outcome.wrong))
    if not seeds and not seconds:
        raise click.UsageError("say --seeds, or --seconds")
    played = kills = conflicts = 0
    words = {"lost": 0, "doubled": 0, "stuck": 0, "failed": 0}
    for outcome in play_all(first, seeds, workers, seconds, processes):
        played += 1
        if played % SAID_EVERY == 0:
            click.echo(f"{played} seeds so far")
        kills += outcome.kills
        conflicts += outcome.conflicts
        for word in words:
            words[word] += any(each.startswith(word) for each in outcome.wrong)
        if outcome.wrong:
            click.echo(f"seed {outcome.seed}: {'; '.join(outcome.wrong)}")
            click.echo(f"  again: python -m evenweave.testing.simulation --seed {outcome.seed}")
    click.echo(f"{played} seeds, {kills} simulated kills, {conflicts} conflicts")
    click.echo(
        f"{played} seeds: {words['lost']} lost, {words['doubled']} doubled, {words['stuck'] + words['failed']} stuck"
    )
    sys.exit(any(words.values()))


if __name__ == "__main__":
    main()
