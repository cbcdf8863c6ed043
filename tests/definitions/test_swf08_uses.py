"""What a definition defines and does not use, and what it writes without effect."""

from __future__ import annotations

import pytest

from evenweave import source
from evenweave.definitions import swf08

HEAD = 'id: orders\nspecVersion: "0.8"\n'
WAIT = "- {name: Wait, type: sleep, duration: PT1M, end: true}"


def said(text: str, **files: str) -> str:
    """What is said of a definition, drawn."""
    documents = {f"file://{name}.yaml": source.load(f"{name}.yaml", held).document for name, held in files.items()}
    document = source.load("order.yaml", text).document
    assert document is not None
    loaded = swf08.load(document, documents.get)
    return source.render(loaded.diagnostics, {"order.yaml": text}).strip()


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("functions: [{name: pay, operation: 'pay.json#pay'}]", 'the function "pay" is never used|call it'),
        ("functions: [{name: pay, type: expression, operation: .}]", 'the function "pay" is never used|call it'),
        ("errors: [{name: pay}]", 'the error "pay" is never used|handle or retry it'),
        ("retries: [{name: pay, maxAttempts: 3}]", 'the retry policy "pay" is never used|name it in a retryRef'),
        (
            "auth: [{name: pay, scheme: bearer, properties: {token: x}}]",
            'the auth definition "pay" is never used|name it in the authRef of a function',
        ),
    ],
)
def test_unused_definition_is_pointed_out(definition: str, expected: str) -> None:
    """SW114 names the kind of the definition, at its name, and is an info."""
    text = f"{HEAD}states: [{WAIT.removeprefix('- ')}]\n{definition}\n"
    message, hint = expected.split("|")
    column = definition.index("pay") + 1
    assert said(text) == (
        f"order.yaml:4:{column}: info[SW114] {message}\n"
        f"    4 | {definition}\n"
        f"      | {' ' * (column - 1)}^^^ {hint}, or take it away"
    )


def test_definition_that_is_used_anywhere_is_used() -> None:
    """By an action, an expression, a handler, a retry, the other list of errors, or the auth of a function."""
    text = f"""{HEAD}
autoRetries: true
states:
  - name: Pay
    type: operation
    actions:
      - {{functionRef: pay, condition: '${{ fn:rich }}', retryRef: often, nonRetryableErrors: [declined]}}
    onErrors: [{{errorRef: broken, transition: Wait}}, {{errorRefs: [lost, late], transition: Wait}}]
    transition: Wait
  {WAIT}
functions: [{{name: pay, operation: 'pay.json#pay', authRef: key}}, {{name: rich, type: expression, operation: .rich}}]
errors: [{{name: declined}}, {{name: broken}}, {{name: lost}}, {{name: late}}]
retries: [{{name: often, maxAttempts: 3}}]
auth: [{{name: key, scheme: bearer, properties: {{token: x}}}}]
"""
    assert said(text) == ""


def test_files_that_others_may_share_and_wrong_definitions_are_not_judged() -> None:
    """What is in a file of its own may be there for others; what is wrong elsewhere may be what would use it."""
    text = f"{HEAD}functions: file://shared.yaml\nevents: file://shared.yaml\nstates: [{WAIT.removeprefix('- ')}]\n"
    shared = "functions: [{name: pay, operation: 'pay.json#pay'}]\nevents: [{name: E, type: e, source: /e}]\n"
    assert said(text, shared=shared) == ""
    assert "SW114" in said(text.replace("functions: file://shared.yaml", shared.splitlines()[0]), shared=shared)
    broken = f"{HEAD}{shared}states: [{WAIT.removeprefix('- ').replace('end: true', 'transition: Nowhere')}]\n"
    assert "SW104" in said(broken)
    assert "SW11" not in said(broken)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("consumed", 'no state waits for the event "Paid"\n    |wait for it'),
        ("produced", 'no state publishes the event "Paid"\n    |publish it'),
    ],
)
def test_unused_event_is_pointed_out(kind: str, message: str) -> None:
    """SW115 says of a consumed event that nobody waits for it, and of a produced one that nobody publishes it."""
    event = f"  - {{name: Paid, type: paid, source: /s, kind: {kind}}}"
    text = f"{HEAD}states: [{WAIT.removeprefix('- ')}]\nevents:\n{event}\n"
    what, _, hint = message.partition("\n    |")
    assert said(text) == (
        f"order.yaml:5:12: warning[SW115] {what}\n    5 | {event}\n      |            ^^^^ {hint}, or take it away"
    )


@pytest.mark.parametrize(
    ("action", "auto", "message"),
    [
        ("functionRef: pay", False, "no error of this action is retried"),
        ("functionRef: pay, retryableErrors: [declined]", False, ""),
        ("functionRef: pay", True, ""),
        (
            "functionRef: {refName: pay, invoke: async}, retryableErrors: [declined]",
            False,
            "a call that nobody waits for is not retried",
        ),
        ("functionRef: {refName: pay, invoke: async}", True, "a call that nobody waits for is not retried"),
    ],
)
def test_retry_policy_without_effect_is_pointed_out(action: str, auto: bool, message: str) -> None:
    """SW214 where no error is retried: none is named, or nobody waits for the call."""
    text = f"""{HEAD}autoRetries: {str(auto).lower()}
states: [{{name: Pay, type: operation, actions: [{{retryRef: often, {action}}}], end: true}}]
functions: [{{name: pay, operation: 'pay.json#pay'}}]
retries: [{{name: often, maxAttempts: 3}}]
errors: [{{name: declined}}]
"""
    found = [line for line in said(text).splitlines() if "warning" in line]
    assert found == ([f"order.yaml:4:60: warning[SW214] {message}"] if message else [])


@pytest.mark.parametrize(
    ("limit", "column"),
    [
        ("PT1H", 24),
        ("{duration: PT1H}", 24),
        ("{duration: PT1H, interrupt: false}", 0),
        ("{duration: PT1H, interrupt: true}", 0),
    ],
)
def test_time_out_that_does_not_say_whether_it_interrupts_is_pointed_out(limit: str, column: int) -> None:
    """SW215 at the whole time-out, in its short form as well; it is silent where the definition says which."""
    text = f"{HEAD}timeouts:\n  workflowExecTimeout: {limit}\nstates: [{WAIT.removeprefix('- ')}]\n"
    found = said(text).splitlines()[:1]
    warning = "warning[SW215] it is not said whether what runs is interrupted; read as false"
    assert found == ([f"order.yaml:4:{column}: {warning}"] if column else [])


def test_compensation_state_neither_ends_nor_compensates() -> None:
    """SW216 at each end, also behind an error, and at each compensate of a transition."""
    text = f"""{HEAD}
states:
  - {{name: Buy, type: operation, actions: [], compensatedBy: Refund, end: {{compensate: true}}}}
  - name: Refund
    type: operation
    usedForCompensation: true
    actions: []
    onErrors: [{{errorRef: broken, end: true}}]
    transition: {{nextState: Tell, compensate: true}}
  - {{name: Tell, type: inject, data: {{}}, usedForCompensation: true, end: {{terminate: true}}}}
errors: [{{name: broken}}]
"""
    lines = said(text).splitlines()
    assert [line for line in lines if "SW" in line] == [
        "order.yaml:10:40: warning[SW216] a compensation state ends nothing",
        "order.yaml:11:47: warning[SW216] a compensation state triggers no compensation",
        "order.yaml:12:74: warning[SW216] a compensation state ends nothing",
    ]
    assert lines[5].endswith("^^^^ take it away: compensation does not begin again inside of itself")
