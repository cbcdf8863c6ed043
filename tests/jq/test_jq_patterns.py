"""Regular expressions: Oniguruma's dialect on engines that cannot explode."""

from __future__ import annotations

from typing import Any

import pytest

from evenweave import jq

CASES: list[tuple[str, str, list[Any]]] = [
    ('test("b+"), test("B"), test("B"; "i"), test(["B", "i"])', "abb", [True, False, True, True]),
    ('[match("a"; "g").offset], [match("(?<x>b)(c)?") | .captures[] | [.name, .offset, .string]]', "abab",
     [[0, 2], [["x", 1, "b"], [None, -1, None]]]),
    ('[match("é").offset, match("é").length]', "aéb", [[1, 1]]),
    ('capture("(?<y>\\\\d+)-(?<m>\\\\d+)")', "on 2026-11", [{"y": "2026", "m": "11"}]),
    ('[scan("[a-c]")], [scan("(a)(b)")], [scan("A"; "i")]', "abz", [["a", "b"], [["a", "b"]], ["a"]]),
    ('sub("(?<x>a)"; "<\\(.x)>"), gsub("a"; "b", "c"), gsub(""; "-")', "aba", [
        "<a>ba", "bbb", "cbc", "-a-b-a-"]),
    ('[splits(", *")], split("B"; "i")', "a, b,c", [["a", "b", "c"], ["a, ", ",c"]]),
    ('test("^b"), test("a.b"), test("a.b"; "p"), test("b$"), test("a$")', "a\nb", [False, False, True, True, False]),
    ('test("a$"), test("a\\\\z"), test("a\\\\Z")', "a\n", [True, False, True]),
    ('test("A B # no"; "xi")', "ab", [True]),
    ('[match("a|ab"; "l").string], [match(""; "gn")]', "ab", [["ab"], []]),
    ('test("\\\\w\\\\d\\\\s"), test("[\\\\w]"), test("\\\\h"), test("[[:alpha:]]")', "é٣ ", [True, True, False, True]),
    ('gsub("\\\\b(?<x>.)"; "[\\(.x)]")', "ab cd", ["[a]b[ ][c]d"]),
    ('gsub("(?=b)"; "-"), gsub("(?<=a)b"; "X"), test("(.)\\\\1"), test("a(?!c)")', "abba", [
        "a-b-ba", "aXba", True, True]),
    ('[match("\\\\bb"; "g").offset]', "é b b", [[2, 4]]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "text", "outputs"), CASES, ids=[case[0][:50] for case in CASES])
def test_patterns_match_as_in_jq(source: str, text: str, outputs: list[Any]) -> None:
    """Matches, their offsets in code points and their captures are jq's."""
    assert jq.compile(source).all(text) == outputs


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?=(a+)+$)", "look-around is not supported here"),
        ("(a+)+\\\\1", "a back-reference is not supported here"),
        ("(", "Regex failure"),
        ("[", "Regex failure: premature end of char-class"),
        ("*", "Regex failure"),
        ("(?(1)a|b)", "is not supported"),
        ("a" * 10_001, "longer than"),
        ("((a{100}){100}){100}", "Regex failure"),
    ],
)
def test_patterns_that_cannot_be_bounded_are_refused(pattern: str, message: str) -> None:
    """What no engine can do in bounded time is refused with a reason, and can be caught."""
    assert message in jq.compile(f'try test("{pattern}") catch .').first("aaaa")


def test_patterns_are_case_insensitive_beyond_ascii() -> None:
    """The flag i knows the case of all letters."""
    assert jq.compile('test("é"; "i")').first("É") is True


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("test(1)", "number not a string or array"),
        ('test("a"; "q")', "q is not a valid modifier string"),
        ('test("a"; 1)', "number (1) is not a string"),
        ('1 | test("a")', "number (1) cannot be matched, as it is not a string"),
        ('sub("a"; 1)', 'string ("") and number (1) cannot be added'),
    ],
)
def test_patterns_errors_read_as_in_jq(source: str, message: str) -> None:
    """Wrong arguments say so in jq's words."""
    with pytest.raises(jq.JqError) as caught:
        jq.compile(source).first("a")
    assert caught.value.value == message
