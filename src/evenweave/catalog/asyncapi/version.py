"""Which AsyncAPI a document is written in, and whether it is one that is read here."""

from __future__ import annotations

from re import compile as pattern
from typing import TYPE_CHECKING, Any

from evenweave.source import closest, dialect

if TYPE_CHECKING:
    from evenweave.source import Diagnostic, Document

__all__ = ["NEWEST", "version_of"]

#: The newest minor version of AsyncAPI 2 that there is; the line has ended.
NEWEST = 6

# 2.0.0, AsyncAPI Version String: major.minor.patch, and a suffix behind a hyphen.
_VERSION = pattern(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?:-.+)?")


def version_of(document: Document) -> int | Diagnostic:
    """Return the minor version of AsyncAPI 2 that ``document`` is written in, or why it is not read."""
    value = document.value
    if not isinstance(value, dict) or "asyncapi" not in value:
        message, hint = _something_else(value)
        return document.diagnostic("AA101", "", message, hint=hint, part="key")
    written = value["asyncapi"]
    if not isinstance(written, str):
        hint = 'write all three numbers in quotes: "2.6.0"'
        return document.diagnostic("AA102", "/asyncapi", "the version of AsyncAPI has to be text", hint=hint)
    found = _VERSION.fullmatch(written)
    if not found:
        hint = "a version has three numbers, such as 2.6.0"
        return document.diagnostic("AA102", "/asyncapi", f'"{written}" is no version of AsyncAPI', hint=hint)
    major, minor = int(found[1]), int(found[2])
    if major == 2 and minor <= NEWEST:
        return minor
    if major == 3:
        hint = "write the document in AsyncAPI 2.0 - 2.6; there, what the service receives is `publish`"
        return document.diagnostic("AA104", "/asyncapi", f"AsyncAPI {written}: 3.x is not read yet", hint=hint)
    hint = "2.0.0 - 2.6.0 are read"
    if major < 2:
        hint = "convert it to 2.x (`asyncapi convert` does); 2.0.0 - 2.6.0 are read"
    return document.diagnostic("AA103", "/asyncapi", f"AsyncAPI {written} is not read", hint=hint)


def _something_else(value: Any) -> tuple[str, str]:
    """Say what a document without ``asyncapi`` is, and what to do with it."""
    if not isinstance(value, dict):
        return "this is no AsyncAPI document", "it begins with `asyncapi: 2.6.0`, `info:` and `channels:`"
    if dialect(value) is not None:
        return "this is a Serverless Workflow definition, not AsyncAPI", "give it to the engine"
    if "openapi" in value or "swagger" in value:
        return "this is an OpenAPI document, not AsyncAPI", "describe what the service sends and receives in AsyncAPI"
    near = closest("asyncapi", value)
    hint = f"did you mean `asyncapi` instead of `{near}`?" if near else "the first line says which: `asyncapi: 2.6.0`"
    return "this is no AsyncAPI document: `asyncapi` is missing", hint
