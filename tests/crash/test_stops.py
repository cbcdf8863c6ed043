"""Stops between any two steps of the protocol: whatever dies wherever, each order ends once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from findings import File, Findings
from stopping import POINTS
from stops import ORDERS, StoppedStack, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("point", POINTS)
def test_stops_lose_and_double_nothing(point: str, tmp_path: Path) -> None:
    """A process that is killed at the point and started again: 0 orders lost, 0 doubled, 0 stuck."""
    place, findings = File(tmp_path / "engine.db"), Findings()
    with StoppedStack(tmp_path, point) as stack:
        orders = run(stack, place)
        assert stack.stops == 1, f"{point} was never passed {stack.count} times"
    findings.judge(orders, ORDERS, place)
    assert findings.said == []
    assert findings.histories == ORDERS
    # However often something was published, it is in the log once.
    log = File(tmp_path / "runtime.db")
    for channel in ("store/order", "order/inbound", "order/outbound", "payment/inbound", "payment/outbound"):
        assert log.count(f"select count(*) from broker_events where channel = '{channel}'") == ORDERS, channel
    assert log.count("select count(*) from broker_events where channel like 'dead-letter/%'") == 0
