"""A definition, loaded for rehearsals."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from evenweave.cli.files import check_files, render
from evenweave.errors import EvenweaveError
from evenweave.testing.rehearsal import BEGINNING, Rehearsal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.definitions.swf08 import Profile, Workflow
    from evenweave.plan.nodes import Plan


class NotValid(EvenweaveError):
    """A definition, or a document that it needs, has mistakes; the message draws them."""


@dataclass(frozen=True)
class Flow:
    """A definition and the documents of its services, checked and compiled.

    Attributes:
        name: The file that it came from.
        definition: The definition as written.
        workflow: The same, in normal form.
        plan: What it compiles to.
        states: The names of its states by their references.
    """

    name: str
    definition: Any
    workflow: Workflow
    plan: Plan
    states: Mapping[str, str]

    @classmethod
    def load(
        cls,
        definition: str | os.PathLike[str],
        *catalogs: str | os.PathLike[str],
        profile: Profile | None = None,
    ) -> Flow:
        """Read a definition, and the AsyncAPI documents that it refers to.

        Args:
            definition: The file of the definition.
            catalogs: AsyncAPI documents; those below the definition's folder are found without being named.
            profile: How the definition is read, such as ``sonataflow``; by default as it says itself.

        Raises:
            NotValid: One of them has mistakes; the message shows all of them with their places.
        """
        names = [os.fspath(each) for each in (definition, *catalogs)]
        try:
            files = check_files(names, profile=profile)
        except click.UsageError as error:
            raise NotValid(error.message) from None
        file = files[0]
        if file.plan is None or file.workflow is None or file.document is None or any(not each.valid for each in files):
            kind = {"asyncapi": "an AsyncAPI document", "test": "a test document"}.get(str(file.kind))
            raise NotValid(render(files) or f"{file.name} is {kind}, not a definition")
        states = {state.ref: state.name for state in file.workflow.states}
        return cls(file.name, file.document.value, file.workflow, file.plan, states)

    def rehearse(self, *, now: float = BEGINNING, interrupted: bool = False) -> Rehearsal:
        """Begin a rehearsal: one instance that nothing has happened to yet.

        Args:
            now: When it begins, in seconds since the epoch.
            interrupted: Wherever it waits it is suspended, stored, loaded again and resumed; nothing may come of that.
        """
        return Rehearsal(self, now=now, interrupted=interrupted)
