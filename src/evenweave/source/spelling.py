"""The name a user probably meant."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["closest"]

_CANDIDATES = 2_000
_LENGTH = 200


def closest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of ``names`` that ``name`` was probably meant to be, or None where nothing is near enough.

    Spelling counts without regard to case. Of equally near names the first answers, so the order of ``names`` decides.
    At most 2,000 names are looked at, so that a hint never costs more than the check it adorns.
    """
    if len(name) > _LENGTH:
        return None
    wanted = name.casefold()
    best, best_ratio = None, 0.7 if len(wanted) > 3 else 0.6
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted)
    for index, candidate in enumerate(names):
        if index == _CANDIDATES:
            break
        folded = candidate.casefold()
        if folded == wanted:
            return candidate
        if len(folded) > _LENGTH:
            continue
        matcher.set_seq1(folded)
        if matcher.real_quick_ratio() > best_ratio and matcher.quick_ratio() > best_ratio:
            ratio = matcher.ratio()
            if ratio > best_ratio:
                best, best_ratio = candidate, ratio
    return best
