"""What a burst asks of the outside; the worker puts each into the burst's transaction."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from evenweave.engine.calling import Invocation  # noqa: TC001 - part of an effect
from evenweave.engine.causes import Begin  # noqa: TC001 - part of an effect


class Publish(Struct, frozen=True, gc=False):
    """Publish an event; it is named ``<instance id>:<n>`` for ever, however often it is sent."""

    n: int
    channel: str
    event: dict[str, Any]


class Listen(Struct, frozen=True, gc=False):
    """An await that no echo finds: an event on the channel, with the key where there is one, goes to it.

    Attributes:
        activation: The await's.
        index: Which of its accepts.
        channel: The channel.
        key: The correlation key (`evenweave.engine.correlate.key`), or empty.
    """

    activation: int
    index: int
    channel: str
    key: str


class Forget(Struct, frozen=True, gc=False):
    """The await is over; what was asked for by `Listen` goes."""

    activation: int
    index: int
    channel: str
    key: str


class Claim(Struct, frozen=True, gc=False):
    """The instance stands for a correlation key of its definition from now until it ends."""

    key: str


class Launch(Struct, frozen=True, gc=False):
    """Start another instance; its id derives from this one's and from ``n``, so that it is started once.

    Attributes:
        n: The number of the effect.
        definition: The id of its definition.
        version: Which version; empty for the one that starts instances.
        begin: How it begins: with a parent, or as the one that goes on for this.
    """

    n: int
    definition: str
    version: str
    begin: Begin


class Dismiss(Struct, frozen=True, gc=False):
    """End what was started by `Launch`: nobody waits for it any more, and it may not go on alone."""

    n: int


class Invoke(Struct, frozen=True, gc=False):
    """Call a function outside; what comes of it is a cause that names the activation.

    Attributes:
        activation: The call's.
        invocation: What is called, with what; its key is ``<instance id>:<n>`` for ever.
    """

    activation: int
    invocation: Invocation


class Withdraw(Struct, frozen=True, gc=False):
    """Nobody waits for the result of a call any more."""

    activation: int


class GiveUp(Struct, frozen=True, gc=False):
    """Give up an event that the instance took and has no use for any more: nothing is lost silently."""

    channel: str
    event: dict[str, Any]
    reason: str


class Remove(Struct, frozen=True, gc=False):
    """The instance has ended without having begun; nothing of it is to stay."""


Effect = Publish | Listen | Forget | Claim | Launch | Dismiss | Invoke | Withdraw | GiveUp | Remove
