"""The short form of a rest function, ``METHOD:URL``: what is called stands in the definition."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote, urlencode

from evenweave.adapters.functions.http.openapi import Prepared
from evenweave.engine import evaluate
from evenweave.ports.functions import CallFailed

SHORT: Final = re.compile(r"(get|put|post|delete|patch|head|options):(.+)", re.IGNORECASE | re.DOTALL)
_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
_PLACE: Final = re.compile(r"\{([^{}]+)\}")


def prepare(method: str, url: str, arguments: Any, base: str, *, given: bool) -> Prepared:
    """The request: arguments fill ``{name}`` in the URL; the rest is the query, or the body where the method has one.

    Raises:
        CallFailed: A name in the URL has no argument.
    """
    method = method.upper()
    left = dict(arguments) if isinstance(arguments, dict) else {}

    def fill(found: re.Match[str]) -> str:
        names.add(found[1])
        if found[1] not in left:
            raise CallFailed("arguments", f'{method} {url}: there is no argument "{found[1]}"')
        return quote(evaluate.text(left[found[1]]), safe="")

    names: set[str] = set()
    whole = _PLACE.sub(fill, url)
    for name in names:
        del left[name]
    if "://" not in whole:
        whole = f"{base}/{whole.lstrip('/')}"
    if method in _BODILESS:
        if left and given:
            pairs = [(key, evaluate.text(each)) for key, value in left.items() for each in _items(value)]
            whole += ("&" if "?" in whole else "?") + urlencode(pairs)
        return Prepared(method, whole)
    return Prepared(method, whole, json=left if isinstance(arguments, dict) else arguments)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
