"""OData functions: ``<service>#<entity set>``, read by URL."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, urlencode

from evenweave.adapters.functions.http.openapi import Prepared
from evenweave.engine import evaluate
from evenweave.ports.functions import CallFailed

_OPTIONS: Final = ("filter", "expand", "select", "orderby", "top", "skip", "count", "search", "format")


def prepare(service: str, entity_set: str, arguments: Any) -> Prepared:
    """The request: ``key`` names one entity, ``queryOptions`` become system query options.

    Raises:
        CallFailed: An argument is none of the two, or an option none that a URL can say.
    """
    given = arguments if isinstance(arguments, dict) else {}
    for name in given:
        if name not in {"key", "queryOptions"}:
            raise CallFailed(
                "arguments", f'"{name}" is no argument of an OData function: there are key and queryOptions'
            )
    url = f"{service.rstrip('/')}/{quote(entity_set)}"
    key = given.get("key")
    if key is not None:
        url += f"({quote(_key(key), safe='')})"
    options = {"$format": "json"}
    for name, value in (given.get("queryOptions") or {}).items():
        lower = name.lower()
        if lower not in _OPTIONS:
            raise CallFailed("arguments", f'"{name}" is no query option of OData: there are {", ".join(_OPTIONS)}')
        options[f"${lower}"] = evaluate.text(value)
    return Prepared("GET", f"{url}?{urlencode(options, quote_via=quote, safe='$')}")


def _key(key: Any) -> str:
    """A key as a URL has it: numbers as they are, text in quotes, of which those inside are doubled."""
    if isinstance(key, str) and not key.isdigit():
        return key if key.startswith("'") and key.endswith("'") else "'" + key.replace("'", "''") + "'"
    return evaluate.text(key)
