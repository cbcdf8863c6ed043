"""What a store answers where it does not write."""

from __future__ import annotations

from evenweave.errors import EvenweaveError


class StoreRefused(EvenweaveError):
    """The rows of a transaction cannot be written: trying again does not help.

    Attributes:
        own: The transaction's own rows are at fault; otherwise those of an earlier one, and it may be handled again.
    """

    def __init__(self, message: str, *, own: bool) -> None:
        super().__init__(message)
        self.own = own


class StoreConflict(StoreRefused):
    """Another worker changed meanwhile what the transaction looked up: do the work again, on what is true now."""

    def __init__(self, message: str) -> None:
        super().__init__(message, own=False)


class StoreUnavailable(EvenweaveError):
    """The store cannot write now; nothing of the transaction was written, and it may be handled again."""
