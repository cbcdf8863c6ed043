"""Users' documents: reading YAML and JSON with the place of every value, and saying what is wrong where.

Nothing here opens a file: the caller reads it and names it. ::

    loaded = load("order.yaml", data)
    if loaded.document is None:
        print(render(loaded.diagnostics, {"order.yaml": loaded.text}))
"""

from evenweave.source import pointer
from evenweave.source.diagnostic import Diagnostic, Severity, Span, has_errors, ordered, strict, to_json
from evenweave.source.document import Dialect, Document, Loaded, Part, decode, dialect, load, plain
from evenweave.source.rendering import render
from evenweave.source.spelling import closest

__all__ = [
    "Diagnostic",
    "Dialect",
    "Document",
    "Loaded",
    "Part",
    "Severity",
    "Span",
    "closest",
    "decode",
    "dialect",
    "has_errors",
    "load",
    "ordered",
    "plain",
    "pointer",
    "render",
    "strict",
    "to_json",
]
