"""Microseconds per evaluation for typical expressions, beside libjq in the same run.

Documents of about 300 B, 5 KB and 100 KB. libjq gets a ready text, which is its quickest way in; converting a Python
value first costs it more.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from evenweave import jq

if TYPE_CHECKING:
    from collections.abc import Callable

EXPRESSIONS = {
    "path": ".order.customer.id",
    "comparison": '.payment.status == "ok"',
    "construction": "{id: .order.id, total: .payment.amount, who: .order.customer.name}",
    "select": "[.items[] | select(.qty > 2) | .sku]",
}
MINIMUM = {"path": 20.0, "comparison": 20.0, "construction": 20.0, "select": 1.0}
SIZES = {"300 B": 1, "5 KB": 60, "100 KB": 1250}


def document(items: int) -> dict[str, Any]:
    """An order with a number of items."""
    return {
        "order": {"id": "A-1001", "customer": {"id": 4711, "name": "Ada Lovelace", "city": "London"}},
        "payment": {"status": "ok", "amount": 129.95, "currency": "EUR"},
        "items": [
            {"sku": f"SKU-{at:05}", "qty": at % 5, "price": 9.99, "name": "A thing to buy"} for at in range(items)
        ],
    }


def measure(call: Callable[[], Any], budget_s: float = 0.15) -> float:
    """The microseconds of CPU that a call takes: the best of five rounds."""
    count = 1
    while True:
        start = time.process_time()
        for _ in range(count):
            call()
        spent = time.process_time() - start
        if spent > budget_s / 10:
            break
        count *= 2
    rounds = max(1, int(budget_s / 5 / (spent / count)))
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(rounds):
            call()
        best = min(best, (time.process_time() - start) / rounds)
    return best * 1e6


def compare(name: str, size: str, items: int) -> bool:
    """Measure one expression on one document; whether Evenweave is as much faster as it has to be."""
    import jq as libjq  # noqa: PLC0415 - a test dependency

    value = document(items)
    text = json.dumps(value)
    ours, theirs = jq.compile(EXPRESSIONS[name]), libjq.compile(EXPRESSIONS[name])
    assert ours.first(value) == theirs.input_text(text).first()
    mine = measure(lambda: ours.first(value))
    libjq_us = measure(lambda: theirs.input_text(text).first())
    ratio = libjq_us / mine
    good = ratio >= MINIMUM[name]
    print(f"{name:13} {size:>7} {mine:10.2f} {libjq_us:10.1f} {ratio:9.1f}x{'' if good else '   too slow'}")
    return good


def main() -> int:
    """Measure everything."""
    print(f"{'us per call':13} {'size':>7} {'evenweave':>10} {'libjq':>10} {'ratio':>10}")
    results = [compare(name, size, items) for name in EXPRESSIONS for size, items in SIZES.items()]
    source = EXPRESSIONS["select"]
    print(f"compile: {measure(lambda: jq.compile(source)):.0f} us for {source}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
