"""The documents that functions are called by: OpenAPI, and .proto files with what those import.

Where they are in the bundle of a definition they are a part of it, so that an instance goes on calling by what it began
with. What is behind a URL, or only where the worker is, is read when it is called.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from posixpath import dirname, join, normpath
from typing import Any, Final

from evenweave.definitions.swf08.resources import FunctionDef

Find = Callable[[str], Any]

_IMPORT: Final = re.compile(r"""^\s*import\s+(?:public\s+|weak\s+)?["']([^"']+)["']\s*;""", re.MULTILINE)
_ELSEWHERE: Final = ("http://", "https://")


def document_uri(function: FunctionDef) -> str | None:
    """The URI of the document that a function's operation is in; None where it is in none, or on a server."""
    operation = function.operation
    if function.type == "rest" and "#" in operation:
        uri = operation.rpartition("#")[0]
    elif function.type == "rpc":
        uri = operation.partition("#")[0]
    else:
        return None
    return uri if uri and not uri.startswith(_ELSEWHERE) else None


def find_documents(functions: Iterable[FunctionDef], embedded: Mapping[str, Any], find: Find) -> dict[str, Any]:
    """The documents of functions, as far as they are there, by URI.

    Args:
        functions: The functions.
        embedded: The files that a registered definition carries.
        find: The content of a file: plain JSON, or the text of a .proto file; None where there is none.

    Returns:
        For OpenAPI the document; for rpc the text of each file by its name, the one that is meant first.
    """
    found: dict[str, Any] = {}
    for function in functions:
        uri = document_uri(function)
        if uri is None or uri in found:
            continue
        if uri in embedded:
            found[uri] = embedded[uri]
        elif function.type == "rpc":
            files = dict(_protos(uri, find))
            if files:
                found[uri] = files
        else:
            content = find(uri)
            if isinstance(content, dict):
                found[uri] = content
    return found


def _protos(uri: str, find: Find) -> Iterator[tuple[str, str]]:
    """A .proto file and those that it imports, by the names that imports have."""
    path = uri.removeprefix("file://")
    folder = dirname(path)
    todo, seen = [path.removeprefix(f"{folder}/")], set()
    while todo:
        name = todo.pop(0)
        if name in seen:
            continue
        seen.add(name)
        text = find(normpath(join(folder, name)))
        if isinstance(text, str):
            yield name, text
            todo += _IMPORT.findall(text)
        elif len(seen) == 1:
            return  # what else is imported comes with the compiler
