"""JSON text inside the language."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenweave import jq

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e15, 1e15) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(value=JSON)
def test_text_round_trips(value: Any) -> None:
    """What is written is JSON that stands for the value, and is read back to it."""
    text = jq.compile("tojson").first(value)
    if "\ufffd" not in text:
        assert json.loads(text) == json.loads(json.dumps(value))
    assert jq.compile("fromjson").first(text) == value


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(value=JSON, data=st.data())
def test_text_broken_json_is_an_error(value: Any, data: st.DataObject) -> None:
    """A text cut short is an error or a value, never an accident."""
    text = json.dumps(value)
    part = text[: data.draw(st.integers(0, len(text)))]
    output = jq.compile("try (fromjson | [.]) catch .").first(part)
    assert isinstance(output, (str, list))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1"), (1.0, "1.0"), (0.1, "0.1"), (1e-5, "1e-05"), (1e17, "1e+17"), (-0.0, "-0"), (0.0, "0"),
        (2**70, str(2**70)), (1.5e300, "1.5e+300"), (math.inf, "1.7976931348623157e+308"), (math.nan, "null"),
        (123456789012345680.0, "123456789012345680"),
    ],
)  # fmt: skip
def test_text_numbers_are_written_as_in_jq(number: float, text: str) -> None:
    """Numbers have the shortest digits that read back the same, in jq's form."""
    assert jq.compile("tojson").first(number) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expected JSON value (while parsing '')"),
        ("[1,2", "Unfinished JSON term at EOF at line 1, column 4 (while parsing '[1,2')"),
        ("{a:1}", "Invalid numeric literal at line 1, column 3 (while parsing '{a:1}')"),
        ("1 2", "Unexpected extra JSON values (while parsing '1 2')"),
        ("tru", "Invalid literal at EOF at line 1, column 3 (while parsing 'tru')"),
        ('{"a":1,}', "Expected another key-value pair at line 1, column 8 (while parsing '{\"a\":1,}')"),
        ("[1\n,\n2 3]", "Expected separator between values at line 3, column 4 (while parsing '[1\n,\n2 3]')"),
        ("{1:2}", "Object keys must be strings at line 1, column 3 (while parsing '{1:2}')"),
        ("[}", "Unmatched '}' at line 1, column 2 (while parsing '[}')"),
        ("'a'", "Invalid string literal; expected \", but got ' at EOF at line 1, column 3 (while parsing ''a'')"),
    ],
)
def test_text_errors_read_as_in_jq(text: str, message: str) -> None:
    """A text that is no JSON says where, in jq's words."""
    with pytest.raises(jq.JqError) as caught:
        jq.compile("fromjson").first(text)
    assert caught.value.value == message


def test_text_deep_json_is_read_and_refused_at_jqs_depth() -> None:
    """10,000 levels are read, one more is an error."""
    read = jq.compile("fromjson | flatten")
    assert read.first("[" * 9_999 + "]" * 9_999) == []
    with pytest.raises(jq.JqError, match="Exceeds depth limit"):
        read.first("[" * 10_001 + "]" * 10_001)


@pytest.mark.parametrize(
    ("source", "value", "output"),
    [
        ("@csv", [1, "a\"b", None, True], '1,"a""b",,true'),
        ("@tsv", ["a\tb", 1], "a\\tb\t1"),
        ("@html", "<&'\">", "&lt;&amp;&apos;&quot;&gt;"),
        ("@uri", "é ~", "%C3%A9%20~"),
        ("@urid", "%C3%A9", "é"),
        ("@sh", ["it's", 1], "'it'\\''s' 1"),
        ("@base64", "é", "w6k="),
        ("@base64d", "w6k", "é"),
        ("@base64d", "/////w==", "\ufffd" * 4),
        ("@json", {"a": [1]}, '{"a":[1]}'),
    ],
)  # fmt: skip
def test_text_formats(source: str, value: Any, output: str) -> None:
    """Each format writes, or reads, what jq does."""
    assert jq.compile(source).first(value) == output
