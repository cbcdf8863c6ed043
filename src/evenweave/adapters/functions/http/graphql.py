"""GraphQL functions: ``<endpoint>#query#<field>`` or ``<endpoint>#mutation#<field>``."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from evenweave.ports.functions import CallFailed

_NAME: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")


def write(operation: str, field: str, arguments: Any, select: str) -> str:
    """The document of a request: arguments are literals in it, for their types are not known here.

    Raises:
        CallFailed: A name is none that GraphQL has.
    """
    _check(field)
    given = arguments if isinstance(arguments, dict) else {}
    written = ", ".join(f"{_check(name)}: {_literal(value)}" for name, value in given.items())
    select = select.strip()
    if select and not select.startswith("{"):
        select = f"{{ {select} }}"
    parts = [operation, "{", f"{field}({written})" if written else field, select, "}"]
    return " ".join(part for part in parts if part)


def read(value: Any, field: str) -> Any:
    """The field's value in an answer.

    Raises:
        CallFailed: The answer has errors, or is none of GraphQL.
    """
    if not isinstance(value, dict):
        raise CallFailed("response", "the answer is none of GraphQL")
    errors = value.get("errors")
    if errors:
        first = errors[0] if isinstance(errors, list) and isinstance(errors[0], dict) else {}
        code = (first.get("extensions") or {}).get("code")
        codes = [str(code), "graphql"] if code else ["graphql"]
        raise CallFailed("graphql", f"{field}: {first.get('message', 'failed')}", codes)
    data = value.get("data")
    return data.get(field) if isinstance(data, dict) else None


def _literal(value: Any) -> str:
    """A value as GraphQL writes it (October 2021, 2.9): like JSON, but for the names of fields."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_check(name)}: {_literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return msgspec.json.encode(value).decode()


def _check(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise CallFailed("arguments", f'"{name}" is no name that GraphQL has')
    return name
