"""JSON is read with the place of every value, and what is off is told at its place."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenweave.source import load, pointer

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def pointers(value: object, at: str = "") -> list[tuple[str, object]]:
    """Return every value below ``value`` with its pointer."""
    found = [(at, value)]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += pointers(item, pointer.join(at, key))
    return found


@given(json_values, st.sampled_from([None, 1, "\t"]), st.booleans())
@settings(deadline=None, max_examples=200)
def test_json_span_of_every_value_holds_its_text(value: object, indent: str | int | None, ascii_only: bool) -> None:
    """The stretch of text at each pointer is that value again, whatever the layout."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    document = load("a.json", text).document
    assert document is not None
    assert document.value == value
    lines = text.split("\n")
    for at, expected in pointers(value):
        span = document.span(at)
        part = lines[span.start_line - 1 : span.end_line]
        part[-1] = part[-1][: span.end_column - 1]
        part[0] = part[0][span.start_column - 1 :]
        assert json.loads("\n".join(part)) == expected


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ('{"a": 1,}', "FI120", 9),
        ('{"a": 1, "a": 2}', "FI107", 10),
        ("{a: 1}", "FI120", 2),
        ('{"a": "x\\q"}', "FI120", 9),
        ('{"a": "x\ty"}', "FI120", 9),
        ('{"a": "x\n"}', "FI120", 7),
        ('{"a": NaN}', "FI120", 7),
        ('{"a": 01}', "FI120", 7),
        ('{"a": 1.}', "FI120", 7),
        ('{"a": -}', "FI120", 7),
        ("{'a': 1}", "FI120", 2),
        ('{"a": [1 2]}', "FI120", 10),
        ('{"a": [1, ]}', "FI120", 11),
        ('{"a": 1} x', "FI120", 10),
        ('{"a": "\\ud800"}', "FI121", 8),
        ('{"a": 1', "FI120", 1),
        ('{"a": ', "FI120", 7),
        ('{"a"', "FI120", 5),
        ("[1", "FI120", 1),
        ("[", "FI120", 2),
        ('{"a": 1e999}', "FI110", 7),
        (f'{{"a": {"9" * 5000}}}', "FI110", 7),
        ('{"a" 1}', "FI120", 6),
        ('{"a": tru}', "FI120", 7),
        ("", "FI104", 1),
    ],
)
def test_json_mistake_is_told_at_its_place(text: str, code: str, column: int) -> None:
    """What cannot be read is one error, where it is, and gives no document."""
    loaded = load("a.json", text)
    assert loaded.document is None
    (found,) = loaded.diagnostics
    assert (found.code, found.span.start_line, found.span.start_column) == (code, 1, column)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 100_000])
def test_json_depth_is_bounded(text: str) -> None:
    """A text nested without end is refused at the bound."""
    assert [found.code for found in load("a.json", text).diagnostics] == ["FI105"]


def test_json_pair_of_escapes_is_one_character() -> None:
    """A character beyond U+FFFF may be written as a pair of escapes."""
    document = load("a.json", '{"a": "\\ud83d\\ude00!"}').document
    assert document is not None
    assert document.value == {"a": "\U0001f600!"}
    assert document.span_in("/a", 1, 1).start_column == 20


def test_json_integer_beyond_64_bits_becomes_a_float() -> None:
    """Integers that no encoder would take back are read as the nearest floating point number."""
    document = load("a.json", "[18446744073709551615, 18446744073709551616]").document
    assert document is not None
    assert document.value == [18446744073709551615, 1.8446744073709552e19]
    assert isinstance(document.value[0], int)
