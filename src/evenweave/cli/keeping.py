"""Options that say how long something is kept behind its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from evenweave.worker import Settings

if TYPE_CHECKING:
    from collections.abc import Callable


def keeping(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options; it hands them to `read_keeping`."""
    for name, what in (("keep-ended", "an instance"), ("keep-history", "the history of an instance")):
        command = click.option(
            f"--{name}",
            type=click.FloatRange(min=0.0),
            metavar="SECONDS",
            help=f"How long {what} is kept after its end, instead of for ever.",
        )(command)
    return command


def read_keeping(keep_history: float | None, keep_ended: float | None) -> Settings:
    """The settings that say so."""
    return Settings(history_s=keep_history, ended_s=keep_ended)
