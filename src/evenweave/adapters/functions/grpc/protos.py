"""Reads .proto files, by the compiler of gRPC's tools in a process of its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool

from evenweave.ports.functions import CallFailed

if TYPE_CHECKING:
    Service = Any

_SHOWN = 300


class Protos:
    """The services of .proto files; a file is read again when it has changed, but not those that it imports."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[int, list[Service]]] = {}
        self._written: dict[str, Path] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def place(self, uri: str, files: Any) -> Path:
        """The file of a definition's own: written where the compiler reads it, with those that it imports.

        Args:
            uri: What the definition calls it.
            files: The text of each file by its name; the first one is meant.

        Raises:
            CallFailed: That is not what they are, or a name leads elsewhere.
        """
        if not isinstance(files, dict) or not files or not all(isinstance(text, str) for text in files.values()):
            raise CallFailed("document", f'the document "{uri}" of the definition is no .proto file')
        key = hashlib.blake2b(json.dumps(files).encode(), digest_size=16).hexdigest()
        if key not in self._written:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="evenweave-")
            folder = Path(self._folder.name, key).resolve()
            paths = [(folder / name).resolve() for name in files]
            if not all(path.is_relative_to(folder) and path != folder for path in paths):
                raise CallFailed("document", f'the document "{uri}" of the definition has names that lead elsewhere')
            for path, text in zip(paths, files.values(), strict=True):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
            self._written[key] = paths[0]
        return self._written[key]

    def close(self) -> None:
        """Let go of what was written."""
        if self._folder is not None:
            self._folder.cleanup()

    async def find(self, path: Path, folder: Path, name: str) -> Service:
        """The service of a name, with or without its package.

        Raises:
            CallFailed: The file cannot be read, or has no such service.
        """
        stamp = _stamp(path)
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            self._known[path] = known = stamp, await _services(path, folder)
        for service in known[1]:
            if name in {service.full_name, service.name}:
                return service
        raise CallFailed("document", f'{path.name} has no service "{name}"')


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns


async def _services(path: Path, folder: Path) -> list[Service]:
    with tempfile.TemporaryDirectory() as made:
        target = Path(made, "set")
        # What a file imports is beside it, or below the folder; the compiler knows where the well-known types are.
        command = ["-m", "grpc_tools.protoc", f"-I{path.parent}", f"-I{folder}", "--include_imports"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, f"--descriptor_set_out={target}", str(path), stderr=asyncio.subprocess.PIPE
        )
        try:
            _, said = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            raise
        if process.returncode:
            words = said.decode(errors="replace").strip()[:_SHOWN]
            raise CallFailed("document", f"{path.name} is no .proto file that can be read: {words}")
        return _link(target)


def _link(target: Path) -> list[Service]:
    """The services of the last file of a set: the one that was asked for."""
    files = descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return list(pool.FindFileByName(files.file[-1].name).services_by_name.values())
