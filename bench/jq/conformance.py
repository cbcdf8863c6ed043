"""Runs jq 1.8's own test files and prints ``N passed, M failed``, each failure with its reason.

The files are no part of this repository. They are looked for under ``$EVENWEAVE_SHARED`` or beside the checkout, and
where they are absent the run is skipped with a message.
"""

from __future__ import annotations

import json
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evenweave import jq
from evenweave.jq.outputs import finish
from evenweave.jq.reader import read_json
from evenweave.jq.values import compare, equal

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = ("jq.test", "man.test", "onig.test")
REASONS = (
    (("import ", "include ", "modulemeta", "module "), "modules are refused: an expression reads no other file"),
    (("input",), "input is refused: an expression has one input"),
    (("$ENV", "env."), "the environment is refused"),
    (("debug", "halt", "stderr"), "effects are refused"),
    (("\\\\b",), "a word boundary beside a combining character: neither engine counts it as part of a word"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a test file: a program that has outputs, or one that does not compile."""

    file: str
    line: int
    program: str
    input: str | None
    outputs: tuple[str, ...]


def corpus() -> Path | None:
    """Where the test files are, if they are."""
    shared = os.environ.get("EVENWEAVE_SHARED")
    root = Path(shared) if shared else Path(__file__).resolve().parents[2].parent / "shared"
    folder = root / "corpora" / "jq-1.8"
    return folder if folder.is_dir() else None


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of one file: groups of lines between blank lines, comments dropped."""
    lines = path.read_text(encoding="utf-8").split("\n")
    at = 0
    while at < len(lines):
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
            continue
        start = at
        if lines[at].startswith("%%FAIL"):
            yield Case(path.name, start + 1, lines[at + 1], None, ())
            at += 2
            while at < len(lines) and lines[at].strip():
                at += 1
            continue
        program, value = lines[at], lines[at + 1]
        at += 2
        outputs = []
        while at < len(lines) and lines[at].strip() and not lines[at].lstrip().startswith("#"):
            outputs.append(lines[at])
            at += 1
        yield Case(path.name, start + 1, program, value, tuple(outputs))


def check(case: Case) -> str | None:
    """What is wrong with the answer to a case; ``None`` if it is right."""
    try:
        program = jq.compile(case.program)
    except jq.JqSyntaxError as error:
        return None if case.input is None else f"does not compile: {error}"
    if case.input is None:
        return "compiles, and should not"
    value = read_json(case.input)
    found = []
    failure = None
    try:
        found.extend(program.iter(value))
    except jq.JqError as error:
        failure = error
    expected = [finish(read_json(output), jq.Budget()) for output in case.outputs]
    if len(found) != len(expected):
        return f"outputs {shorten(found)}, error {failure}"
    for output, wanted in zip(found, expected, strict=True):
        if not equal(output, wanted) and compare([output], [wanted]) != 0 and not both_nan(output, wanted):
            return f"outputs {shorten(found)}"
    return None


def both_nan(output: object, wanted: object) -> bool:
    """Whether both are NaN, or a NaN where the file has ``null``: NaN is written as null."""
    is_nan = isinstance(output, float) and math.isnan(output)
    return is_nan and (wanted is None or (isinstance(wanted, float) and math.isnan(wanted)))


def shorten(value: object) -> str:
    """A value for a message."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 200 else text[:200] + "..."


def reason(case: Case, wrong: str) -> str:
    """The allowed reason for a failure, or what is wrong."""
    for marks, text in REASONS:
        if any(mark in case.program for mark in marks):
            return text
    return wrong


def main() -> int:
    """Run all cases."""
    folder = corpus()
    if folder is None:
        print("skipped: the test files of jq 1.8 are not there (set EVENWEAVE_SHARED)")
        return 0
    passed = 0
    failures = []
    for name in FILES:
        for case in read_cases(folder / name):
            wrong = check(case)
            if wrong is None:
                passed += 1
            else:
                failures.append((case, wrong))
    for case, wrong in failures:
        print(f"{case.file}:{case.line}: {case.program}\n    {reason(case, wrong)}")
    print(f"{passed} passed, {len(failures)} failed")
    return 0 if passed >= 800 else 1


if __name__ == "__main__":
    sys.exit(main())
