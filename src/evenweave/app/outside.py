"""How calls to functions reach the outside."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import structlog

from evenweave.adapters.functions import Router
from evenweave.adapters.functions.python import PythonFunctions, load_callable
from evenweave.adapters.secrets import ConfiguredSecrets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from evenweave.ports.functions import Functions, Secrets


@dataclass(frozen=True, kw_only=True)
class Outside:
    """How calls to functions reach the outside.

    Attributes:
        callables: Python callables by the names of functions.
        secrets: Secrets by name.
        secrets_file: A JSON object with more of them.
        resolve: The egress map: requests to a host go to a URL.
        hosts: The hosts that may be called; ``None`` is any.
        documents: The folder below which functions find their documents (OpenAPI, proto); ``None`` is none.
        write: Writes what ``sysout`` is told: the level, and the text.
    """

    callables: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict)
    secrets_file: Path | None = None
    resolve: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] | None = None
    documents: Path | None = None
    write: Callable[[str, str], None] | None = None

    def open_functions(self) -> Functions:
        """What makes the calls."""
        from evenweave.adapters.functions.http import Documents, HttpClient, HttpFunctions  # noqa: PLC0415 - aiohttp

        client = HttpClient(resolve=self.resolve, hosts=self.hosts)
        documents = Documents(self.documents, client)
        http = HttpFunctions(client, documents)
        types: dict[str, Functions] = dict.fromkeys(("rest", "graphql", "odata"), http)
        if find_spec("grpc_tools") is not None and find_spec("grpc") is not None:
            from evenweave.adapters.functions.grpc import GrpcFunctions  # noqa: PLC0415 - an extra

            types["rpc"] = GrpcFunctions(documents.place, client.route, http.authenticator.headers)
        return Router(PythonFunctions(self.callables), types, self.write or _log_line)

    def open_secrets(self) -> Secrets:
        """Where their secrets are: those given, then those in the file, then those in the environment."""
        return ConfiguredSecrets(self.secrets, file=self.secrets_file, environment=os.environ)


def _log_line(level: str, text: str) -> None:
    log = structlog.get_logger("evenweave.sysout")
    getattr(log, level if level in {"debug", "info", "warning", "error", "critical"} else "info")(text)


def find_callable(name: str) -> Callable[..., Any]:
    """The callable of the name ``MODULE:CALLABLE``; its module may lie in the current folder.

    Raises:
        evenweave.errors.EvenweaveError: There is none.
    """
    return load_callable(name, folder=os.getcwd())
