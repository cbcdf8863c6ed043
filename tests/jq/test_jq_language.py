"""What expressions mean: one case for each corner that a rewrite could lose."""

from __future__ import annotations

import math
from typing import Any

import pytest

from evenweave import jq

CASES: list[tuple[str, Any, list[Any]]] = [
    # Selecting
    (".", 1, [1]),
    ("", {"a": 1}, [{"a": 1}]),
    (".a.b", {"a": {"b": 2}}, [2]),
    (".a.b.c", {}, [None]),
    ('."a b"."c"', {"a b": {"c": 1}}, [1]),
    ('.["a"]["b"]', {"a": {"b": 1}}, [1]),
    (".and.if", {"and": {"if": 1}}, [1]),
    (".[0], .[-1], .[9]", [1, 2, 3], [1, 3, None]),
    (".[1:], .[:-1], .[1:2]", [1, 2, 3], [[2, 3], [1, 2], [2]]),
    (".[1:3]", "aéb", ["éb"]),
    (".[]", {"a": 1, "b": 2}, [1, 2]),
    ("[..]", [[1]], [[[[1]], [1], 1]]),
    ("[.[]?]", 1, [[]]),
    (".[.key]", {"key": "a", "a": 5}, [5]),
    # Making
    ("[.a, .b[]]", {"a": 1, "b": [2, 3]}, [[1, 2, 3]]),
    ('{a, "b": 2, (.k): 3, "x\\(.a)": 4, $__loc__}', {"a": 1, "k": "z"},
     [{"a": 1, "b": 2, "z": 3, "x1": 4, "__loc__": {"file": "<top-level>", "line": 1}}]),
    ("{a: (1, 2), b: (3, 4)}", None, [{"a": 1, "b": 3}, {"a": 1, "b": 4}, {"a": 2, "b": 3}, {"a": 2, "b": 4}]),
    ('"\\(1, 2)-\\("a", "b")"', None, ["1-a", "2-a", "1-b", "2-b"]),
    ('"\\u00e9\\ud83d\\ude00\\ud800\\n"', None, ["é😀\ufffd\n"]),
    ('@base64 "<\\(.)>", @json, @sh', "a'b", ["<YSdi>", '"a\'b"', "'a'\\''b'"]),
    # Arithmetic, on doubles but for small integers
    ("1 + 2 * 3 - 4 / 2", None, [5]),
    ("6 / 2, 7 / 2, 5 % 3, -5 % 3, 5 % -3", None, [3, 3.5, 2, -2, 2]),
    ("- 1 - 1, -(2) * 3", None, [-2, -6]),
    ("(1, 2) + (10, 20)", None, [11, 12, 21, 22]),
    ("null + 1, 1 + null, [] + null", None, [1, 1, []]),
    ('"a" * 3, "a" * 0, "a" * -1, "a,b" / ","', None, ["aaa", "", None, ["a", "b"]]),
    ("[1, 2, 3, 2] - [2], {a: 1} + {b: 2}, {a: {b: 1}} * {a: {c: 2}}", None,
     [[1, 3], {"a": 1, "b": 2}, {"a": {"b": 1, "c": 2}}]),
    ("9007199254740993, [9007199254740993], -9007199254740993", None,
     [9007199254740993, [9007199254740993], -9007199254740993]),
    (". == 9007199254740993, . == 9007199254740992, . + 0 == 9007199254740992", 9007199254740993, [True, False, True]),
    # Comparison
    ("1 == true, 0 == false, 1 == 1.0, [1] == [true], {} == []", None, [False, False, True, False, False]),
    ("nan == nan, nan < nan, nan > 1, [nan] == [nan]", None, [False, True, False, False]),
    ("[null, true, false, 0, -1, \"\", [], {}] | sort", None, [[None, False, True, -1, 0, "", [], {}]]),
    ("[{b: 1}, {a: 2}, {a: 1, b: 0}] | sort", None, [[{"a": 2}, {"a": 1, "b": 0}, {"b": 1}]]),
    ("{a: 1, b: 2} == {b: 2, a: 1}", None, [True]),
    ('"a" < "b", "é" > "z", [1, 2] < [1, 3], 2 > 10, "2" > "10"', None, [True, True, True, False, True]),
    # Truth
    ("true and null, false or 1, (null | not)", None, [False, True, True]),
    ("(true, false) and (true, false)", None, [True, False, False]),
    ("false and error, true or error", None, [False, True]),
    (".a // 1, (false, 2, null, 3) // 9, empty // 5", {}, [1, 2, 3, 5]),
    ("if . then 1 else 2 end, if . == 1 then 3 elif . == 0 then 4 end", 0, [1, 4]),
    ("if (true, false) then 1 else 2 end, if empty then 1 else 2 end", None, [1, 2]),
    # Flow
    ("1, 2 | . * 2", None, [2, 4]),
    (". as [$a, {b: $c}] | [$c, $a]", [1, {"b": 2}], [[2, 1]]),
    (". as {$a, $b: [$c]} | [$a, $b, $c]", {"a": 1, "b": [2]}, [[1, [2], 2]]),
    ('. as {"x": $x, ("a" + "b"): $y} | [$x, $y]', {"x": 1, "ab": 2}, [[1, 2]]),
    (".[] as [$a] ?// $a | [$a]", [[1], 2], [[1], [2]]),
    ("1 + 2 as $x | $x * 2", None, [6]),
    ("reduce .[] as $x (0; . + $x), reduce empty as $x (3; 0)", [1, 2, 3], [6, 3]),
    ("reduce (1, 2) as $x (0; empty), reduce (1, 2) as $x (0; ., 7)", None, [None, 7]),
    ("[foreach .[] as $x (0; . + $x)], [foreach .[] as $x (0; . + $x; [$x, .])]", [1, 2], [[1, 3], [[1, 1], [2, 3]]]),
    ("[foreach (1, 2, 3) as $x (0; if $x == 2 then empty else . + $x end)]", None, [[1, 3]]),
    ("[label $out | range(9) | if . == 2 then break $out else . end]", None, [[0, 1]]),
    ("[range(2) | label $x | (1, break $x, 2)]", None, [[1, 1]]),
    ("try error(\"x\") catch ., try error({a: 1}) catch .a, try error(null) catch .", None, ["x", 1, None]),
    ("[.[] | tonumber?], (1, error(\"x\"), 2)?", ["1", "a"], [[1], 1]),
    ("try (1, error(\"x\"), 2) catch .", None, [1, "x"]),
    ("[1 | (.a.b)?], [{a: 1} | .a.b?]", None, [[], []]),
    # Functions
    ("def f: . + 1; def f(g): g | g; f(f) | f", 1, [4]),
    ("def f($a; $b): $a + $b; [f(1, 2; 10, 20)]", None, [[11, 21, 12, 22]]),
    ("def f(a; $b): [a, $b]; [f(1, 2; 3, 4)]", None, [[[1, 2, 3], [1, 2, 4]]]),
    ("def f: def g: 3; g + 1; f", None, [4]),
    ("2000 as $x | def f(x): 1 as $x | [$x, x]; f($x)", None, [[1, 2000]]),
    ("def fac: if . <= 1 then 1 else . * (. - 1 | fac) end; [range(6) | fac]", None, [[1, 1, 2, 6, 24, 120]]),
    ("def f(x): if . > 3 then . else . + 1 | f(x | x) end; 0 | f(.)", None, [4]),
    ("def r: if type == \"array\" then map(r) | add else . end; r", [1, [2, [3]]], [6]),
    ("def inc(p): p |= . + 1; inc(.[].a)", [{"a": 1}, {"a": 2}], [[{"a": 2}, {"a": 3}]]),
    # Paths and assignment
    ("[paths], [path(..)]", {"a": [1]}, [[["a"], ["a", 0]], [[], ["a"], ["a", 0]]]),
    ("path(.a[0, 1]), path(.a | first(.b, .c))", None, [["a", 0], ["a", 1], ["a", "b"]]),
    (".a = 1, .a.b[1] = 2", None, [{"a": 1}, {"a": {"b": [None, 2]}}]),
    (".a |= . + 1, .a += 1, .a *= 3, .a //= 5, .b //= 5", {"a": 1},
     [{"a": 2}, {"a": 2}, {"a": 3}, {"a": 1}, {"a": 1, "b": 5}]),
    ("(.a, .b) = (1, 2)", {}, [{"a": 1, "b": 1}, {"a": 2, "b": 2}]),
    ("(.[] | select(. > 1)) |= empty", [1, 2, 3, 0], [[1, 0]]),
    (".[1:] = [9], .[1:] |= map(. * 2), .[-1] = 0", [1, 2, 3], [[1, 9], [1, 4, 6], [1, 2, 0]]),
    ("del(.a), del(.b[0, 2]), del(.b[] | select(. == 2)), delpaths([[\"a\"], [\"b\", 0]])", {"a": 1, "b": [1, 2, 3]},
     [{"b": [1, 2, 3]}, {"a": 1, "b": [2]}, {"a": 1, "b": [1, 3]}, {"b": [2, 3]}]),
    ("pick(.a.b, .c[1])", {"a": {"b": 1, "x": 2}, "c": [1, 2, 3]}, [{"a": {"b": 1}, "c": [None, 2]}]),
    ("getpath([\"a\", 0]), setpath([\"a\", 0]; 2), to_entries", {"a": [1]},
     [1, {"a": [2]}, [{"key": "a", "value": [1]}]]),
    ("def f: .[]?, (.[]? | f); [path(f)]", [[1]], [[[0], [0, 0]]]),
    ("def f: (.[]? | f), .; (f | numbers) |= . + 1", [1, [2]], [[2, [3]]]),
    # Builtins
    ("[limit(2; 1, 2, 3)], [skip(1; 1, 2, 3)], [first(range(5; 9))], [nth(1; 4, 5)], [last(1, 2)]", None,
     [[1, 2], [2, 3], [5], [5], [2]]),
    ("[range(3)], [range(1; 2; 0.5)], [range(3; 0; -2)], [range(0; 1; 0)]", None, [[0, 1, 2], [1, 1.5], [3, 1], []]),
    ("[recurse(if . < 2 then . + 1 else empty end)], [while(. < 3; . + 1)], until(. > 4; . + 2)", 0,
     [[0, 1, 2], [0, 1, 2], 6]),
    ("any, all, any(. > 2), all(. > 0), isempty(.[])", [1, 2], [True, True, False, True, False]),
    ("sort_by(.a), group_by(.a), unique_by(.a), min_by(.a), max_by(.a)", [{"a": 2}, {"a": 1}],
     [[{"a": 1}, {"a": 2}], [[{"a": 1}], [{"a": 2}]], [{"a": 1}, {"a": 2}], {"a": 1}, {"a": 2}]),
    ("add, length, reverse, unique, flatten, transpose, index([2])", [[2, 1], [2]],
     [[2, 1, 2], 2, [[2], [2, 1]], [[2], [2, 1]], [2, 1, 2], [[2, 2], [1, None]], None]),
    ("with_entries(.value += 1), map_values(empty), keys, (to_entries | from_entries)", {"b": 1, "a": 2},
     [{"b": 2, "a": 3}, {}, ["a", "b"], {"b": 1, "a": 2}]),
    ("walk(if type == \"number\" then . + 1 else . end)", [1, {"a": [2]}], [[2, {"a": [3]}]]),
    ("walk(select(. != 1))", [1, {"a": 1}, 2], [[{}, 2]]),
    ("tojson, (tojson | fromjson), tostring, ([.[] | tostring])", [1, "a", None], [
        '[1,"a",null]', [1, "a", None], '[1,"a",null]', ["1", "a", "null"]]),
    ("[tostream], fromstream(tostream)", {"a": [1]}, [[[["a", 0], 1], [["a", 0]], [["a"]]], {"a": [1]}]),
    ("[combinations], [.[0] | combinations(2)]", [[1, 2], [3]], [
        [[1, 3], [2, 3]], [[1, 1], [1, 2], [2, 1], [2, 2]]]),
    ("join(\",\"), (map(tostring) | join(\"-\"))", [1, None, True], ["1,,true", "1-null-true"]),
    ("ascii_downcase, ascii_upcase, explode, ltrimstr(\"A\"), (split(\"\") | join(\"\"))", "Aé",
     ["aé", "Aé", [65, 233], "é", "Aé"]),
    ("INDEX(.[]; .id), (.[0] | IN({id: 1}))", [{"id": 1}], [{"1": {"id": 1}}, True]),
    ("floor, ceil, round, trunc, fabs, sqrt", 2.25, [2, 3, 2, 2, 2.25, 1.5]),
    ("pow(2; 3), pow(2, 3; 1, 2), log2, exp10", 8, [8, 2, 3, 4, 9, 3, 100000000]),
    ("infinite > 1e308, (nan | isnan), (infinite | floor | tojson)", None, [True, True, "1.7976931348623157e+308"]),
    # Comments and lines
    ("# a comment\n1 # another \\\nstill the same\n+ 1", None, [2]),
    ("1,\n$__loc__.line", None, [1, 2]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "value", "outputs"), CASES, ids=[case[0][:60] for case in CASES])
def test_language_gives_outputs(source: str, value: Any, outputs: list[Any]) -> None:
    """An expression gives its outputs, and each of them with the right type."""
    found = jq.compile(source).all(value)
    assert found == outputs
    assert repr(found) == repr(outputs)


MESSAGES: list[tuple[str, Any, str]] = [
    (".a", 1, 'Cannot index number with string ("a")'),
    (".[0]", {}, "Cannot index object with number (0)"),
    (".[]", 123, "Cannot iterate over number (123)"),
    ("{} + 1", None, "object ({}) and number (1) cannot be added"),
    (". - .", "very-long-long-long-long-string",
     'string ("very-long-long-long-long...") and string ("very-long-long-long-long...") cannot be subtracted'),
    ("1 / .", 0, "number (1) and number (0) cannot be divided because the divisor is zero"),
    ("keys", 1, "number (1) has no keys"),
    ("tonumber", "x", 'string ("x") cannot be parsed as a number'),
    ("fromjson", "[1,]", "Expected another array element at line 1, column 4 (while parsing '[1,]')"),
    ("implode", ["a"], 'string ("a") can\'t be imploded, unicode codepoint needs to be numeric'),
    ("(.a | tojson | .b) = 1", {"a": 1}, 'Invalid path expression near attempt to access element "b" of "1"'),
    ("(1 + 1) = 2", None, "Invalid path expression with result 2"),
    (".[-9] = 1", [1], "Out of bounds negative array index"),
    (".[1e9] = 1", [], "Array index too large"),
    ("{(.): 1}", 5, "Cannot use number (5) as object key"),
    ("[limit(-1; 1)]", None, "limit doesn't support negative count"),
    ('error("mine")', None, "mine"),
    ("join(\",\")", [1, [2]], 'string ("1,") and array ([2]) cannot be added'),
    ("contains(1)", "a", 'string ("a") and number (1) cannot have their containment checked'),
]  # fmt: skip


@pytest.mark.parametrize(("source", "value", "message"), MESSAGES, ids=[case[0] for case in MESSAGES])
def test_language_errors_read_as_in_jq(source: str, value: Any, message: str) -> None:
    """An evaluation that fails says so in jq's own words."""
    with pytest.raises(jq.JqError) as caught:
        jq.compile(source).all(value)
    assert caught.value.value == message


def test_language_nan_stays_a_number() -> None:
    """NaN leaves an evaluation as a float, not as null."""
    (output,) = jq.compile("nan").all(None)
    assert math.isnan(output)


def test_language_exact_literals_compare_and_print_exactly() -> None:
    """A literal beyond a double keeps its digits in comparisons and in text, and leaves as a plain number."""
    program = jq.compile("1e1000 < 1e1001, (1e1000 | tojson), (1.10 | tojson), 1e3, 1e1000")
    outputs = program.all(None)
    assert outputs == [True, "1E+1000", "1.10", 1000, math.inf]
    assert [type(output) for output in outputs[3:]] == [int, float]
