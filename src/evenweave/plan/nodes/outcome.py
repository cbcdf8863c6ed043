"""Where a node leaves to, and what becomes of its result."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from evenweave.plan.template import Expression


class Leave(enum.Enum):
    """The edges that do not name a node."""

    EXIT = "exit scope"
    END = "end of path"
    TERMINATE = "terminate"


Edge = str | Leave
"""Where a node leaves to: the position of a node of the same scope, or one of `Leave`."""


@dataclass(frozen=True, slots=True)
class Into:
    """How a result becomes part of the data of the frame around its node.

    Attributes:
        mode: ``replace`` the data, ``merge`` into it (0.8, "Data Merging"), or ``discard`` the result.
        select: Narrows the result first (0.8 ``results``, ``eventDataFilter.data``).
        to: A path expression; the result goes there instead of to the root, and missing parents are created
            (0.8 ``toStateData``).
        name: The key under which a result that is not an object is merged into an object when there is no ``to``.
    """

    mode: Literal["replace", "merge", "discard"] = "replace"
    select: Expression | None = None
    to: Expression | None = None
    name: str = "response"


REPLACE = Into("replace")
DISCARD = Into("discard")
