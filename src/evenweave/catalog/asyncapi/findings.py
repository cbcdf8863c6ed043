"""What is found in a document while it is read, each thing once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from evenweave.source import Diagnostic, ordered

if TYPE_CHECKING:
    from evenweave.catalog.asyncapi.references import Broken, Location
    from evenweave.source import Part, Severity

__all__ = ["MAX_FINDINGS", "Findings"]

#: Diagnostics of one document that are kept; more help nobody.
MAX_FINDINGS: Final = 500


class Findings:
    """Gathers diagnostics. A place that several references lead to is looked at twice and told of once."""

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}
        self._failed = False

    def add(self, diagnostic: Diagnostic) -> None:
        """Take ``diagnostic`` unless it is there already, or there are more than anybody reads."""
        self._failed = self._failed or diagnostic.severity == "error"
        if len(self._found) < MAX_FINDINGS:
            self._found.setdefault(diagnostic)

    def note(
        self,
        code: str,
        location: Location,
        message: str,
        *,
        severity: Severity = "error",
        hint: str = "",
        part: Part = "value",
    ) -> None:
        """Note something about what is at ``location``."""
        self.add(location.document.diagnostic(code, location.pointer, message, severity=severity, hint=hint, part=part))

    def broken(self, broken: Broken) -> None:
        """Note a reference that leads nowhere."""
        code = "AA302" if broken.leaves else "AA303" if broken.turns else "AA301"
        self.note(code, broken.location, broken.message, hint=broken.hint)

    def failed(self) -> bool:
        """Say whether one of the findings is an error."""
        return self._failed

    def all(self) -> tuple[Diagnostic, ...]:
        """Return the findings in the order of their places."""
        return tuple(ordered(self._found))
