"""Functions outside of the engine, and the secrets that calls to them may need.

PROTOCOL section 2 ("Calls to functions") and section 6 are the contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from evenweave.engine.calling import Invocation  # noqa: TC001 - part of a request
from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class CallFailed(EvenweaveError):
    """A call gave no result: an error of the workflow, which it may catch.

    Attributes:
        error: A short stable name of what went wrong, as in `evenweave.engine.Called`.
        title: One sentence that says what.
        codes: What a definition may know it by, the most particular first.
    """

    def __init__(self, error: str, title: str, codes: Sequence[str] = ()) -> None:
        super().__init__(title)
        self.error = error
        self.title = title
        self.codes = list(codes) or [error]


class Auth(Struct, frozen=True):
    """Credentials with their secrets in place: ``scheme`` is ``basic``, ``bearer`` or ``oauth2``."""

    name: str
    scheme: str
    properties: dict[str, Any]

    def __repr__(self) -> str:
        return f"Auth(name={self.name!r}, scheme={self.scheme!r}, properties=...)"


class Request(Struct, frozen=True):
    """A call with its secrets in place; it must not be stored, logged or shown.

    Attributes:
        invocation: What is called.
        arguments: The arguments; none where the invocation has none.
        auth: The credentials.
        timeout_s: How long the call may take.
        files: The documents that are a part of the definition, by the URI that operations name them by: OpenAPI as
            plain JSON, for rpc the text of each .proto file by its name, the one that is meant first. What is not among
            them is looked for elsewhere.
    """

    invocation: Invocation
    arguments: Any
    auth: Auth | None
    timeout_s: float
    files: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        return f"Request({self.invocation.key!r}, {self.invocation.operation!r})"


class Functions(Protocol):
    """Makes calls; it must pass the invocation's key on, as the idempotency key, where its protocol has a place."""

    async def call(self, request: Request) -> Any:
        """Make a call and return its result, plain JSON values; it is cancelled when its time is over.

        Raises:
            CallFailed: There is no result.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Secrets(Protocol):
    """Where secrets are."""

    async def find(self, name: str) -> Any:
        """The value of a secret, text or a JSON object; ``None`` where there is none of this name."""
        ...
