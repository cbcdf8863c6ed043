"""For tests of flows, services and adapters: rehearsals of definitions, and contract suites of the ports.

A flow is rehearsed in memory, against stubs, with time that jumps::

    from evenweave.testing import Flow


    def test_unpaid_order_is_not_shipped():
        order = Flow.load("storeorderworkflow.yaml").rehearse()
        order.reply("OrderServiceSendEvent", {"order": {"status": "booked"}})
        order.reply("PaymentServiceSendEvent", {"payment": {"status": "denied"}})
        order.send("NewOrderEvent", {"order": {"id": "o1"}})
        assert order.status == "completed", order.explain()
        assert "Send Order Shipment" not in order.path

`evenweave.testing.store` is the contract suite of a store.
"""

from evenweave.testing.flow import Flow, NotValid
from evenweave.testing.rehearsal import MadeCall, Published, Rehearsal
from evenweave.testing.stubs import Outcome, Reply

__all__ = ["Flow", "MadeCall", "NotValid", "Outcome", "Published", "Rehearsal", "Reply"]
