"""Diagnostics as values, and the names and pointers that they speak in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenweave.errors import EvenweaveError, InvalidDocument, UnknownDocument, UnknownOperation
from evenweave.source import Diagnostic, Span, closest, has_errors, ordered, pointer, strict, to_json


def diagnostic(severity: str, line: int = 1) -> Diagnostic:
    """Return a diagnostic in ``line`` of a file."""
    return Diagnostic("AA101", "a.yaml", Span(line, 2, line, 3), severity, "message", "hint", "rule")  # type: ignore[arg-type]


def test_strict_turns_warnings_into_errors() -> None:
    """Every warning becomes an error, information stays what it is."""
    found = [diagnostic("warning"), diagnostic("info"), diagnostic("error")]
    assert [each.severity for each in strict(found)] == ["error", "info", "error"]
    assert not has_errors(found[:2])
    assert has_errors(strict(found[:2]))


def test_to_json_has_the_fields_that_faces_answer_with() -> None:
    """The JSON form has the place as line and column."""
    assert to_json(diagnostic("error", 7)) == {
        "file": "a.yaml",
        "line": 7,
        "column": 2,
        "code": "AA101",
        "severity": "error",
        "message": "message",
        "hint": "hint",
    }


def test_ordered_goes_from_the_top_of_the_text() -> None:
    """Diagnostics come in the order of their places."""
    assert [each.span.start_line for each in ordered([diagnostic("info", 12), diagnostic("error", 3)])] == [3, 12]


@given(st.lists(st.text()))
def test_pointer_split_undoes_join(tokens: list[str]) -> None:
    """A pointer gives its tokens back, whatever they hold."""
    assert pointer.split(pointer.join("", *tokens)) == tokens


def test_pointer_escapes_as_rfc_6901_has_it() -> None:
    """Tildes and slashes are escaped, indices are written as they are."""
    assert pointer.join("/a", 0, "b/c", "d~e") == "/a/0/b~1c/d~0e"
    assert pointer.split("/~01") == ["~1"]
    with pytest.raises(ValueError, match="begins with"):
        pointer.split("a")


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("CheckPaymnt", ["Send Order", "CheckPayment"], "CheckPayment"),
        ("checkpayment", ["CheckPayments", "CheckPayment"], "CheckPayment"),
        ("publsh", ["publish", "subscribe"], "publish"),
        ("xyz", ["publish", "subscribe"], None),
        ("x", [], None),
        ("y" * 1000, ["y" * 999], None),
    ],
)
def test_closest_finds_what_was_meant(name: str, names: list[str], expected: str | None) -> None:
    """The nearest name answers, unless none is near."""
    assert closest(name, names) == expected


def test_errors_have_one_root_and_say_what_to_do() -> None:
    """Every error has a message and a hint, and an unknown document is an unknown operation."""
    error = UnknownDocument('no document "x"', "x#y", "register it")
    assert isinstance(error, UnknownOperation)
    assert isinstance(error, EvenweaveError)
    assert (str(error), error.message, error.hint, error.ref) == (
        'no document "x": register it',
        'no document "x"',
        "register it",
        "x#y",
    )
    assert InvalidDocument("bad", [diagnostic("error")]).diagnostics == (diagnostic("error"),)
