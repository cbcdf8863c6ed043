"""Logs: for people where a terminal is, as JSON lines elsewhere; always on standard error.

A line is `level`, `timestamp`, `message`, and the ids of what it is about: `instance`, `definition`, `channel`, `event`
(the event's id). Neither the data of events nor that of instances is ever logged.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any, TextIO

import structlog

_NAMES = structlog.processors.EventRenamer("message", replace_by="event_id")


class Lines:
    """Writes lines to a stream; one that cannot be written is lost, for the log may lie on the disk that is full."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, message: str) -> None:
        """Write a line."""
        with contextlib.suppress(OSError, ValueError):  # ValueError: somebody closed the stream
            self._stream.write(message + "\n")
            self._stream.flush()

    log = debug = info = warn = warning = error = critical = exception = fatal = msg


class Forwarding(logging.Handler):
    """Lets what other parts say through the standard library come out in the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        structlog.get_logger().log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None
        )


def configure_logs(level: str = "info") -> None:
    """Set up logging for this process, from the level on."""
    terminal = sys.stderr.isatty()
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(event_key="message") if terminal else structlog.processors.JSONRenderer()
    )
    lines = Lines(sys.stderr)
    processors: list[structlog.types.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if not terminal:
        processors.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*processors, _rename, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: lines,
    )
    logging.basicConfig(handlers=[Forwarding()], level=logging.WARNING, force=True)


def _rename(logger: Any, method: str, fields: structlog.types.EventDict) -> structlog.types.EventDict:
    """What structlog calls the event is the message here; `event` is the id of an event, where the line has one."""
    return _NAMES(logger, method, fields)
