"""The errors of the client.

EvenweaveError
+-- ClientError
    +-- PublishRefused      the Runtime will never take this (too large, a channel without a name)
    +-- RuntimeAway         the Runtime does not answer, or cannot do it now
    +-- UnknownGroup        the Runtime has lost the subscription: it is made again
    +-- Reject              raised by a handler: never deliver this message again
"""

from evenweave.errors import EvenweaveError


class ClientError(EvenweaveError):
    """Something between a service and the Runtime went wrong."""


class PublishRefused(ClientError):
    """The Runtime refuses what was asked of it, and will do so again."""


class RuntimeAway(ClientError):
    """The Runtime does not answer, or cannot do this now."""


class UnknownGroup(ClientError):
    """The Runtime does not know the subscription."""


class Reject(ClientError):
    """Raise this in a handler to send the message to the dead letters at once, with this reason."""
