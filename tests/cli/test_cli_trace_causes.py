"""What `evenweave trace` says of what came of calls."""

from __future__ import annotations

from typing import Any

import pytest

from evenweave.cli.trace import _describe


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ({"cause": "called", "activation": 3, "result": 1}, "the result of a call"),
        ({"cause": "called", "activation": 3, "error": "http", "title": "no"}, "a call failed, http: no"),
    ],
)
def test_trace_says_what_came(cause: dict[str, Any], said: str) -> None:
    """The result of a call, or its error, is told from the rest of a long burst."""
    assert _describe(cause) == said
