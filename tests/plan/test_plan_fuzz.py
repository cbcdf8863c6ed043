"""What passes the check never meets an internal error: whatever goes wrong is an error of the workflow, at its node."""

import json
import os
import random
from typing import Any

import pytest
from swf08_examples import mutate, values
from swf08_making import INPUTS, RESULTS, Maker

from evenweave import source
from evenweave.definitions import swf08
from evenweave.engine import Called, Cause, Step, step
from evenweave.engine.limits import Limits
from evenweave.plan.nodes import Plan
from evenweave.plan.operation import Operation
from evenweave.plan.swf08 import compile as compile_swf08
from evenweave.source import Document
from evenweave.worker.alone import Alone, Came

RUNS = 3000 if os.environ.get("EVENWEAVE_SLOW") else 60
SEEDS = range(6)
FAULTS = {"expression", "data", "limit", "publish", "function", "timeout", "broken", "secret", "input"}
MOVES = 60
LIMITS = Limits(nodes=200, bursts=3, fuel=10_000)
STEPS = 200


def compile_value(value: Any) -> tuple[Document, Plan] | None:
    """The plan of a definition, its operations all being there; nothing where it has mistakes."""
    document = source.load("made.json", json.dumps(value)).document
    if document is None:
        return None
    read = swf08.load(document)
    if read.workflow is None:
        return None
    operations = {
        use.operation: Operation(
            ref=use.operation,
            service="s",
            version="1",
            operation_id="o",
            channel="c",
            direction=use.direction or "publish",
        )
        for use in read.workflow.operations()
    }
    compiled = compile_swf08(document, read.workflow, operations)
    assert (compiled.plan is None) == source.has_errors(compiled.diagnostics)
    source.render(compiled.diagnostics, {document.name: document.text})
    return None if compiled.plan is None else (document, compiled.plan)


class Bounded(Alone):
    """An instance whose endless loops end soon."""

    steps = 0

    @property
    def over(self) -> bool:
        """Whether nothing moves it any more, or it moved often enough."""
        return super().over or self.steps > STEPS

    def _step(self, cause: Cause, now: float) -> Step:
        self.steps += 1
        return step(self._plan, self._instance, [cause], now=now, limits=LIMITS)


def run(chance: random.Random, plan: Plan) -> Alone:
    """Run an instance as `evenweave run` does, with calls answered, events sent and time passing at random."""
    now = 1_700_000_000.0
    alone = Bounded(plan, chance.choice(INPUTS), now=now)
    for number in range(MOVES):
        if alone.over:
            break
        for activation in list(alone.calls):
            result = chance.choice(RESULTS)
            failed = chance.random() < 0.2
            alone.answer(
                Called(activation, error="broken", codes=["broken"], title="it broke")
                if failed
                else Called(activation, result),
                now,
            )
        accepts = alone.waiting
        if accepts:
            match = chance.choice(accepts).match
            event = {
                "specversion": "1.0",
                "id": str(number),
                "source": "/there",
                "type": match.type or "t",
                "data": chance.choice(RESULTS),
            }
            if chance.random() < 0.7:
                event["key"] = chance.choice(["1", "2"])
            if chance.random() < 0.3:
                del event["data"]
            alone.deliver(Came(match.channel, event), now)
        now = max(now, alone.instance.due or now)
        alone.advance(now)
    return alone


def survives(chance: random.Random, value: Any) -> str:
    """Run a definition if it passes; how it ended is right, and where it stopped the reason is at a node of it."""
    made = compile_value(value)
    if made is None:
        return "refused"
    document, plan = made
    instance = run(chance, plan).instance
    if instance.status in {"faulted", "suspended"}:
        reason = instance.reason
        assert reason is not None
        assert reason.type in FAULTS, reason
        assert reason.title
        assert document.at(reason.reference) is not None, reason
        assert reason.reference, reason
    return instance.status


@pytest.mark.parametrize("seed", SEEDS)
def test_made_definitions_run_to_errors_of_the_workflow(seed: int) -> None:
    """Valid definitions made at random pass, and run to an end, a wait or a fault that names its node."""
    chance = random.Random(seed)
    ends = []
    for _ in range(RUNS):
        value = Maker(chance).make()
        ends.append(survives(chance, value))
    assert {"completed", "faulted"} <= set(ends)
    assert ends.count("refused") < RUNS / 2


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_definitions_run_to_errors_of_the_workflow(seed: int) -> None:
    """Definitions that were changed at random, and pass all the same, run no worse."""
    chance = random.Random(1000 + seed)
    bases = values()
    for _ in range(RUNS):
        value = chance.choice(bases) if bases and chance.random() < 0.4 else Maker(chance).make()
        survives(chance, mutate(chance, value))
