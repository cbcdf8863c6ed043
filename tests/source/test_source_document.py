"""A document knows its notation, its bounds, and where each part of it stands."""

import time

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evenweave.source import Document, Span, decode, dialect, load
from evenweave.source.limits import MAX_BYTES

TEXT = """\
s:
  - name: x
    c: "${ .a\\n == 'x' }"
    d: |
      foo
        bar
    e: 'it''s'
    f: >-
      a b
      c

      d
    g: plain text
      goes on
# a comment

t: &t
  u: 1
v: *t
w:
"""


def read(text: str, name: str = "a.yaml") -> Document:
    """Return the document of a good text."""
    document = load(name, text).document
    assert document is not None
    return document


def cut(document: Document, span: Span) -> str:
    """Return the text that a span of one line covers."""
    line = document.text.split("\n")[span.start_line - 1]
    assert span.start_line == span.end_line
    return line[span.start_column - 1 : span.end_column - 1]


@pytest.mark.parametrize(
    ("pointer", "part", "expected"),
    [
        ("/s/0/name", "value", "x"),
        ("/s/0/name", "key", "name"),
        ("/s/0/e", "value", "'it''s'"),
        ("/t/u", "value", "1"),
        ("/t/u/deeper", "value", "1"),
        ("/t/u/deeper", "key", "u"),
        ("/v", "value", "*t"),
        ("/v/u", "value", "1"),
        ("/w", "value", "w"),
        ("/s/0/d", "key", "d"),
    ],
)
def test_document_span_covers_the_value_or_its_key(pointer: str, part: str, expected: str) -> None:
    """A span covers the value or the key; an empty value is shown by its key, what is missing by what is around it."""
    document = read(TEXT)
    assert cut(document, document.span(pointer, part)) == expected  # type: ignore[arg-type]


def test_document_span_of_a_collection_ends_with_its_last_item() -> None:
    """A collection ends where its last item does, not behind the comments and blank lines that follow."""
    document = read(TEXT)
    assert document.span("/s") == Span(2, 3, 14, 14)
    assert document.span("/t") == Span(18, 3, 18, 7)
    assert document.span("") == Span(1, 1, 20, 3)


@pytest.mark.parametrize(
    ("pointer", "part", "expected"),
    [
        ("/s/0/c", " == ", " == "),
        ("/s/0/c", "\n", "\\n"),
        ("/s/0/d", "bar", "bar"),
        ("/s/0/e", "'", "''"),
        ("/s/0/e", "s", "s"),
        ("/s/0/f", "b c", None),
        ("/s/0/f", "c", "c"),
        ("/s/0/f", "d", "d"),
        ("/s/0/g", "goes", "goes"),
        ("/s/0/name", "x", "x"),
    ],
)
def test_document_span_in_points_inside_a_scalar(pointer: str, part: str, expected: str | None) -> None:
    """Quotes, escapes, folds and indentation are seen through."""
    document = read(TEXT)
    value = document.at(pointer)
    span = document.span_in(pointer, value.rindex(part), len(part))
    if expected is None:
        assert span == Span(9, 9, 10, 8)
    else:
        assert cut(document, span) == expected


def test_document_span_in_marks_the_end_of_a_scalar() -> None:
    """An offset behind the last character gives the empty place there."""
    document = read(TEXT)
    assert document.span_in("/s/0/name", 1, 1) == Span(2, 12, 2, 12)
    assert document.span_in("/t/u", 0, 1) == document.span("/t/u")


printable = st.text(
    alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp"]),
    min_size=1,
)


@given(printable, st.sampled_from(["'", '"', "|", "json"]))
@example(" ", "|")
@example("  x ", "|")
@settings(deadline=None, max_examples=200)
def test_document_span_in_finds_every_character(value: str, style: str) -> None:
    """Each character of a string is found where it is written, in every style."""
    name = "a.yaml"
    if style == "'":
        text = "a: '" + value.replace("'", "''") + "'\n"
    elif style == '"':
        text = "a: " + msgspec.json.encode(value).decode() + "\n"
    elif style == "|":
        text = f"a: |2-\n  {value}\n"
    else:
        name, text = "a.json", '{"a": ' + msgspec.json.encode(value).decode() + "}"
    document = read(text, name)
    if document.value["a"] != value:  # white space at its ends is not kept by a block scalar
        return
    for offset, character in enumerate(value):
        written = cut(document, document.span_in("/a", offset, 1))
        assert written in {character, character * 2, f"\\{character}"} or written.startswith("\\u")


def test_document_lines_end_as_in_editors() -> None:
    """LF, CR LF and CR end a line; what YAML 1.1 counted as a break besides does not."""
    document = read("a: 1\r\nb: 'x\u2028y'\rc: 2\nd: 3\n")
    assert [document.span(f"/{key}", "key").start_line for key in "abcd"] == [1, 2, 3, 4]


def test_document_columns_count_characters() -> None:
    """A column counts code points, not bytes, and a byte order mark counts for nothing."""
    document = load("a.yaml", "\ufeff\u00e9: [\U0001f600, x]\n".encode()).document
    assert document is not None
    assert document.span("/\u00e9/1") == Span(1, 8, 1, 9)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.yaml", "a: 1", "yaml"),
        ("a.yaml", '{"a": 1}', "json"),
        ("a.yaml", "{a: 1}", "yaml"),
        ("a.yaml", '{"a": 1,}', "yaml"),
        ("a.JSON", '{"a": 1}', "json"),
        ("a", '\n\t{"a":\t1}', "json"),
        ("a", "[1, 2]", "json"),
    ],
)
def test_load_tells_the_notation(name: str, text: str, kind: str) -> None:
    """A name that ends in .json says JSON; else a bracket does, unless only YAML reads the text."""
    assert read(text, name).kind == kind


def test_load_blames_the_notation_that_was_meant() -> None:
    """A broken text in brackets is told of as what its beginning looks like."""
    assert [each.code for each in load("a", '{"a": 1').diagnostics] == ["FI120"]
    assert [each.code for each in load("a", "{a: 1").diagnostics] == ["FI101"]
    assert [each.code for each in load("a", '{"a": 1, "a": 2}').diagnostics] == ["FI107"]


def test_load_refuses_what_is_too_large() -> None:
    """More than 4 MiB is not read at all."""
    assert load("a.yaml", b"# " + b"x" * (MAX_BYTES - 5) + b"\na").document is not None
    assert [each.code for each in load("a.yaml", b"x" * (MAX_BYTES + 1)).diagnostics] == ["FI105"]
    assert [each.code for each in load("a.yaml", "\u20ac" * (MAX_BYTES // 2)).diagnostics] == ["FI105"]


def test_load_refuses_what_is_not_utf8() -> None:
    """A byte that is no UTF-8 is told of at its line and column, and the text can still be shown."""
    loaded = load("a.yaml", b"a: \xc3\xa9\nb: x\xff\n")
    assert loaded.text == "a: \u00e9\nb: x\ufffd\n"
    (found,) = loaded.diagnostics
    assert (found.code, found.span.start_line, found.span.start_column) == ("FI103", 2, 5)
    assert [each.code for each in load("a.yaml", "a: \ud800").diagnostics] == ["FI103"]


def test_load_is_fast_enough() -> None:
    """A document of 2 MB is read, and a place in it found, in seconds."""
    text = "".join(f"- name: n{index}\n  value: {index}\n  tags: [a, b]\n" for index in range(45_000))
    started = time.process_time()
    document = read(text)
    assert document.span("/44999/tags/1").start_line == 135_000
    assert time.process_time() - started < 8


def test_document_at_returns_what_is_there() -> None:
    """A pointer leads to a value, or to the default."""
    document = read("a/b: [1, {c~d: 2}]\n")
    assert document.at("/a~1b/1/c~0d") == 2
    assert document.at("") is document.value
    for missing in ("/a", "/a~1b/2", "/a~1b/-1", "/a~1b/x", "/a~1b/0/0"):
        assert document.at(missing, "none") == "none"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"asyncapi": "2.0.0"}, "asyncapi"),
        ({"specVersion": "0.8"}, "swf08"),
        ({"states": []}, "swf08"),
        ({"document": {"dsl": "1.0.0"}}, "swf10"),
        ({"document": {}}, None),
        ([], None),
        ({"openapi": "3.0.0"}, None),
    ],
)
def test_dialect_tells_by_the_marks(value: object, expected: str | None) -> None:
    """A document's dialect is told by its content."""
    assert dialect(value) == expected


def test_decode_replaces_what_is_unreadable() -> None:
    """Text for showing is had from any bytes."""
    assert decode(b"\xef\xbb\xbfa\xff") == "a\ufffd"
