"""Where secrets are: given by name, in a file, in the environment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PREFIX: Final = "EVENWEAVE_SECRET_"
_OTHER: Final = re.compile(r"[^A-Z0-9]+")


class ConfiguredSecrets:
    """See `evenweave.ports.functions.Secrets`: looks at what was given, then in the file, then in the environment.

    Args:
        given: Secrets by name.
        file: A JSON object with secrets by name; read anew at each call, so that a secret can be changed.
        environment: Variables; the secret ``my-key`` is in ``EVENWEAVE_SECRET_MY_KEY``.
    """

    def __init__(
        self, given: Mapping[str, Any], *, file: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._given = dict(given)
        self._file = file
        self._environment = {} if environment is None else environment

    async def find(self, name: str) -> Any:
        """The value of a secret."""
        if name in self._given:
            return self._given[name]
        if self._file is not None:
            found = self._read(self._file)
            if name in found:
                return found[name]
        return self._environment.get(PREFIX + _OTHER.sub("_", name.upper()))

    @staticmethod
    def _read(file: Path) -> dict[str, Any]:
        try:
            return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
        except (OSError, ValueError) as error:
            # What the file holds is not shown, not even the part that is no JSON.
            reason = error.strerror if isinstance(error, OSError) else "it is no JSON object"
            raise EvenweaveError(f"the secrets in {file} cannot be read: {reason}") from None
