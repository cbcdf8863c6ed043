"""Profiles: how forgiving the reading of a definition is.

`default` is the specification, with what its own text and samples allow. `sonataflow` is for files that ran on
SonataFlow, which read more than the specification allows, and some of it otherwise; whatever is taken in another way
than it is written is a warning with a code of its own (SW4xx).
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, cast, get_args

import msgspec

from evenweave import source
from evenweave.definitions.swf08.node import Node
from evenweave.definitions.swf08.reader import Reader
from evenweave.definitions.swf08.resources import EventDef, FunctionDef
from evenweave.definitions.swf08.states import StateNode
from evenweave.source import Document, closest

Profile = Literal["default", "sonataflow"]

PROFILES: Final[tuple[Profile, ...]] = get_args(Profile)

PROFILE: Final = "x-evenweave-profile"
"""The property by which a definition names its profile itself; a registered one always does, if it has one."""

_REST: Final = "rest:"
_METHODS: Final = ("get", "put", "post", "delete", "patch", "head", "options")


def choose(written: Any, asked: Profile | None) -> Profile:
    """Say which profile a document is read by: the one that was asked for, else the one that it names itself."""
    own = written.get(PROFILE) if isinstance(written, dict) else None
    return asked or (cast("Profile", own) if own in PROFILES else "default")


def check_name(reader: Reader, written: Any) -> None:
    """Report a profile that does not exist."""
    own = written.get(PROFILE, "default") if isinstance(written, dict) else "default"
    if own not in PROFILES:
        guess = closest(own, PROFILES) if isinstance(own, str) else None
        hint = f'did you mean "{guess}"?' if guess else f"there are {' and '.join(PROFILES)}"
        reader.report("SW400", f"/{PROFILE}", "there is no such profile", hint)


def name_profile(document: Document, profile: Profile) -> bytes:
    """Return the text of a definition with its profile in it, so that it is read by it wherever it is read.

    The lines of the text stay where they are, as far as the notation allows.
    """
    value = {**document.value, PROFILE: profile}
    end = document.text.rstrip()
    for text in (f'{end}\n{PROFILE}: "{profile}"\n', f'{end[:-1].rstrip()},\n"{PROFILE}": "{profile}"}}\n'):
        read = source.load(document.name, text).document
        if PROFILE not in document.value and read is not None and read.value == value:
            return text.encode()
    return msgspec.json.encode(value)


def adapt(cls: type[Node], reader: Reader, value: dict[str, Any], ref: str) -> dict[str, Any]:
    """Bring an object as SonataFlow takes it to the form of the specification; a copy where something changes."""
    if cls is FunctionDef:
        return _adapt_function(reader, value, ref)
    if cls is EventDef:
        return _adapt_event(reader, value, ref)
    if issubclass(cls, StateNode):
        _check_metadata(reader, value, ref)
    if not ref:
        value = _adapt_workflow(reader, value)
    return value


def _adapt_workflow(reader: Reader, value: dict[str, Any]) -> dict[str, Any]:
    """Fill in the version of the language, and point at extensions."""
    for index, extension in enumerate(value["extensions"] if isinstance(value.get("extensions"), list) else ()):
        name = extension.get("extensionid") if isinstance(extension, dict) else None
        message = f"the extension{f' {name}' if isinstance(name, str) else ''} has no effect here"
        reader.report("SW412", f"/extensions/{index}", message, "SonataFlow may act on it")
    if "specVersion" in value:
        return value
    reader.report("SW401", "", "no specVersion: read as 0.8", "add \"specVersion: '0.8'\"", key=True)
    return {**value, "specVersion": "0.8"}


def _adapt_event(reader: Reader, value: dict[str, Any], ref: str) -> dict[str, Any]:
    """Let a consumed event have any source, for SonataFlow compares types only."""
    if value.get("kind") == "produced" or value.get("type") == "asyncapi" or value.get("source") == "":
        return value
    if "source" in value:
        hint = "write \"source: ''\"" if isinstance(value["source"], str) else ""
        reader.report("SW407", f"{ref}/source", "any source fits: SonataFlow compares the type only", hint)
    else:
        message = "no source: any fits, for SonataFlow compares the type only"
        reader.report("SW407", ref, message, "add \"source: ''\"", key=True)
    return {**value, "source": ""}


def _adapt_function(reader: Reader, value: dict[str, Any], ref: str) -> dict[str, Any]:
    """Read `custom` with `rest:METHOD:URL` as the short form of a REST function."""
    operation = value.get("operation")
    if value.get("type") != "custom" or not isinstance(operation, str) or not operation.startswith(_REST):
        return value
    method, colon, url = operation[len(_REST) :].partition(":")
    call = f"{method.lower()}:{url}" if colon and method.lower() in _METHODS else f"post:{operation[len(_REST) :]}"
    reader.report("SW410", f"{ref}/operation", "a custom function that calls REST", f'write "type: rest", "{call}"')
    return {**value, "type": "rest", "operation": call}


def _check_metadata(reader: Reader, value: Mapping[str, Any], ref: str) -> None:
    """Point at metadata that SonataFlow acts on; the specification says that metadata never affects execution."""
    metadata = value.get("metadata")
    if isinstance(metadata, dict) and "errorMessage" in metadata:
        message = "errorMessage in metadata has no effect here; SonataFlow ends the instance with this error"
        reader.report("SW411", f"{ref}/metadata/errorMessage", message, "let the state end with an error of an action")
