"""Reads .proto files, by the compiler of gRPC's tools in a process of its own."""

from __future__ import annotations

import asyncio
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
