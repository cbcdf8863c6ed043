"""What running a command came to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass
class Outcome:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output as JSON."""
        return msgspec.json.decode(self.out)


Command = Callable[..., Outcome]
