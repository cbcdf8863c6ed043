"""The folder of `evenweave dev`: what is in it is registered, and again as soon as it changes."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from evenweave.cli.files import check_files, render
from evenweave.errors import EvenweaveError, InvalidDocument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenweave.app import Whole
    from evenweave.cli.files import Checked
    from evenweave.definitions.swf08 import Profile
    from evenweave.source import Diagnostic

SUFFIXES = {".yaml", ".yml", ".json"}
LOOK_S = 0.5
SETTLE_S = 0.1

Stamp = tuple[int, int, int]
"""When a file was changed, how large it is, and which file it is: editors replace files, and clocks are coarse."""


class _Known(msgspec.Struct):
    """What was seen of a file when it was last dealt with; ``right`` once it was registered, ``ever`` if ever."""

    data: bytes
    diagnostics: list[Diagnostic]
    right: bool
    ever: bool


class Folder:
    """Every document and definition below a folder, registered.

    Files and folders whose names begin with a dot are nobody's business, and so is YAML and JSON that does not mean to
    be a document of ours. A file that is broken is shown with its diagnostics, and what was registered of it before
    stays; so it does where a file is deleted, for instances may run on it.
    """

    def __init__(self, folder: Path, whole: Whole, profile: Profile | None = None) -> None:
        self._folder = folder
        self._profile = profile
        self._whole = whole
        self._stamps: dict[Path, Stamp] = {}
        self._known: dict[str, _Known] = {}
        self._unreadable: set[Path] = set()
        self._trouble = ""

    async def register(self) -> None:
        """Register what is there.

        Raises:
            EvenweaveError: Nothing can be registered at present, whatever the files say.
        """
        self._stamps = self._scan()
        await self._take_in()

    async def watch(self) -> None:
        """Register what changes, until cancelled."""
        while True:
            began_s = time.perf_counter()
            stamps = await asyncio.to_thread(self._scan)
            # A folder that takes long to look through is looked through less often.
            pause_s = max(LOOK_S, 10 * (time.perf_counter() - began_s))
            if stamps != self._stamps or self._trouble:
                await self._follow(stamps)
            await asyncio.sleep(pause_s)

    async def _follow(self, stamps: dict[Path, Stamp]) -> None:
        # Who saves several files, or one in pieces, should not see the diagnostics of half of it.
        while True:
            await asyncio.sleep(SETTLE_S)
            before, stamps = stamps, await asyncio.to_thread(self._scan)
            if before == stamps:
                break
        try:
            self._stamps = stamps
            await self._take_in()
        except (EvenweaveError, click.ClickException, OSError) as error:
            # Not the files' fault (the disk is full, a file went while it was read): tried again, and said once.
            text = error.message if isinstance(error, click.ClickException) else str(error)
            if text != self._trouble:
                click.echo(text, err=True)
            self._trouble = text
        else:
            self._trouble = ""

    async def _take_in(self) -> None:
        """Check all files together, and register what is new, has changed or is right now because of another file."""
        names = [str(path) for path in sorted(self._stamps)]
        checked = await asyncio.to_thread(check_files, names, unknown="warning", profile=self._profile)
        ours = [file for file in checked if file.claims]  # not other YAML or JSON that happens to be here
        for name in sorted(self._known.keys() - {file.name for file in ours}):
            what = "is no document any more" if name in names else "is gone"
            stays = "; what was registered of it stays" if self._known.pop(name).ever else ""
            click.echo(f"{name} {what}{stays}")
        operations_changed = False
        for file in sorted(ours, key=lambda one: one.kind != "asyncapi"):
            known = self._known.get(file.name)
            same = known is not None and (known.data, known.diagnostics) == (_content(file), file.diagnostics)
            if same and (file.kind == "asyncapi" or not operations_changed):
                continue
            created = await self._take(file, known)
            operations_changed |= created and file.kind == "asyncapi"

    async def _take(self, file: Checked, known: _Known | None) -> bool:
        """Register one file, or show what is wrong with it; whether there is a new version of it now."""
        created = right = False
        try:
            created = await self._register(file)
            right = True
        except InvalidDocument as error:
            self._show(file, error, stays=known is not None and known.ever)
        # A definition is looked at again because of its services: where that changes nothing, nothing is to be said.
        if right and (created or known is None or not known.right or known.data != _content(file)):
            click.echo(f"registered {file.name}")
        ever = right or (known is not None and known.ever)
        self._known[file.name] = _Known(_content(file), file.diagnostics, right, ever)
        return created

    async def _register(self, file: Checked) -> bool:
        if not file.valid:
            raise InvalidDocument("it has errors", file.diagnostics)
        if file.kind == "asyncapi":
            _, created, _ = await self._whole.catalog.register(self._name(file), _content(file))
            return created
        return (await self._whole.engine.register(self._name(file), _content(file))).created

    def _name(self, file: Checked) -> str:
        # Files of one name in several folders are different documents; a reference without folders finds them too.
        return Path(file.name).relative_to(self._folder).as_posix()

    def _show(self, file: Checked, error: InvalidDocument, *, stays: bool) -> None:
        # What was refused at registration names the file as it is registered; people look for it where it is.
        name = self._name(file)
        found = [
            msgspec.structs.replace(item, file=file.name) if item.file == name else item for item in error.diagnostics
        ]
        click.echo(render([file], found), err=True)
        click.echo(
            f"{file.name} was not registered" + ("; what was registered before stays" if stays else ""), err=True
        )

    def _scan(self) -> dict[Path, Stamp]:
        """Every file that may be ours and can be read, with its stamp; what cannot be read is said once."""
        found = {}
        for path in self._walk():
            try:
                stat = path.stat()
            except OSError:
                continue  # it has just gone
            if os.access(path, os.R_OK):
                found[path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
                self._unreadable.discard(path)
            elif path not in self._unreadable:
                self._unreadable.add(path)
                click.echo(f"{path} cannot be read", err=True)
        return found

    def _walk(self) -> Iterator[Path]:
        for folder, folders, files in os.walk(self._folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in files:
                path = Path(folder, name)
                if path.suffix in SUFFIXES and not name.startswith(".") and path.is_file():
                    yield path


def _content(file: Checked) -> bytes:
    """What is registered of a file: with everything in it that it refers to."""
    return file.data if file.alone is None else file.alone
