"""The checks of meaning: one small function each, all of them in one table."""

from collections.abc import Callable, Iterator
from typing import Final

from evenweave.definitions.swf08.lint import flow, names, parts, uses
from evenweave.definitions.swf08.lint.scope import Scope
from evenweave.definitions.swf08.model import Workflow
from evenweave.definitions.swf08.rules import RULES, Finding

CHECKS: Final[tuple[tuple[tuple[str, ...], Callable[[Scope], Iterator[Finding]]], ...]] = (
    (("SW009",), parts.check_version),
    (("SW101",), names.check_duplicates),
    (("SW102", "SW110"), names.check_events),
    (("SW103",), names.check_functions),
    (("SW104",), names.check_states),
    (("SW105",), names.check_retries),
    (("SW106",), names.check_errors),
    (("SW107",), names.check_auth),
    (("SW111",), parts.check_sources),
    (("SW112",), parts.check_operations),
    (("SW113",), parts.check_credentials),
    (("SW203",), flow.check_reachable),
    (("SW205", "SW206"), flow.check_compensation),
    (("SW207",), flow.check_run_before),
    (("SW208",), flow.check_continue),
    (("SW209",), parts.check_retries),
    (("SW210",), parts.check_sleeps),
    (("SW211",), parts.check_branches),
    (("SW212",), parts.check_timeouts),
    (("SW213",), flow.check_compensate),
    (("SW214",), uses.check_retry_refs),
    (("SW215",), uses.check_interrupts),
    (("SW216",), uses.check_compensating),
    (("SW305",), parts.check_cron),
    (("SW307",), parts.check_language),
    (("SW408",), parts.check_merging),
)
"""The codes that each check reports, and the check."""

USES: Final[tuple[tuple[tuple[str, ...], Callable[[Scope], Iterator[Finding]]], ...]] = (
    (("SW114",), uses.check_definitions),
    (("SW115",), uses.check_events),
)
"""The same of the checks that judge what is not used: only of a definition in which nothing else is wrong."""


def check(
    workflow: Workflow,
    unread: frozenset[str],
    is_given: Callable[[str, str], bool],
    *,
    is_sound: bool,
    evaluated: frozenset[str],
) -> list[Finding]:
    """Check what a definition means.

    Args:
        workflow: the definition, with blanks where the document is wrong.
        unread: top-level properties whose content is not known, so that names in them cannot be judged.
        is_given: says of a name, and of the reference of its place, whether it is written there: a blank stands for
            one that is missing or wrong.
        is_sound: no part of the document is wrong or unread, so nothing that it uses is missing in the workflow.
        evaluated: names of the expression functions that expressions name.

    Returns:
        What is wrong, in the order of the tables.
    """
    scope = Scope(workflow, unread, is_given, evaluated)
    found = [finding for _, rule in CHECKS for finding in rule(scope)]
    if is_sound and all(RULES[finding.code].severity != "error" for finding in found):
        found += [finding for _, rule in USES for finding in rule(scope)]
    return found
