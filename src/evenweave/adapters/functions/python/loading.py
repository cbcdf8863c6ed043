"""Finds a callable by its name."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from collections.abc import Callable


def load_callable(name: str, *, folder: str = "") -> Callable[..., Any]:
    """Import ``MODULE:CALLABLE``; modules may lie in the folder too.

    Raises:
        EvenweaveError: There is none of this name, or its module cannot be imported.
    """
    module, _, path = name.partition(":")
    if not module or not path:
        raise EvenweaveError(f'"{name}" names no callable', "write MODULE:CALLABLE")
    if folder and folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise EvenweaveError(f'"{name}" cannot be imported: {type(error).__name__}: {error}') from error
    if not callable(found):
        raise EvenweaveError(f'"{name}" is a {type(found).__name__} and cannot be called')
    checked: Callable[..., Any] = found
    return checked
