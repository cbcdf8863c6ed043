"""Why the engine does not do what somebody asked for."""

from evenweave.errors import EvenweaveError


class NotFound(EvenweaveError):
    """There is no such definition or instance."""


class NotPossible(EvenweaveError):
    """What was asked for does not fit the state of things; the message says why."""


class InvalidInput(NotPossible):
    """The input of an instance does not fit the schema of its definition; the message says where."""
