"""The store of the Workflow Engine: definitions, instances and everything that decides who gets an event.

PROTOCOL section 2 is the contract. A store belongs to one tenant's engine; every key it writes begins with the tenant.
"""

from evenweave.ports.store.errors import StoreConflict, StoreRefused, StoreUnavailable
from evenweave.ports.store.rows import (
    EVERY,
    FIRST_ENDED,
    Census,
    DefinitionRow,
    Ended,
    Held,
    HistoryEntry,
    InstanceSummary,
    Kept,
    Notice,
    NoticeKind,
    Outgoing,
    Parked,
    PendingCall,
    Position,
    Wait,
    Which,
)
from evenweave.ports.store.store import Store
from evenweave.ports.store.transaction import Expected, Sighting, Transaction

__all__ = [
    "EVERY",
    "FIRST_ENDED",
    "Census",
    "DefinitionRow",
    "Ended",
    "Expected",
    "Held",
    "HistoryEntry",
    "InstanceSummary",
    "Kept",
    "Notice",
    "NoticeKind",
    "Outgoing",
    "Parked",
    "PendingCall",
    "Position",
    "Sighting",
    "Store",
    "StoreConflict",
    "StoreRefused",
    "StoreUnavailable",
    "Transaction",
    "Wait",
    "Which",
]
