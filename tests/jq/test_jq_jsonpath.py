"""JSONPath expressions behind the interface of a jq program."""

from __future__ import annotations

import time
from typing import Any

import pytest

from evenweave import jq

jsonpath = pytest.importorskip("jsonpath", reason="the extra jsonpath is not installed")

from evenweave.jq import jsonpath as language  # noqa: E402 - after the check

ORDER: dict[str, Any] = {
    "items": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 3}, {"sku": "cc", "qty": 4}],
    "min": 2,
    "paid": True,
    "note": "text",
}


@pytest.mark.parametrize(
    ("source", "outputs"),
    [
        ("$", [ORDER]),
        ("$.min", [2]),
        ("$['note']", ["text"]),
        ("$.nope", []),
        ("$.items[0].sku", ["a"]),
        ("$.items[-1].qty", [4]),
        ("$.items[9]", []),
        ("$.items[*].qty", [1, 3, 4]),
        ("$.items[1:].sku", ["b", "cc"]),
        ("$.items[::-2].sku", ["cc", "a"]),
        ("$.items[0]['qty','sku']", [1, "a"]),
        ("$..sku", ["a", "b", "cc"]),
        ("$.items[?@.qty > 2].sku", ["b", "cc"]),
        ("$.items[?(@.qty > 2 && @.sku != 'b')].sku", ["cc"]),
        ("$.items[?@.qty == 1 || @.qty >= 4].sku", ["a", "cc"]),
        ("$.items[?@.qty > $.min].sku", ["b", "cc"]),
        ("$.items[?@.nope].sku", []),
        ("$.items[?!@.nope].qty", [1, 3, 4]),
        ("$.items[?@.nope == @.nada].qty", [1, 3, 4]),
        ("$.items[?@.qty == true].qty", []),
        ("$.items[?@.qty < 'b'].qty", []),
        ("$.items[?length(@.sku) == 2].sku", ["cc"]),
        ("$.items[?count(@.*) == 2].sku", ["a", "b", "cc"]),
        ("$.items[?match(@.sku, 'c+')].sku", ["cc"]),
        ("$.items[?match(@.sku, 'c')].sku", []),
        ("$.items[?search(@.sku, 'c')].sku", ["cc"]),
        ("$.items[?value(@.qty) <= 3].sku", ["a", "b"]),
        ("$[?@ == 'text']", ["text"]),
        ("$[?@ == true]", [True]),
    ],
)
def test_jsonpath_selects(source: str, outputs: list[Any]) -> None:
    """An expression gives the values of the nodes that RFC 9535 says."""
    assert language.compile(source).all(ORDER) == outputs


def test_jsonpath_program_has_the_interface_of_jq() -> None:
    """first, iter, paths, reads and variables are those of a jq program."""
    program = language.compile("$.items[?@.qty > 2]", variables=["context"])
    assert isinstance(program, jq.Program)
    assert program.first(ORDER, context={}) == {"sku": "b", "qty": 3}
    assert program.paths(ORDER, context={}) == [["items", 1], ["items", 2]]
    assert program.is_path
    assert program.reads is None
    assert language.compile("$.a.b[0]").reads == frozenset({("a", "b")})
    assert language.compile("$.nope").first(ORDER) is None


@pytest.mark.parametrize(("source", "column"), [("$.a[", 5), ("a.b", 1), ("$.a[?@.b =~ 1]", 10), ("$[?foo(@)]", 4)])
def test_jsonpath_syntax_error_points_at_the_place(source: str, column: int) -> None:
    """A faulty expression says where it is wrong."""
    with pytest.raises(jq.JqSyntaxError) as caught:
        language.compile(source)
    assert (caught.value.line, caught.value.column) == (1, column)


def test_jsonpath_is_bounded_by_fuel() -> None:
    """Descents that multiply end with the fuel, and shared budgets count."""
    value: Any = [1]
    for _ in range(60):
        value = [value, value]
    start = time.process_time()
    for source in ("$..*..*", "$..[?count(@..*) > 1]"):
        with pytest.raises(jq.JqLimitError):
            language.compile(source).all(value)
    assert time.process_time() - start < 2
    budget = jq.Budget(100)
    assert len(language.compile("$..sku").all(ORDER, budget)) == 3
    assert budget.left < 80


def test_jsonpath_patterns_are_linear() -> None:
    """A pattern cannot explode."""
    found = language.compile("$[?search(@, '(a+)+$')]").all(["a" * 40 + "b"])
    assert found == []
