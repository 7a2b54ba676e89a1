"""The log: one event is one line, on standard error, and no line shows a secret.

Everything passes the same gate, whoever logs it: our own structlog loggers, the libraries' standard loggers
and Python's warnings. The gate blanks secrets in every value, then the line is rendered as JSON or for a
terminal; both escape control characters, so that a job named "x\\r\\nINFO forged" cannot forge a line.
Exceptions are one field with type, message and the innermost frames; a traceback never reaches the log.
"""

import json
import logging
import math
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence, Set
from datetime import date, timedelta
from pathlib import PurePath
from traceback import walk_tb
from types import TracebackType
from typing import Literal, TextIO, TypeAlias

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Format: TypeAlias = Literal["auto", "json", "console"]
Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"

BLANK = "[redacted]"
_TEXT_LIMIT = 8_000
_ITEM_LIMIT = 50
_DEPTH_LIMIT = 5
_FRAME_LIMIT = 8
_SHORTEST_SECRET = 4

# Token shapes: https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats
# Lengths are not assumed: installation tokens have become longer, and hold dots, before.
_TOKENS = re.compile(
    r"-----BEGIN [^-]{0,80}-----.*?(?:-----END [^-]{0,80}-----|\Z)"
    r"|(?:gh[oprsu]|github_pat)_[\w.\-]+"
    r"|eyJ[\w\-]{5,}(?:\.[\w\-]*)*",
    re.DOTALL | re.ASCII,
)
_BEARER = re.compile(r"(\bbearer\s+)[^\s\"',;]+", re.IGNORECASE)
_AUTHORIZATION = re.compile(
    r"(\bauthorization[\"']?\s*[:=]\s*[\"']?(?:(?:basic|bearer|token)\s+)?)[^\s\"',;]+", re.IGNORECASE
)
_PASSWORD_IN_URL = re.compile(r"(://[^\s/:@]*:)[^\s/@]+(?=@)")
_SECRET_KEY = re.compile(r"authorization|cookie|password|private[_-]?key|secret|token", re.IGNORECASE)
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):?")

_secrets: set[str] = set()


def redact(secret: str | bytes) -> None:
    """From now on `secret` is blanked in every line. Under 4 characters it would blank words: ignored."""
    text = secret.decode("utf-8", "replace") if isinstance(secret, bytes) else secret
    if len(text) >= _SHORTEST_SECRET:
        _secrets.add(text)


def scrub(text: str) -> str:
    """The text with its secrets blanked: registered ones, and what looks like a token, key or password."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, BLANK)
    text = _TOKENS.sub(BLANK, text)
    text = _AUTHORIZATION.sub(rf"\1{BLANK}", text)
    text = _BEARER.sub(rf"\1{BLANK}", text)
    text = _PASSWORD_IN_URL.sub(rf"\1{BLANK}", text)
    return _TRACEBACK.sub("stack:", text)


def configure(level: Level, log_format: Format, *, stream: TextIO | None = None) -> None:
    """Send every log of the process to `stream` (standard error by default). May be called again."""
    stream = sys.stderr if stream is None else stream
    on_terminal = stream.isatty()
    render: Processor
    match log_format:
        case "json":
            render = _render_json
        case "console":
            render = ConsoleLine(colours=on_terminal and "NO_COLOR" not in os.environ)
        case "auto":
            return configure(level, "console" if on_terminal else "json", stream=stream)
    handler = _LineHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.contextvars.merge_contextvars],
            processors=[
                _describe,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _clean,
                render,
            ],
        )
    )
    _route_standard_loggers(level, handler)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return None


def log_uncaught() -> None:
    """Exceptions that nobody catches, in any thread, become a log line. Only for a process of our own."""
    log = logging.getLogger("bot")

    def in_main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, Exception):
            log.critical("the program ends: nobody caught this", exc_info=(kind, error, trace))

    def in_thread(args: threading.ExceptHookArgs) -> None:
        log.error("a thread ended: nobody caught this", exc_info=args.exc_value)

    sys.excepthook = in_main
    threading.excepthook = in_thread
    sys.unraisablehook = lambda args: log.error("an error that could not be raised", exc_info=args.exc_value)


def _route_standard_loggers(level: Level, handler: logging.Handler) -> None:
    """Libraries only warn: at debug level aiosqlite would log statements with their values."""
    number = logging.getLevelNamesMapping()[level.upper()]
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old, _LineHandler):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(number, logging.WARNING))
    logging.getLogger("bot").setLevel(number)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi"):
        server = logging.getLogger(name)
        server.handlers.clear()
        server.propagate = True
        server.setLevel(max(number, logging.INFO))
    access = logging.getLogger("uvicorn.access")  # the door and the metrics say more
    access.handlers.clear()
    access.propagate = False
    logging.captureWarnings(capture=True)


class _LineHandler(logging.StreamHandler[TextIO]):
    """Writes one line per record; a record that cannot be written becomes a line that says so."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """The standard one prints a traceback."""
        kind = sys.exc_info()[0]
        line = {
            "level": "error",
            "event": "a log line could not be written",
            "logger": str(record.name),
            "error": kind.__name__ if kind else "unknown",
        }
        try:
            self.stream.write(json.dumps(line) + self.terminator)
        except (OSError, ValueError):  # nobody reads any more; the work goes on
            return


def _describe(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Time, level and logger first; exceptions become a field."""
    record: logging.LogRecord = event["_record"]
    exc_info = event.pop("exc_info", None)
    event.pop("stack_info", None)
    rest = {key: value for key, value in event.items() if key != "event"}
    described: EventDict = {
        "time": structlog.processors.TimeStamper(fmt="iso", utc=True)(None, method, {})["timestamp"],
        "level": record.levelname.lower(),
        "event": event.get("event"),
        "logger": record.name,
        **rest,
    }
    if error := _error_of(exc_info):
        described["error" if "error" not in rest else "exception"] = error
    return described


def _error_of(exc_info: object) -> BaseException | None:
    match exc_info:
        case BaseException():
            return exc_info
        case (_, BaseException() as error, _):
            return error
        case True:
            return sys.exc_info()[1]
        case _:
            return None


def _clean(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return _items(event, 0)


def _items(mapping: Mapping[object, object] | EventDict, depth: int) -> dict[str, Plain]:
    cleaned: dict[str, Plain] = {}
    for key, value in list(mapping.items())[:_ITEM_LIMIT]:
        name = _text(_worded(key))
        cleaned[name] = BLANK if _SECRET_KEY.fullmatch(name) else plain(value, depth + 1)
    return cleaned


def plain(value: object, depth: int = 0) -> Plain:
    """Any value as JSON can hold it: secrets blanked, long and deep parts cut."""
    match value:
        case None | bool():
            return value
        case int():
            return value if -(2**63) <= value < 2**64 else "a huge number"
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return _text(value)
        case bytes() | bytearray():
            return _text(bytes(value[: 4 * _TEXT_LIMIT]).decode("utf-8", "replace"))
        case BaseException():
            return describe_error(value)
        case date() | timedelta() | PurePath():
            return _text(str(value))
        case Mapping() | Sequence() | Set() if depth >= _DEPTH_LIMIT:
            return "…"
        case Mapping():
            return _items(value, depth)
        case Sequence() | Set():
            return [plain(item, depth + 1) for item in list(value)[:_ITEM_LIMIT]]
        case _:
            return _text(_worded(value))


def describe_error(error: BaseException, depth: int = 0) -> dict[str, Plain]:
    """Type, message and the innermost frames (`file:line function`), with its causes down to three."""
    frames = deque(walk_tb(error.__traceback__), maxlen=_FRAME_LIMIT)
    described: dict[str, Plain] = {
        "type": type(error).__name__,
        "message": _text(_worded(error)),
        "frames": [
            f"{_short(frame.f_code.co_filename)}:{line} {frame.f_code.co_name}" for frame, line in frames
        ],
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and depth < 3:
        described["because"] = describe_error(cause, depth + 1)
    if isinstance(error, BaseExceptionGroup) and depth < 3:
        described["errors"] = [describe_error(one, depth + 1) for one in error.exceptions[:5]]
    return described


def _short(file_name: str) -> str:
    return "/".join(PurePath(file_name).parts[-3:]).lstrip("/")


def _worded(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # whatever a foreign __str__ does, the line is written
        return f"<{type(value).__name__}: its text raised {type(error).__name__}>"


def _text(text: str) -> str:
    """Blank first, cut then: a token cut in half would no longer be known."""
    text = scrub(text[: 8 * _TEXT_LIMIT])
    return text if len(text) <= _TEXT_LIMIT else text[:_TEXT_LIMIT] + "…"


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """ASCII only: line separators, bidirectional marks and escapes stay visible and harmless."""
    return json.dumps(event).replace("\x7f", "\\u007f")


class ConsoleLine:
    """`TIME LEVEL EVENT key=value … [logger]`. structlog's own renderer lets escapes and newlines through."""

    _COLOURS: Mapping[str, str] = {
        "debug": "2",
        "info": "32",
        "warning": "33",
        "error": "31",
        "critical": "31;1",
    }

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> str:
        """Render a cleaned event."""
        level = str(event.pop("level", ""))
        time, what, logger = (_visible(event.pop(key, "")) for key in ("time", "event", "logger"))
        words = [
            self._paint("2", time),
            self._paint(self._COLOURS.get(level, "0"), f"{_visible(level):<8}"),
            self._paint("1", what),
            *(f"{self._paint('36', _visible(key))}={_quoted(value)}" for key, value in event.items()),
            self._paint("2", f"[{logger}]"),
        ]
        return " ".join(words)

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colours else text


def _visible(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _quoted(value: object) -> str:
    text = _visible(value)
    if isinstance(value, str) and re.search(r"[\s\"'=]", text):
        return '"' + text.replace('"', '\\"') + '"'
    return text
