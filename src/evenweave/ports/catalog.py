"""The Catalog as the engine asks it: from a reference to an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from evenweave.plan.operation import Operation


class CatalogUnavailable(EvenweaveError):
    """The Catalog cannot be asked now; it may be later."""


class Catalog(Protocol):
    """Finds operations."""

    async def operation(self, ref: str) -> Operation:
        """The operation of a reference such as ``file://orderService.yaml#sendOrder``; the newest version answers.

        Raises:
            evenweave.errors.UnknownOperation: There is none.
            CatalogUnavailable: The Catalog did not answer.
        """
        ...
