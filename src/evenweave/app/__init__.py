"""The composition root: from a configuration to running parts. The only room that names an adapter.

Each part serves until `stop`. Faces are put in front of them by who calls this: nothing here listens on a port.
"""

from evenweave.adapters.brokers.embedded import MIGRATIONS as BROKER_MIGRATIONS
from evenweave.adapters.catalogs.local import MIGRATIONS as CATALOG_MIGRATIONS
from evenweave.adapters.stores.sqlite import MIGRATIONS as STORE_MIGRATIONS
from evenweave.app.outside import Outside, find_callable
from evenweave.app.parts import (
    TENANT,
    WORKERS,
    CatalogPart,
    EnginePart,
    RuntimePart,
    Whole,
    prepare_store,
    remote_broker,
)
from evenweave.app.upkeep import (
    FILES,
    back_up,
    check_histories_of_file,
    check_histories_of_store,
    export_store,
    import_store,
    inspect_data,
    inspect_store,
)

LOOPBACK = "127.0.0.1"
PORTS = {"dev": 7400, "catalog": 7401, "engine": 7402, "runtime": 7403}

__all__ = [
    "BROKER_MIGRATIONS",
    "CATALOG_MIGRATIONS",
    "FILES",
    "LOOPBACK",
    "PORTS",
    "STORE_MIGRATIONS",
    "TENANT",
    "WORKERS",
    "CatalogPart",
    "EnginePart",
    "Outside",
    "RuntimePart",
    "Whole",
    "back_up",
    "check_histories_of_file",
    "check_histories_of_store",
    "export_store",
    "find_callable",
    "import_store",
    "inspect_data",
    "inspect_store",
    "prepare_store",
    "remote_broker",
]
