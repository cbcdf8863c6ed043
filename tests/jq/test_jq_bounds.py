"""Nothing that an expression does takes long, takes much memory or harms the process."""

from __future__ import annotations

import gc
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from evenweave import jq

if TYPE_CHECKING:
    from collections.abc import Iterator

ALLOWED_S = 0.5
"""Measured as CPU time of this process, so that a busy machine does not fail the test."""

TRIES = 5

LOOP_S = 0.014
"""What `_loop_s` takes on the machine that `ALLOWED_S` is meant for."""


def nest(depth: int) -> Any:
    """An array nested so deep."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


HOSTILE: list[tuple[str, Any]] = [
    ("def f: f; f", None),
    ("def f: [f]; f", None),
    ("def f: 1 + f; f", None),
    ("def f: f | f; f", None),
    ("def f: (f, f); f", None),
    ("def f(g): f(g | g); f(.)", 1),
    ("def f(x): x | x | f(x | x); f(. + 1)", 1),
    ("label $x | def f: f, break $x; f", None),
    ("try (def f: f; f) catch 1", None),
    ("[range(1e12)]", None),
    ("last(range(1e12))", None),
    ("until(false; .)", None),
    ("last(repeat(1))", None),
    ("last(recurse(.))", None),
    ("[recurse(. + 1)]", 0),
    ("[while(true; .)]", 0),
    ("reduce range(1e9) as $i (0; . + $i)", None),
    ("[foreach range(1e9) as $i (0; . + $i)] | length", None),
    ('reduce range(1e9) as $i ("aaaaaaaa"; . + .)', None),
    ("reduce range(1e9) as $i ([1]; . + .)", None),
    ("reduce range(1e9) as $i ([]; [., .]) | tojson", None),
    ("reduce range(60) as $i ([]; [., .]) | tojson", None),
    ("reduce range(60) as $i ([]; [., .]) | flatten", None),
    ("reduce range(60) as $i ([]; [., .]) | . == .", None),
    ("reduce range(60) as $i ([]; [., .]) | [..]", None),
    ("reduce range(60) as $i ([1]; [., .]) | [.] | sort, unique", None),
    ('"a" * 1e9', None),
    ('"a" * 15000000 | [range(1e6) as $i | . + "b"]', None),
    ("[range(100000)] as $b | [range(100000) | $b == $b]", None),
    ("[range(100000)] | [.[] as $x | index($x)]", None),
    ("[range(100000)] | . - (map([.]))", None),
    ("[range(200000)] as $b | reduce range(100000) as $i ($b; .[$i] = 1)", None),
    (".[2000000000] = 1", []),
    (".[100000000] = 1", []),
    ("[range(1000)] | combinations(9)", None),
    ("[[range(1000)], [range(1000)], [range(1000)]] | [combinations]", None),
    ("[range(1000)] as $r | [$r[] | $r] | transpose | transpose | transpose | tojson", None),
    ("[[range(100000)], (range(100000) | [])] | transpose", None),
    ('test("(a+)+$")', "a" * 28 + "b"),
    ('test("(x+x+)+y")', "x" * 50_000),
    ('test("(?=(a+)+$)")', "a" * 28 + "b"),
    ('test("(a*)(a*)(a*)(a*)(a*)\\\\1$")', "a" * 500 + "b"),
    ('[match("";"g")] | length', "x" * 300_000),
    ('gsub("";"y")', "x" * 300_000),
    ('[splits("")]', "x" * 1_000_000),
    ('test("(x{1000}){1000}")', "x"),
    ("(.,.) | " * 40 + ".", 1),
    ("def a: ., .; def b: a | a | a | a; def c: b | b | b | b; c | c | c | c", 1),
    ("1e1000000000 | floor", None),
    ("1e1000000000 == 1, 1e1000000000 < 2", None),
    ('("1" * 1000000 | tonumber) + 1', None),
    ("[paths] | length", nest(5000)),
    ("[tostream] | length", nest(5000)),
    ("def f: def g: f; g; f", None),
    ("[limit(1e9; repeat([range(1000)]))]", None),
    ("@json, @html, @uri, @sh, @base64, (@base64 | @base64d)", "x" * 5_000_000),
    ("path(recurse(.a))", None),
    ("def f: .a | f; path(f)", None),
    ("(.. | select(. == 1)) = 2 | (.. | numbers) |= . + 1", [[1] * 1000] * 50),
    ('splits("a";"b";"c")', "x"),
]


@pytest.fixture
def young_heap() -> Iterator[None]:
    """Let the collector of cycles look at nothing that was made before: with what other tests left it takes long."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("young_heap")
@pytest.mark.parametrize(("source", "value"), HOSTILE, ids=[case[0][:50] for case in HOSTILE])
def test_bounds_hostile_expression_ends_soon(source: str, value: Any) -> None:
    """A hostile expression ends, with an error of its own tree or an answer, in less than half a second.

    Measured at the best of some tries, each beside a loop of plain Python: on a busy machine even the time of a process
    stretches.
    """
    took_s = []
    while len(took_s) < TRIES and min(took_s, default=ALLOWED_S) >= ALLOWED_S:
        before = _loop_s()
        start = time.process_time()
        with suppress(jq.Error):
            for _ in jq.compile(source).iter(value):
                pass
        took = time.process_time() - start
        took_s.append(took / max(1.0, min(before, _loop_s()) / LOOP_S))
    assert min(took_s) < ALLOWED_S


def _loop_s() -> float:
    """How long a loop of plain Python takes now; `LOOP_S` where nothing else runs."""
    start, made = time.process_time(), {}
    for number in range(200_000):
        made[number & 1023] = [number]
    return time.process_time() - start


LEGITIMATE: list[tuple[str, Any, Any]] = [
    ("until(. >= 200000; . + 1)", 0, 200_000),
    ("def f: if . >= 100000 then . else . + 1 | f end; f", 0, 100_000),
    ("def f($n): if $n == 0 then . else . + 1 | f($n - 1) end; f(50000)", 0, 50_000),
    ("def f: if . == 0 then 0 else 1 + (. - 1 | f) end; f", 30_000, 30_000),
    ("def f: if . == 0 then [] else [. - 1 | f] end; f | flatten", 20_000, []),
    ("last(recurse(if . < 100000 then . + 1 else empty end))", 0, 100_000),
    ("def r: ., (if . < 50000 then . + 1 | r else empty end); last(r)", 0, 50_000),
    ("[limit(100000; repeat(.))] | length", 7, 100_000),
    ("[range(100000)] | map(. + 1) | add", None, 5_000_050_000),
    ("reduce range(100000) as $i (0; . + $i)", None, 4_999_950_000),
    (
        "def even: if . == 0 then true else . - 1 | odd end; def odd: if . == 0 then false else . - 1 | even end; even",
        9,
        None,
    ),
    ("def fib: if . < 2 then . else (. - 1 | fib) + (. - 2 | fib) end; fib", 18, 2584),
    ("first(range(10; infinite))", None, 10),
    ("[limit(3; def n: ., (. + 1 | n); 0 | n)]", None, [0, 1, 2]),
    ("[..] | length", nest(50_000), 50_001),
    ('def d: if type == "array" then (.[0] | d) + 1 else 0 end; d', nest(20_000), 20_000),
    ("tojson | length", nest(9_000), 18_001),
    (". == .", nest(9_000), True),
    ("flatten", nest(9_000), [1]),
    ("walk(.) | flatten", nest(9_000), [1]),
    ("[.[]?, 1] | first | first | flatten", nest(9_000), [1]),
]


@pytest.mark.parametrize(("source", "value", "output"), LEGITIMATE, ids=[case[0][:50] for case in LEGITIMATE])
def test_bounds_depth_is_not_limited_by_python(source: str, value: Any, output: Any) -> None:
    """Deep recursion and long loops work within the default fuel, whatever Python's recursion limit is."""
    limit = sys.getrecursionlimit()
    if output is None:
        with pytest.raises(jq.JqSyntaxError, match="odd/0"):
            jq.compile(source)
        return
    assert jq.compile(source).first(value) == output
    assert sys.getrecursionlimit() == limit


def test_bounds_try_does_not_catch_a_limit() -> None:
    """An expression cannot catch that it ran out of fuel."""
    for source in (
        "try until(false; .) catch 1",
        "until(false; .)?",
        "(def f: f; f)? // 1",
        "[.[]?, (until(false; .)?)]",
    ):
        with pytest.raises(jq.JqLimitError):
            jq.compile(source).all(None)


def test_bounds_fuel_is_settable() -> None:
    """Less fuel ends sooner, more lasts longer."""
    program = jq.compile("[range(5000)] | length")
    with pytest.raises(jq.JqLimitError):
        program.first(None, jq.Budget(1000))
    assert jq.compile("last(range(2000000))").first(None, jq.Budget(20_000_000)) == 1_999_999


def test_bounds_caps_are_settable() -> None:
    """The caps on strings, arrays and depth are those of the budget."""
    limits = jq.Limits(string=1000, array=100, depth=10)
    assert jq.compile('[.[] | . + "b"]').first(["a"], jq.Budget(limits=limits)) == ["ab"]
    for source, value in [
        ("[.[] | . * 600] | map(. + .)", ["a"]),
        ("[range(150)] | map(.) | sort", None),
        ("reduce range(20) as $i (1; [.])", None),
    ]:
        with pytest.raises(jq.JqLimitError):
            jq.compile(source).first(value, jq.Budget(limits=limits))


def test_bounds_output_depth_is_capped() -> None:
    """What an expression nests deeper than the cap does not reach the caller."""
    program = jq.compile("reduce range(.) as $i (1; [.])")
    assert program.first(400) is not None
    with pytest.raises(jq.JqLimitError, match="nested too deeply"):
        program.first(600)


def test_bounds_abandoned_recursion_is_cleaned_up() -> None:
    """Leaving a deep recursion early neither crashes nor leaks the stack."""
    program = jq.compile("first(def f: if . > 15000 then . else (. + 1 | f | .), 0 end; 0 | f)")
    for _ in range(3):
        assert program.first(None) == 15_001
    outputs = jq.compile("def f: if . > 15000 then . else (. + 1 | f | .), 0 end; 0 | f").iter(None)
    assert next(outputs) == 15_001
    del outputs


def test_bounds_range_in_a_path_is_a_made_value() -> None:
    """`range` with an endless filter inside compiles where paths are asked for, and is no path there."""
    program = jq.compile("def f: if . > 3 then . else . + 1 | f end; try path(range(f)) catch .")
    assert program.all(0) == ["Invalid path expression with result 0"]
