"""Errors of a workflow: what goes wrong in a user's flow at run time, with the place in the definition."""

from __future__ import annotations

from evenweave.errors import EvenweaveError


class Fault(EvenweaveError):
    """An error of the workflow, raised inside a burst and made the instance's reason; it never leaves the engine.

    Attributes:
        type: A short stable name: ``expression``, ``data``, ``limit``, ``publish``.
        title: One sentence that says what is wrong.
        reference: JSON pointer into the definition; empty where the node that was running is meant.
    """

    def __init__(self, type: str, title: str, reference: str = "") -> None:  # noqa: A002 - the field's word
        super().__init__(title)
        self.type = type
        self.title = title
        self.reference = reference
