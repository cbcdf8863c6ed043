"""The adapter of PostgreSQL, which only those need that have its driver."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from types import ModuleType


def load_postgres(module: str) -> ModuleType:
    """A module of the adapter.

    Raises:
        evenweave.errors.EvenweaveError: Its driver is not installed.
    """
    try:
        return importlib.import_module(f"evenweave.adapters.stores.postgres.{module}")
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise EvenweaveError(
            "the driver of PostgreSQL is not installed", 'install it with pip install "evenweave[postgres]"'
        ) from None
