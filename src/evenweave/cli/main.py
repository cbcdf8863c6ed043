"""The command `evenweave` and its exit codes."""

from __future__ import annotations

import errno
import gc
import importlib
import io
import keyword
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from evenweave import __version__

USAGE = 64
"""What a usage error exits with, everywhere (EX_USAGE of sysexits.h)."""

COMMANDS = {
    "demo": ("evenweave.cli.demo.command", "Run the online store on this machine and watch its orders."),
    "dev": ("evenweave.cli.serve", "Serve Catalog, Workflow Engine and Runtime in one process, for a folder."),
    "catalog": ("evenweave.cli.serve", "Serve the Catalog."),
    "engine": ("evenweave.cli.serve", "Serve the Workflow Engine."),
    "runtime": ("evenweave.cli.serve", "Serve the Runtime."),
    "check": ("evenweave.cli.check", "Check documents and point at what is wrong."),
    "schema": ("evenweave.cli.schema", "Print the JSON Schema of a kind of document, for editors."),
    "run": ("evenweave.cli.run", "Run one instance of a definition, in memory."),
    "test": ("evenweave.cli.test", "Run the tests of definitions."),
    "draw": ("evenweave.cli.draw", "Draw a definition as SVG or Mermaid."),
    "register": ("evenweave.cli.register", "Register documents and definitions."),
    "send": ("evenweave.cli.send", "Publish an event."),
    "definitions": ("evenweave.cli.definitions", "List, show and delete definitions."),
    "instances": ("evenweave.cli.instances", "List, show, start, cancel and delete instances."),
    "trace": ("evenweave.cli.trace", "Show what happened in an instance, as a tree with durations."),
    "dead-letters": ("evenweave.cli.dead_letters", "List, show, replay and purge what nobody could take."),
    "top": ("evenweave.cli.top", "Watch what goes on."),
    "doctor": ("evenweave.cli.doctor", "Say what is wrong with this installation."),
    "export": ("evenweave.cli.transfer", "Write what the Workflow Engine has stored to a file."),
    "import": ("evenweave.cli.transfer", "Read such a file into another store."),
    "backup": ("evenweave.cli.backup", "Copy everything, while the processes go on."),
}

SETTINGS = ("listen", "data", "catalog", "engine", "runtime", "store", "log_level", "profile")
"""What evenweave.toml may say outside of a table."""

VERBS = (
    "list", "show", "start", "cancel", "delete", "replay", "purge",
    "suspend", "resume", "retry", "skip", "migrate", "fork", "disable", "enable",
)  # fmt: skip
"""The commands of `definitions`, `instances` and `dead-letters`."""


class Commands(click.Group):
    """A group that imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        if cmd_name not in COMMANDS:
            return None
        # What imports make stays for good: looking through it again and again for garbage takes a fifth of their time.
        gc.disable()
        module = importlib.import_module(COMMANDS[cmd_name][0])
        gc.freeze()
        gc.enable()
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(module, f"{name}_" if keyword.iskeyword(name) else name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="evenweave")
@click.pass_context
def evenweave(ctx: click.Context) -> None:
    """Event-driven workflows that people can trust with their orders.

    Settings come from flags, then from the environment (EVENWEAVE_DATA, ...), then from evenweave.toml in the current
    folder, then from the defaults.
    """
    ctx.default_map = _defaults(_read_settings())


def main() -> NoReturn:
    """Run the command and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a sign shows another
    try:
        status = evenweave.main(prog_name="evenweave", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        error.show()
        status = USAGE
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except click.Abort:
        click.echo("aborted", err=True)
        status = 130
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        # Who read our output has gone, as `head` does; what is left in the buffer would complain once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status if isinstance(status, int) else 0)


def _defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """What evenweave.toml says, as defaults of every command's options.

    ``data`` stands for all; a table ``[catalog]``, ``[engine]``, ``[runtime]`` or ``[dev]`` has ``listen`` and further
    options of that process, and ``url`` where the others find it (by default where it listens). ``catalog``,
    ``engine`` and ``runtime`` may be URLs instead of tables.

    Raises:
        click.UsageError: A name is none that means anything.
    """
    for name, value in settings.items():
        if name not in COMMANDS if isinstance(value, dict) else name not in SETTINGS:
            known = ", ".join((*SETTINGS, *(f"[{each}]" for each in COMMANDS)))
            raise click.UsageError(f'evenweave.toml: "{name}" is no setting; there are {known}')
    shared = {name: value for name, value in settings.items() if not isinstance(value, dict)}
    tables = {name: value for name, value in settings.items() if isinstance(value, dict)}
    for part in ("catalog", "engine", "runtime"):
        table = tables.get(part, {})
        url = table.get("url") or (f"http://{_reachable(str(table['listen']))}" if "listen" in table else None)
        if url is not None:
            shared[part] = url
    defaults: dict[str, Any] = {}
    for name in COMMANDS:
        own = {**shared, **tables.get(name, {})}
        defaults[name] = {**own, **dict.fromkeys(VERBS, own)}
    return defaults


def _reachable(listen: str) -> str:
    """Where a process of this machine is reached that listens as a setting says: on all addresses, or by a port."""
    host, _, port = listen.rpartition(":")
    return f"127.0.0.1:{port}" if host in {"", "0.0.0.0", "[::]"} else listen  # noqa: S104 - it is not listened on


def _read_settings() -> dict[str, Any]:
    path = Path("evenweave.toml")
    if not path.is_file():
        return {}
    import tomllib  # noqa: PLC0415 - most commands run without the file

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise click.UsageError(f"evenweave.toml: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"evenweave.toml: {error}") from None
