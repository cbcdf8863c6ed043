"""Performs one call: secrets are put in, the function is called, and whatever comes of it becomes a cause."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from evenweave import jq
from evenweave.engine import Called, calling
from evenweave.engine.fault import Fault
from evenweave.errors import EvenweaveError
from evenweave.ports.functions import Auth, CallFailed, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenweave.engine.calling import Invocation, Values
    from evenweave.engine.progress import FindPlan
    from evenweave.ports.functions import Functions, Secrets
    from evenweave.worker.settings import Settings

_SHORTEST_SECRET = 3
_TITLE = 1000
HIDDEN = "***"


class Performer:
    """Performs calls; nothing that goes wrong with one escapes it, but for its being cancelled.

    Args:
        functions: What makes them.
        secrets: Where the secrets of their arguments are.
        settings: Their limits.
        find_plan: Finds the plan of a definition and a digest, for the documents that are a part of it.
    """

    def __init__(self, functions: Functions, secrets: Secrets, settings: Settings, find_plan: FindPlan) -> None:
        self._find_plan = find_plan
        self._functions = functions
        self._secrets = secrets
        self._settings = settings

    async def perform(self, activation: int, invocation: Invocation) -> Called:
        """Call the function.

        What goes wrong says nothing of the secrets that the call was made with (PROTOCOL section 6).
        """
        secrets: dict[str, Any] = {}
        try:
            await self._find_secrets(invocation, secrets)
            result = await self._call(invocation, secrets)
        except CallFailed as error:
            return self._failed(activation, error, secrets)
        except Exception as error:  # noqa: BLE001 - whatever an adapter does, the workflow is told
            failed = CallFailed("function", f"{type(error).__name__}: {error}", [type(error).__name__, "function"])
            return self._failed(activation, failed, secrets)
        return Called(activation, result)

    async def _find_secrets(self, invocation: Invocation, secrets: dict[str, Any]) -> None:
        for name in invocation.secrets:
            try:
                value = await self._secrets.find(name)
            except EvenweaveError as error:
                raise CallFailed("secret", str(error)) from None
            if value is None:
                raise CallFailed("secret", f'there is no secret "{name}"')
            secrets[name] = value

    async def _call(self, invocation: Invocation, secrets: dict[str, Any]) -> Any:
        timeout_s = self._settings.call_s if invocation.timeout_s is None else invocation.timeout_s
        arguments = None if invocation.arguments is None else self._fill(invocation.arguments, secrets)
        auth = None
        if invocation.auth is not None:
            properties = self._fill(invocation.auth.properties, secrets)
            if isinstance(properties, str):
                properties = _object(properties)
            if not isinstance(properties, dict):
                raise CallFailed(
                    "secret", f'the properties of the auth definition "{invocation.auth.name}" are no object'
                )
            auth = Auth(invocation.auth.name, invocation.auth.scheme, properties)
        plan = self._find_plan(invocation.definition, invocation.digest)
        files = {} if plan is None else plan.files
        try:
            async with asyncio.timeout(timeout_s):
                result = await self._functions.call(Request(invocation, arguments, auth, timeout_s, files))
        except TimeoutError:
            raise timed_out(invocation, timeout_s) from None
        try:
            size = len(msgspec.json.encode(result))
        except (TypeError, ValueError, RecursionError) as error:
            raise CallFailed("response", f"its result is no JSON: {error}") from None
        if size > self._settings.result_bytes:
            limit = self._settings.result_bytes
            raise CallFailed("response", f"its result has {size} bytes, the limit is {limit}")
        return result

    def _fill(self, values: Values, secrets: dict[str, Any]) -> Any:
        try:
            return calling.fill(values, secrets, jq.Budget(self._settings.limits.fuel, now=time.time()))
        except Fault as fault:
            raise CallFailed(fault.type, f"{fault.title}, at {fault.reference}") from None

    def _failed(self, activation: int, error: CallFailed, secrets: dict[str, Any]) -> Called:
        title = error.title
        for text in sorted(_texts(secrets), key=len, reverse=True):
            title = title.replace(text, HIDDEN)
        return Called(activation, error=error.error, codes=error.codes, title=title[:_TITLE])


def timed_out(invocation: Invocation, timeout_s: float) -> CallFailed:
    """The error of a call that took too long."""
    title = f'the call to "{invocation.function}" took longer than {timeout_s:g} s'
    return CallFailed("timeout", title, ["timeout", "408"])


def unknown_outcome(activation: int, invocation: Invocation) -> Called:
    """What becomes of a call that may have been made, and may not be made again."""
    title = f'nobody knows whether the call to "{invocation.function}" was made, and it may not be repeated'
    return Called(activation, error="outcome-unknown", codes=["outcome-unknown"], title=title)


def _object(text: str) -> Any:
    """A secret that is text and holds an object as JSON."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None


def _texts(value: Any) -> Iterator[str]:
    """Every text in secrets, as it may turn up in a message."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None and not isinstance(value, bool):
        text = str(value)
        if len(text) >= _SHORTEST_SECRET:
            yield from {text, repr(text)[1:-1], quote(text, safe=""), base64.b64encode(text.encode()).decode()}
