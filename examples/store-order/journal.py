"""What a service of the store keeps of its work: one JSON line for each thing it did."""

import json
from pathlib import Path
from typing import Any


class Journal:
    """Appends lines to a file; without a file it keeps nothing."""

    def __init__(self, path: str | None) -> None:
        self._path = None if path is None else Path(path)

    def note(self, event: str, order: str, what: str, **more: Any) -> None:
        """Note what was done for an order, and the id of the event that asked for it."""
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"event": event, "order": order, "what": what, **more}) + "\n")
