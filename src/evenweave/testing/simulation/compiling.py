"""Definitions are compiled once a process: what a plan is does not depend on the history that it is played in."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from evenweave.worker import registrar, registration
from evenweave.worker.definitions import Registered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenweave.ports.store import DefinitionRow

_SAME = {"version": "", "created": 0.0, "active": True, "sequence": 0, "disabled": False}


def restore(row: DefinitionRow) -> Registered:
    """See `evenweave.worker.registration.restore`."""
    compiled = _restore(msgspec.structs.replace(row, **_SAME))
    return Registered(msgspec.structs.replace(row, broken=compiled.row.broken), compiled.plan)


@contextmanager
def compiled_once() -> Iterator[None]:
    """Let the workers of a history share plans."""
    patched: Any = registrar
    before, patched.restore = patched.restore, restore
    try:
        yield
    finally:
        patched.restore = before


_restore = cache(registration.restore)
