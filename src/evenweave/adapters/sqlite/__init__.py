"""The SQLite foundation: one file, one writer thread, group commit without a timer (PROTOCOL section 2, SQLite).

    database = Database.open("runtime.db", [Migrations("broker", "evenweave.adapters.brokers.embedded")])
    unit = Unit()
    unit.add(SQL["insert_log"], row)
    database.submit(unit, done)        # from the loop's thread; `done(None)` once it is on the disk
    database.reader.row(SQL["log_row"], (7,))
    await database.close()

All SQLite adapters of one process share one `Database`; each brings its own migrations and its own named statements.
"""

from evenweave.adapters.sqlite.connections import Reader
from evenweave.adapters.sqlite.database import Database
from evenweave.adapters.sqlite.errors import (
    DatabaseClosed,
    DatabaseError,
    DatabaseFull,
    DatabaseInUse,
    DatabaseReadOnly,
    DatabaseTooNew,
    DatabaseUnusable,
    Dropped,
    RowRefused,
)
from evenweave.adapters.sqlite.filter import KeyFilter
from evenweave.adapters.sqlite.lookups import Lookups
from evenweave.adapters.sqlite.migrations import Migrations
from evenweave.adapters.sqlite.unit import Done, Unit
from evenweave.adapters.statements import load_statements

__all__ = [
    "Database",
    "DatabaseClosed",
    "DatabaseError",
    "DatabaseFull",
    "DatabaseInUse",
    "DatabaseReadOnly",
    "DatabaseTooNew",
    "DatabaseUnusable",
    "Done",
    "Dropped",
    "KeyFilter",
    "Lookups",
    "Migrations",
    "Reader",
    "RowRefused",
    "Unit",
    "load_statements",
]
