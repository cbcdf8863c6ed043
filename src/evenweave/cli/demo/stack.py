"""The processes of a store: Catalog, Workflow Engine, Runtime and services, on loopback, started and stopped as one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

import click

from evenweave.cli.register import register_files
from evenweave.cli.remote import Remote

if TYPE_CHECKING:
    from collections.abc import Iterator

START_S = 20.0
STOP_S = 10.0
_PARTS = ("catalog", "runtime", "engine")
_LISTENS = " listens on "


class Stack:
    """Processes with one data folder.

    Args:
        folder: Holds the data of the three, their logs, and the journals of the services.
        example: The folder of the documents and the services.

    Attributes:
        urls: Where each of the three listens, once it has been started.
        options: Further arguments by part, such as ``{"runtime": ["--retention", "60"]}``; they count from the next
            start of that part.
    """

    def __init__(self, folder: Path, example: Path) -> None:
        self.folder = folder
        self.example = example
        self.urls: dict[str, str] = {}
        self.options: dict[str, list[str]] = {}
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start Catalog and Runtime, then the Workflow Engine, each on a free port.

        Raises:
            click.ClickException: One does not come up; the message has the end of its log.
        """
        beginning = [(part, self._launch(part)) for part in ("catalog", "runtime")]
        for part, process in beginning:
            self._wait_until_ready(part, process)
        self.start_part("engine")

    def start_part(self, part: str) -> None:
        """Start one of the three; one that was started before comes back on its port."""
        self._wait_until_ready(part, self._launch(part))

    def start_service(self, name: str, *arguments: str, script: str | None = None) -> None:
        """Start a service of the example; several of one kind differ in name and share their script."""
        path = self.example / f"{script or name}.py"
        command = [sys.executable, str(path), "--runtime", self.urls["runtime"], "--journal", str(self.journal(name))]
        self._spawn(name, [*command, *arguments], stdout=subprocess.DEVNULL)

    def register(self) -> None:
        """Register the documents of the example."""
        files = [str(path) for path in sorted(self.example.glob("*.yaml"))]
        register_files(files, self.remote("catalog"), self.remote("engine"))

    def remote(self, part: str) -> Remote:
        """One of the three, to be asked."""
        return Remote(part, self.urls[part])

    def journal(self, service: str) -> Path:
        """The file in which a service notes what it does."""
        return self.folder / f"{service}.journal"

    def log(self, name: str) -> str:
        """The last lines of a process's log."""
        path = self.folder / f"{name}.log"
        return "\n".join(path.read_text("utf-8", "replace").splitlines()[-20:]) if path.exists() else ""

    def kill(self, name: str) -> None:
        """Kill a process as a power cut would."""
        process = self._processes.pop(name)
        process.kill()
        _reap(process)

    def wait(self, name: str, timeout_s: float) -> int:
        """Wait for a process to end by itself; its exit status."""
        return self._processes[name].wait(timeout_s)

    def check_alive(self) -> None:
        """See to it that nothing ended by itself that should serve.

        Raises:
            click.ClickException: Something did; the message has the end of its log.
        """
        for name, process in self._processes.items():
            status = process.poll()
            if status not in {None, 0}:
                raise click.ClickException(f"{name} ended with {status}\n{self.log(name)}")

    def stop(self) -> None:
        """Stop everything, services first; what does not stop within its time is killed."""
        with _undisturbed():
            services = [name for name in self._processes if name not in _PARTS]
            for group in (services, reversed(_PARTS)):
                running = [self._processes.pop(name) for name in group if name in self._processes]
                for process in running:
                    process.terminate()
                for process in running:
                    _reap(process)

    def _launch(self, part: str) -> subprocess.Popen[str]:
        before = self.urls.get(part)
        listen = "127.0.0.1:0" if before is None else before.removeprefix("http://")
        command = [sys.executable, "-m", "evenweave", part, "--listen", listen, "--data", str(self.folder)]
        if part == "engine":
            command += ["--catalog", self.urls["catalog"], "--runtime", self.urls["runtime"]]
        return self._spawn(part, [*command, *self.options.get(part, ())], stdout=subprocess.PIPE)

    def _wait_until_ready(self, part: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        line = _find_line(process.stdout, _LISTENS)
        if not line:
            raise click.ClickException(f"the {part} did not start\n{self.log(part)}")
        self.urls[part] = line.partition(_LISTENS)[2].strip()
        self.remote(part).wait_ready(START_S)

    def _spawn(self, name: str, command: list[str], *, stdout: int) -> subprocess.Popen[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("EVENWEAVE_")}
        # The processes take their settings from here alone, wherever the demo is started.
        with (self.folder / f"{name}.log").open("a", encoding="utf-8") as log:
            process = subprocess.Popen(  # noqa: S603 - the commands are ours
                command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=log,
                text=True,
            )
        self._processes[name] = process
        return process


def _reap(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no second Ctrl-C, and no other signal to end, come between: processes would stay behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _find_line(stream: IO[str], text: str) -> str:
    """The first line of a process's output with a text in it; empty where it ends, or does not say so in time."""
    found: list[str] = []

    def read() -> None:
        # An engine of several workers also says which of them began, in any order.
        found.extend(islice((line for line in stream if text in line), 1))

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    reading.join(START_S)
    return found[0] if found else ""


def find_example() -> Path:
    """The folder of the store's example: in the package, or beside its sources.

    Raises:
        click.ClickException: It is in neither.
    """
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "examples" / "store-order", package.parents[1] / "examples" / "store-order"):
        if (folder / "storeorderworkflow.yaml").is_file():
            return folder
    raise click.ClickException("the example examples/store-order is not installed")
