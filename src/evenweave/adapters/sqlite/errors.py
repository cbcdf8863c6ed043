"""What can go wrong with a database file, and what the caller can do about each.

DatabaseError
+-- DatabaseInUse       another process holds the file: stop it, or use another folder
+-- DatabaseTooNew      a newer Evenweave wrote the file: install that one
+-- DatabaseReadOnly    the folder or the file cannot be written
+-- DatabaseFull        no space left: submit again once there is some
+-- DatabaseUnusable    any other failure of the file or the disk
+-- DatabaseClosed      submitted after `close`
+-- RowRefused          this unit's own data: it will never commit as it is
+-- Dropped             an earlier unit failed, on which this one may have been built: build it anew
"""

import apsw

from evenweave.errors import EvenweaveError


class DatabaseError(EvenweaveError):
    """Something is wrong with a database or with what was written to it."""


class DatabaseInUse(DatabaseError):
    """Another process (or another `Database` of this one) has the file open."""


class DatabaseTooNew(DatabaseError):
    """The file was written by a newer version of Evenweave."""


class DatabaseReadOnly(DatabaseError):
    """The folder or the file cannot be written."""


class DatabaseFull(DatabaseError):
    """The disk is full. Nothing of the unit was written; it may be submitted again."""


class DatabaseUnusable(DatabaseError):
    """The file or the disk failed. Nothing of the unit was written."""


class DatabaseClosed(DatabaseError):
    """The database has been closed."""


class RowRefused(DatabaseError):
    """The database refuses a row of this unit (a constraint, a type, a size): submitting it again changes nothing."""


class Dropped(DatabaseError):
    """An earlier unit failed before this one was committed, and this one may build on it. Nothing of it was written."""


_DATA_ERRORS = (
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.TooBigError,
    apsw.RangeError,
    apsw.BindingsError,
    apsw.SQLError,
)


def is_data_error(error: Exception) -> bool:
    """Tell whether the unit's own rows or statements are at fault, rather than the file or the disk."""
    return isinstance(error, _DATA_ERRORS) or not isinstance(error, apsw.Error | OSError | MemoryError)


def explain(name: str, error: Exception) -> DatabaseError:
    """Translate an error of SQLite or of the operating system about the file `name`."""
    match error:
        case DatabaseError():
            return error
        case apsw.FullError():
            return DatabaseFull(f"{name}: the disk is full, nothing was written", "free some space")
        case apsw.ReadOnlyError() | PermissionError():
            return DatabaseReadOnly(f"{name}: the file or its folder cannot be written ({error})")
        case apsw.CantOpenError():
            return DatabaseReadOnly(f"{name}: cannot be opened", "its folder has to be there, and writable")
        case apsw.NotADBError() | apsw.CorruptError():
            return DatabaseUnusable(f"{name}: is no SQLite database, or damaged ({error})")
        case OSError(errno=28):
            return DatabaseFull(f"{name}: the disk is full, nothing was written", "free some space")
        case OSError(errno=30):
            return DatabaseReadOnly(f"{name}: the file system is read-only")
        case _ if is_data_error(error):
            return RowRefused(f"{name}: {type(error).__name__}: {error}")
        case _:
            return DatabaseUnusable(f"{name}: {type(error).__name__}: {error}")
