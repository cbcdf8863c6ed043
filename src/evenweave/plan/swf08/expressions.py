"""From the expressions of a definition to programs and templates."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from evenweave import jq
from evenweave.definitions.language import compile_expression
from evenweave.definitions.swf08 import model
from evenweave.plan.nodes import Into
from evenweave.plan.template import Array, Constant, Expression, Object, Template, Text

if TYPE_CHECKING:
    from evenweave.source import Diagnostic, Document

_NAME = re.compile(r"\$(__loc__|[A-Za-z_][A-Za-z0-9_]*)")
_SEGMENT = re.compile(r"""\.([A-Za-z_][A-Za-z0-9_]*)|\['([^'\\]*)'\]|\["([^"\\]*)"\]|\[(\d+)\]""")


class Expressions:
    """Compiles expressions; one that cannot be what its place asks for becomes a diagnostic."""

    def __init__(self, document: Document, diagnostics: list[Diagnostic], language: str = "jq") -> None:
        self._document = document
        self._diagnostics = diagnostics
        self._language = language

    def program(self, written: model.Expression, *, secrets: bool = False) -> Expression:
        """Compile one expression, which has been checked before; it gets only the variables that it reads.

        Where ``secrets`` may not be read, `$SECRETS` is a diagnostic: its value would end up in a state (PROTOCOL
        section 6).
        """
        if self._language == "jsonpath":  # it has no variables, and selects values instead of computing them
            selection = compile_expression(self._language, written.text)
            return Expression(selection, written.text, written.ref, selects=True)
        read = set(_NAME.findall(written.text))
        names = tuple(name for name in written.variables if name in read)
        if "SECRETS" in names and not secrets:
            self._diagnostics.append(
                self._document.diagnostic(
                    "SW511",
                    written.ref,
                    "$SECRETS can be read only in the arguments of a call to a function outside, and in auth",
                    hint="what an expression yields here is stored, and shown",
                )
            )
        program = compile_expression(self._language, written.text, names)
        return Expression(program, written.text, written.ref, names)

    def optional(self, written: model.Expression | None) -> Expression | None:
        """Compile an expression where there is one."""
        return None if written is None else self.program(written)

    def path(self, written: model.Expression) -> Expression:
        """Compile an expression that has to select a place, because something is put there."""
        compiled, example = self.program(written), ".order.payment"
        is_path = compiled.program.is_path
        if self._language == "jsonpath":
            # A JSONPath selects what is there; a place that is not there yet has to be named.
            place, example = _name_place(written.text), "$.order.payment"
            is_path = place is not None
            compiled = Expression(jq.compile(place or "."), written.text, written.ref)
        if not is_path:
            self._diagnostics.append(
                self._document.diagnostic(
                    "SW504",
                    written.ref,
                    "the expression computes a value, but it has to select a place in the state's data",
                    hint=f"write a path such as `${{ {example} }}`",
                )
            )
        return compiled

    def template(self, written: model.Value, *, secrets: bool = False) -> Template:
        """Compile a value in which strings may be expressions."""
        match written:
            case model.Literal():
                return Constant(written.value)
            case model.Expression():
                return self.program(written, secrets=secrets)
            case model.Text():
                parts = (
                    part if isinstance(part, str) else self.program(part, secrets=secrets) for part in written.parts
                )
                return Text(tuple(parts))
            case model.Members():
                members = written.members.items()
                return Object(tuple((key, self.template(item, secrets=secrets)) for key, item in members))
            case model.Items():
                return Array(tuple(self.template(item, secrets=secrets) for item in written.items))

    def result(self, filtered: model.ActionDataFilter | None) -> Into:
        """How an action's result gets into the state's data ("Action data filters")."""
        if filtered is None:
            return Into("merge")
        if not filtered.use_results:
            return Into("discard")
        to = None if filtered.to_state_data is None else self.path(filtered.to_state_data)
        return Into("merge", self.optional(filtered.results), to)

    def event(self, filtered: model.EventDataFilter | None) -> Into:
        """How an event gets into the state's data ("Event data filters")."""
        if filtered is None:
            return Into("merge")
        if not filtered.use_data:
            return Into("discard")
        to = None if filtered.to_state_data is None else self.path(filtered.to_state_data)
        return Into("merge", self.optional(filtered.data), to)


def _name_place(path: str) -> str | None:
    """The jq path of a JSONPath that names exactly one place (RFC 9535, "singular query"), else nothing."""
    path = path.strip()
    steps, at = [], 1
    while at < len(path):
        segment = _SEGMENT.match(path, at)
        if segment is None:
            return None
        at = segment.end()
        name = next((part for part in segment.groups()[:3] if part is not None), None)
        steps.append(f"[{segment[4]}]" if name is None else f"[{json.dumps(name)}]")
    return f".{''.join(steps)}" if path.startswith("$") else None
