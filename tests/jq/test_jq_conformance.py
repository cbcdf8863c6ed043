"""The test files of jq 1.8 itself."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

FOLDER = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def conformance() -> ModuleType:
    """The program that runs the files; the test is skipped where the files are absent."""
    spec = importlib.util.spec_from_file_location("jq_conformance", FOLDER / "bench" / "jq" / "conformance.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    if module.corpus() is None:
        pytest.skip("the test files of jq 1.8 are not there (set EVENWEAVE_SHARED)")
    return module


def test_conformance_passes_at_least_800_of_828_cases(
    conformance: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the 828 cases at least 800 pass, and each of the others says why."""
    assert conformance.main() == 0
    lines = capsys.readouterr().out.strip().split("\n")
    passed, failed = (int(part.split()[0]) for part in lines[-1].split(", "))
    assert passed + failed == 828
    assert passed >= 810
    reasons = [line for line in lines[:-1] if line.startswith("    ")]
    assert len(reasons) == failed
    assert len([line for line in reasons if "refused" not in line and "word boundary" not in line]) == 0
