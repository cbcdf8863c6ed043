"""From function definitions to what the worker calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.definitions.swf08 import model
from evenweave.definitions.swf08.duration import parse_duration
from evenweave.plan.nodes import Auth, Function
from evenweave.plan.template import Object

if TYPE_CHECKING:
    from evenweave.plan.swf08.expressions import Expressions
    from evenweave.plan.template import Template
    from evenweave.source import Diagnostic, Document

_TAKES = {"repeat": "`never`, or leave it out", "timeout": "an ISO 8601 duration such as `PT30S`"}


class Functions:
    """Compiles the functions of a workflow that are called outside of the engine."""

    def __init__(
        self, document: Document, workflow: model.Workflow, expressions: Expressions, diagnostics: list[Diagnostic]
    ) -> None:
        self._document = document
        self._workflow = workflow
        self._expressions = expressions
        self._diagnostics = diagnostics
        self._made: dict[str, Function] = {}

    def outside(self, function: model.FunctionDef) -> Function:
        """What is called (0.8, "Function Definition"); ``metadata`` says whether, and how long, it may be called."""
        made = self._made.get(function.name)
        if made is None:
            said = function.metadata
            repeat = said.get("repeat", "")
            if repeat not in {"", "never"}:
                self._refuse(function, "repeat", repeat)
            made = self._made[function.name] = Function(
                name=function.name,
                type=function.type,
                operation=function.operation,
                reference=function.ref,
                repeat=repeat != "never",
                timeout_s=self._timeout(function),
                metadata=said,
                auth=None if function.auth_ref is None else self._auth(function.auth_ref),
            )
        return made

    def _timeout(self, function: model.FunctionDef) -> float | None:
        written = function.metadata.get("timeout")
        if written is None:
            return None
        found = parse_duration(str(written), f"{function.ref}/metadata/timeout")
        if found is None or found.months or not found.milliseconds:
            self._refuse(function, "timeout", written)
            return None
        return found.milliseconds / 1000

    def _refuse(self, function: model.FunctionDef, name: str, written: object) -> None:
        self._diagnostics.append(
            self._document.diagnostic(
                "SW512",
                f"{function.ref}/metadata/{name}",
                f'"{written}" is nothing that `{name}` of a function can be',
                hint=f"write {_TAKES[name]}",
            )
        )

    def _auth(self, name: str) -> Auth | None:
        for each in self._workflow.auth:
            if each.name == name:
                return Auth(name, each.scheme, self._properties(each.properties))
        return None  # the lint rules said so

    def _properties(self, written: model.Node | model.Expression) -> Template:
        if isinstance(written, model.Expression):
            return self._expressions.template(written, secrets=True)
        items: list[tuple[str, Template]] = []
        for field, name in zip(written.__struct_fields__, written.__struct_encode_fields__, strict=True):
            value = getattr(written, field)
            if field in {"ref", "metadata", "extra"} or value is None or value == ():
                continue
            if isinstance(value, tuple):
                value = model.Items(ref=written.ref, items=value)
            elif isinstance(value, str):
                value = model.Literal(ref=written.ref, value=value)
            items.append((name, self._expressions.template(value, secrets=True)))
        return Object(tuple(items))
