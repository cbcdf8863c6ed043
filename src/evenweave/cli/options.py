"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
import msgspec

from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from collections.abc import Callable

_ADDRESS = "HOST:PORT"


class Address(click.ParamType[tuple[str, int]]):
    """An address to listen on: ``HOST:PORT``, ``:PORT`` or ``PORT``."""

    name = _ADDRESS

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Split it."""
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        if not port.isascii() or not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is no address such as 127.0.0.1:7402", param, ctx)
        return host.strip("[]") or "127.0.0.1", int(port)


class Url(click.ParamType[str]):
    """Where a process listens: ``http://HOST:PORT``."""

    name = "URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check it."""
        text = str(value)
        try:
            parts = urlsplit(text)
            good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good or any(character.isspace() for character in text):
            self.fail(f"{text!r} is no URL such as http://127.0.0.1:7402", param, ctx)
        return text.rstrip("/")


class StoreUrl(click.ParamType[str]):
    """The URL of a PostgreSQL database."""

    name = "URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check it."""
        text = str(value)
        if text and not text.startswith(("postgresql://", "postgres://")):
            self.fail(f"{text!r} is no URL such as postgresql://user@host/database", param, ctx)
        return text


class Seconds(click.ParamType[float]):
    """A number of seconds that is not negative."""

    name = "SECONDS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Check it."""
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number < 1e9:  # what is no number is neither
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return number


class JsonOrFile(click.ParamType[Any]):
    """JSON on the command line, or ``@FILE`` that holds it."""

    name = "JSON|@FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it."""
        text = str(value)
        if text.startswith("@"):
            path = Path(text[1:])
            try:
                data = path.read_bytes()
            except (OSError, ValueError) as error:
                self.fail(f"{path}: {getattr(error, 'strerror', error)}", param, ctx)
        else:
            data = text.encode(errors="surrogateescape")
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.fail(f"{text[:60]}: {error}", param, ctx)
        except RecursionError:
            self.fail(f"{text[:60]}: the JSON is nested too deeply", param, ctx)


class Named(click.ParamType[tuple[str, str]]):
    """``NAME=VALUE``; what is meant by the two is said by ``what``, such as ``HOST=URL``."""

    def __init__(self, what: str = "NAME=VALUE") -> None:
        self.name = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split it; the value is not shown, for it may be a secret."""
        if isinstance(value, tuple):
            return value
        name, equals, rest = str(value).partition("=")
        if not name or not equals:
            self.fail(f"{name!r} is no {self.name}", param, ctx)
        return name, rest


JSON = JsonOrFile()
ADDRESS = Address()
FILE = click.Path(exists=True, dir_okay=False)

catalog_url = click.option("--catalog", type=Url(), envvar="EVENWEAVE_CATALOG", help="Where the Catalog listens.")
store_url = click.option(
    "--store",
    type=StoreUrl(),
    envvar="EVENWEAVE_STORE",
    default="",
    metavar="URL",
    help="Where instances are: postgresql://...; without it in the data folder.",
)
engine_url = click.option("--engine", type=Url(), envvar="EVENWEAVE_ENGINE", help="Where the Workflow Engine listens.")
runtime_url = click.option("--runtime", type=Url(), envvar="EVENWEAVE_RUNTIME", help="Where the Runtime listens.")
by_profile = click.option(
    "--profile",
    type=click.Choice(["default", "sonataflow"]),
    envvar="EVENWEAVE_PROFILE",
    help="How definitions are read; by default as each says itself.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def functions(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of a command that makes calls to functions."""
    function = click.option(
        "--function",
        "functions",
        type=Named("NAME=MODULE:CALLABLE"),
        multiple=True,
        help="A Python callable for the custom or rpc function of that name.",
    )
    resolve = click.option(
        "--resolve",
        type=Named("HOST=URL"),
        multiple=True,
        help="Send requests to HOST (or HOST:PORT) to URL; localhost also serves documents that name no host.",
    )
    secrets = click.option("--secrets", type=FILE, metavar="FILE", help="A JSON object with secrets by name.")
    return function(resolve(secrets(command)))


def data_folder(
    text: str = "The folder that holds everything.", *, exists: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--data`: the folder of the data files."""
    return click.option(
        "--data",
        type=click.Path(exists=exists, file_okay=False, path_type=Path),
        envvar="EVENWEAVE_DATA",
        default=".evenweave",
        show_default=True,
        help=text,
    )


def read_functions(given: tuple[tuple[str, str], ...]) -> dict[str, Callable[..., Any]]:
    """The callables of `--function`."""
    from evenweave.app import find_callable  # noqa: PLC0415 - most commands run without it

    try:
        return {name: find_callable(written) for name, written in given}
    except EvenweaveError as error:
        raise click.BadParameter(str(error), param_hint="--function") from None


def read_resolve(given: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """The egress map of `--resolve`."""
    url = Url()
    return {host.lower(): url.convert(written, None, None) for host, written in given}
