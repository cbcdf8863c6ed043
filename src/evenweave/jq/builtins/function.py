"""What a builtin function of values is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Function:
    """A builtin that maps the input and the values of its arguments to an output, or to several.

    Attributes:
        run: Called with the input and the arguments.
        many: ``run`` returns an iterable of outputs.
        budget: ``run`` takes the :class:`~evenweave.jq.Budget` before the input.
        forward: The first argument changes slowest when arguments have several outputs; otherwise the last does.
    """

    run: Callable[..., Any]
    many: bool = False
    budget: bool = False
    forward: bool = False

    @property
    def plain(self) -> bool:
        """Whether it has one output and needs no budget."""
        return not self.many and not self.budget
