"""Writing services for Evenweave.

    from evenweave.client import Message, Service

    service = Service("payment")

    @service.subscriber("payment/inbound", reply="payment/outbound")
    async def pay(message: Message) -> dict[str, str]:
        return {"orderId": message.data["orderId"], "status": "success"}

    service.run()

A message is acknowledged after its handler has returned and its replies are durable in the Runtime. A handler that
raises gets the message again, after a pause that doubles, up to five times in all; then, or at once where it raises
`Reject`, the message goes to the dead letters with the reason. So a handler may see a message more than once, with the
same id; its replies then have the same ids too, and count once.
"""

from evenweave.client.errors import ClientError, PublishRefused, Reject, RuntimeAway
from evenweave.client.message import Message, Reply
from evenweave.client.service import Service

__all__ = ["ClientError", "Message", "PublishRefused", "Reject", "Reply", "RuntimeAway", "Service"]
