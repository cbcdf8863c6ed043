"""What is wrong with an event.

CloudEventError
+-- CloudEventTooLarge      more bytes than the limit
"""


class CloudEventError(ValueError):
    """Something that is no CloudEvent. `attribute` is the name of what is wrong, or None; `reason` says why."""

    def __init__(self, reason: str, attribute: str | None = None, index: int | None = None) -> None:
        super().__init__(reason, attribute, index)
        self.reason = reason
        self.attribute = attribute
        self.index = index

    def __str__(self) -> str:
        where = "" if self.index is None else f"event {self.index} of the batch: "
        return f"{where}{self.reason}" if self.attribute is None else f"{where}{self.attribute}: {self.reason}"

    def at(self, index: int) -> "CloudEventError":
        """Return the same error for the event at `index` (from 0) of a batch."""
        return type(self)(self.reason, self.attribute, index)


class CloudEventTooLarge(CloudEventError):
    """An event that is larger than the limit."""
