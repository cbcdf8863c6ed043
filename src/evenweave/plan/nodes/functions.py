"""Functions outside of the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.plan.template import Template


@dataclass(frozen=True, slots=True)
class Auth:
    """Credentials for a function.

    Attributes:
        name: Their name in the definition.
        scheme: ``basic``, ``bearer`` or ``oauth2``.
        properties: What they consist of; it may read ``$SECRETS``.
    """

    name: str
    scheme: str
    properties: Template


@dataclass(frozen=True, slots=True)
class Function:
    """A function outside of the engine.

    Attributes:
        name: Its name in the definition.
        type: How it is called: ``rest``, ``graphql``, ``odata``, ``rpc`` or ``custom``.
        operation: What is called; its form depends on the type.
        reference: Where it stands in the definition.
        repeat: Whether the call may be made again when nobody knows whether it was made.
        timeout_s: How long one call may take, in seconds; ``None`` is the worker's own limit.
        metadata: What else the definition says of it.
        auth: Its credentials.
    """

    name: str
    type: str
    operation: str
    reference: str
    repeat: bool = True
    timeout_s: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    auth: Auth | None = None
