"""What keeps a cause from being given, and an instance from moving."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from evenweave.engine import Cause


class Poisoned(EvenweaveError):
    """A cause made a step fail that must not fail: handle the batch again with this cause put aside.

    Attributes:
        instance: Whose step it was.
        cause: The cause.
        reason: What happened.
    """

    def __init__(self, instance: str, cause: Cause, reason: str) -> None:
        super().__init__(f"instance {instance}: {reason}")
        self.instance = instance
        self.cause = cause
        self.reason = reason


class Block(NamedTuple):
    """Keeps an instance from moving, because the store refused its rows; ``suspend`` it if that can be written."""

    reason: str
    suspend: bool
