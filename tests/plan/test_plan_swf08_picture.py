"""What a picture of a Serverless Workflow 0.8 definition shows."""

from evenweave import source
from evenweave.definitions import swf08
from evenweave.plan.drawing import Arrow, Picture
from evenweave.plan.swf08.picture import draw

HEAD = "id: flow\nversion: '1.0'\nspecVersion: '0.8'\nname: Flow\n"
PARTS = """
functions: [{name: pay, operation: 'x.json#pay'}, {name: say, type: expression, operation: .a}]
errors: [{name: Down, code: '503'}, {name: Fraud, code: '451'}]
retries: [{name: patient, delay: PT1S, maxAttempts: 3}]
events:
  - {name: Came, type: came, source: s}
  - {name: Went, type: went, source: s}
  - {name: Tell, type: tell, kind: produced}
"""


def picture(text: str) -> Picture:
    """The picture of a definition, given its states and whatever goes beside them."""
    document = source.load("flow.yaml", HEAD + text + PARTS).document
    assert document is not None
    workflow = swf08.load(document).workflow
    assert workflow is not None, swf08.load(document).diagnostics
    return draw(workflow)


def lines(shown: Picture, id_: str) -> list[tuple[str, str, int]]:
    """What stands in a box."""
    (box,) = [each for each in shown.boxes if each.id == id_]
    return [(row.sign, row.text, row.depth) for row in box.rows]


def ways(shown: Picture, tail: str) -> list[tuple[str, str, list[str]]]:
    """The arrows that leave a box."""
    return [(arrow.way, arrow.head, [row.text for row in arrow.rows]) for arrow in shown.arrows if arrow.tail == tail]


def test_picture_shows_ways_with_their_conditions() -> None:
    """Conditions stand beside the arrows of a switch, in order, and the default is one of its own."""
    shown = picture("""
states:
  - name: decide
    type: switch
    dataConditions:
      - {name: much, condition: '${ .n > 9 }', transition: rest}
      - {condition: '${ fn:say }', end: {terminate: true}}
    defaultCondition: {transition: {nextState: rest, produceEvents: [{eventRef: Tell}], compensate: true}}
  - {name: rest, type: sleep, duration: PT1H, end: true}
""")
    assert shown.title == "Flow 1.0"
    assert [(box.id, box.kind, box.title, box.subtitle) for box in shown.boxes] == [
        ("start", "start", "", ""),
        ("s0", "state", "decide", "switch"),
        ("s0t", "terminate", "terminate", ""),
        ("s1", "state", "rest", "sleep"),
        ("s1e", "end", "", ""),
    ]
    assert ways(shown, "start") == [("transition", "s0", [])]
    assert ways(shown, "s0") == [
        ("transition", "s1", ["much", ".n > 9"]),
        ("transition", "s0t", ["fn:say"]),
        ("default", "s1", ["compensate", "Tell"]),
    ]
    assert lines(shown, "s1") == [("time", "PT1H", 0)]


def test_picture_shows_events_and_what_they_cause() -> None:
    """A state shows what it waits for, what it publishes, and its actions below."""
    shown = picture("""
states:
  - name: wait
    type: event
    exclusive: false
    timeouts: {eventTimeout: PT1H}
    onEvents:
      - eventRefs: [Came, Went]
        actions:
          - eventRef: {triggerEventRef: Tell, resultEventRef: Came, resultEventTimeout: PT5M}
          - {functionRef: pay, condition: '${ .due }', retryRef: patient, retryableErrors: [Down]}
          - {subFlowRef: {workflowId: ship, version: '2', invoke: async}, sleep: {before: PT1S}}
    transition: answer
  - name: answer
    type: switch
    eventConditions: [{name: he came, eventRef: Came, end: true}]
    defaultCondition: {end: {continueAs: {workflowId: again, version: '1'}}}
""")
    assert lines(shown, "s0") == [
        ("in", "Came and Went", 0),
        ("out", "Tell", 1),
        ("in", "Came, at most PT5M", 1),
        ("function", "pay, if .due", 1),
        ("retry", "retry patient", 2),
        ("time", "sleep PT1S", 1),
        ("subflow", "ship 2 (not waited for)", 1),
        ("time", "waits at most PT1H", 0),
    ]
    assert ways(shown, "s1") == [("transition", "s1e", ["he came", "Came"]), ("default", "s1c0", [])]
    assert [box.title for box in shown.boxes if box.id == "s1c0"] == ["continue as again 1"]


def test_picture_shows_branches_and_loops() -> None:
    """Branches stand below what runs them, a loop says over what it goes."""
    shown = picture("""
states:
  - name: both
    type: parallel
    completionType: atLeast
    numCompleted: 1
    branches: [{name: left, actions: [{functionRef: say}]}, {name: right, actions: []}]
    transition: each
  - name: each
    type: foreach
    mode: sequential
    inputCollection: '${ .orders }'
    iterationParam: order
    actions: [{functionRef: {refName: pay, invoke: async}}]
    transition: put
  - {name: put, type: inject, data: {a: 1, b: 2}, end: true}
""")
    assert lines(shown, "s0") == [
        ("branch", "at least 1 of", 0),
        ("branch", "left", 0),
        ("function", "say", 1),
        ("branch", "right", 0),
    ]
    assert lines(shown, "s1") == [
        ("branch", "for each order in .orders, one after the other", 0),
        ("function", "pay (not waited for)", 1),
    ]
    assert lines(shown, "s2") == [("expression", "a, b", 0)]


def test_picture_shows_errors_and_compensation() -> None:
    """Errors and compensation are arrows of their own kind; who compensates looks different."""
    shown = picture("""
states:
  - name: charge
    type: callback
    action: {functionRef: pay}
    eventRef: Came
    compensatedBy: pay back
    onErrors: [{errorRefs: [Down, Fraud], transition: charge}, {errorRef: Fraud, end: {compensate: true}}]
    end: true
  - {name: pay back, type: operation, usedForCompensation: true, actions: [{functionRef: pay}]}
""")
    assert ways(shown, "s0") == [
        ("transition", "s0e", []),
        ("error", "s0", ["Down, Fraud"]),
        ("error", "s0e", ["Fraud", "compensate"]),
        ("compensation", "s1", ["compensated by"]),
    ]
    assert [(box.id, box.kind) for box in shown.boxes if box.title == "pay back"] == [("s1", "compensation")]


def test_picture_shows_schedule_and_time_outs() -> None:
    """When instances start stands beside the first arrow, time-outs of the workflow in a box of their own."""
    shown = picture("""
start: {stateName: a, schedule: {cron: '0 9 * * *', timezone: Europe/Berlin}}
timeouts:
  workflowExecTimeout: {duration: P1D, interrupt: true, runBefore: tidy}
  stateExecTimeout: {total: PT1H, single: PT5M}
  eventTimeout: PT2H
states:
  - {name: a, type: inject, data: {}, end: true}
  - {name: tidy, type: inject, data: {}, end: true}
""")
    assert shown.arrows[0] == Arrow("start", "s0", "transition", shown.arrows[0].rows)
    assert [row.text for row in shown.arrows[0].rows] == ["cron 0 9 * * * Europe/Berlin"]
    assert lines(shown, "timeout") == [
        ("time", "workflow P1D, interrupts", 0),
        ("time", "each state PT1H, PT5M an attempt", 0),
        ("time", "each wait for events PT2H", 0),
    ]
    assert ways(shown, "timeout") == [("error", "s1", ["runs before the end"])]
