"""Errors of a workflow: what goes wrong in a user's flow at run time, with the place in the definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Fault(EvenweaveError):
    """An error of the workflow, raised inside a burst; it never leaves the engine.

    The definition may handle it (`evenweave.engine.guarding`); else it becomes the instance's reason.

    Attributes:
        type: A short stable name: ``expression``, ``data``, ``limit``, ``publish``, ``timeout``.
        title: One sentence that says what is wrong.
        reference: JSON pointer into the definition; empty where the node that was running is meant.
        codes: What the definition may know it by, beside its type and its title: ``HTTP:404``, ``404``, the class of
            an exception.
    """

    def __init__(
        self,
        type: str,  # noqa: A002 - the field's word
        title: str,
        reference: str = "",
        codes: Sequence[str] = (),
    ) -> None:
        super().__init__(title)
        self.type = type
        self.title = title
        self.reference = reference
        self.codes = tuple(codes)
