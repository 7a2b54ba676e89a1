"""The log: one event, one line, no secret; whoever logs it."""

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.log import BLANK, Format, Level, configure, log_uncaught, redact, scrub

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOjF9.c2lnbmF0dXJl"


class Written(io.StringIO):
    """What was logged; `terminal` pretends to be one."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    @property
    def lines(self) -> list[str]:
        return self.getvalue().split("\n")[:-1]

    @property
    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.lines]


Start = Callable[..., Written]


@pytest.fixture
def start() -> Iterator[Start]:
    """Configures the log, and puts the process back as it was."""
    root, levels = logging.getLogger(), {}
    for name in ("", "bot", "uvicorn", "uvicorn.error", "uvicorn.asgi"):
        levels[name] = logging.getLogger(name).level
    propagated = logging.getLogger("uvicorn.access").propagate

    def start(log_format: Format = "json", level: Level = "info", *, terminal: bool = False) -> Written:
        root.handlers.clear()  # the test runner's own; they choke on what is logged here
        written = Written(terminal=terminal)
        configure(level, log_format, stream=written)
        return written

    yield start
    root.handlers.clear()
    for name, number in levels.items():
        logging.getLogger(name).setLevel(number)
    logging.getLogger("uvicorn.access").propagate = propagated
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def log() -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("bot.test")
    return logger


def test_an_event_is_one_json_object_with_time_level_and_logger(start: Start) -> None:
    written = start()

    log().info("started", release="r1", step="oss")

    (event,) = written.events
    assert str(event.pop("time")).endswith("Z")
    assert event == {
        "level": "info",
        "event": "started",
        "logger": "bot.test",
        "release": "r1",
        "step": "oss",
    }


def test_what_is_bound_to_the_context_is_on_every_line_libraries_included(start: Start) -> None:
    written = start()

    with structlog.contextvars.bound_contextvars(delivery="d-1"):
        log().info("ours")
        logging.getLogger("asyncio").warning("theirs")

    assert [event["delivery"] for event in written.events] == ["d-1", "d-1"]


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(
    "evil",
    [
        'evil\r\nINFO forged\x1b[31m {"level": "forged"}',
        "next\x85line",
        "sep\u2028ara\u2029tor",
        "nul\0 bell\a del\x7f csi\x9b31m",
        "bidi \u202e mark",
        "\ud800",
    ],
)
def test_attack_45_control_characters_stay_inside_their_line(
    start: Start, log_format: Format, evil: str
) -> None:
    written = start(log_format)

    log().info(evil, job=evil, nested={evil: [evil]}, exception=evil, stack=evil)
    logging.getLogger("httpx").warning("%s", evil)

    assert len(written.getvalue().splitlines()) == 2
    assert all(line.isprintable() for line in written.lines)


SECRETS = [
    "ghs_abc.DEF-123_x",
    "ghp_" + "a" * 36,
    "github_pat_11ABC_def",
    JWT,
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\\nMIIE",
    "Bearer xyz",
    "Authorization: token abcdef",
    "{'authorization': 'Basic abcdef'}",
    "postgresql://me:hunter2@db/bot",
    "registered secret",
]


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("secret", SECRETS)
def test_attack_42_a_secret_is_blank_wherever_it_stands(
    start: Start, log_format: Format, secret: str
) -> None:
    written = start(log_format)
    redact("registered secret")

    log().info(
        f"a {secret} b", text=secret, nested={secret: [(secret,)]}, raw=secret.encode(), error=OSError(secret)
    )
    logging.getLogger("httpx").warning("sent %s", secret)
    try:
        raise RuntimeError(secret) from ValueError(secret)
    except RuntimeError:
        log().exception("failed")

    hidden = ["ghs_", "ghp_", "github_pat_", "eyJ", "MIIE", "xyz", "abcdef", "hunter2", "registered secret"]
    assert len(written.lines) == 3
    assert [word for word in hidden if word in written.getvalue()] == []
    assert BLANK in written.getvalue()


def test_a_value_under_a_telling_name_is_blank(start: Start) -> None:
    written = start()

    log().info("sent", headers={"Authorization": "anything", "accept": "json"})

    assert written.events[0]["headers"] == {"Authorization": BLANK, "accept": "json"}


def test_an_exception_is_one_field_with_type_message_and_frames(start: Start) -> None:
    written = start()

    try:
        try:
            raise KeyError("run")
        except KeyError as error:
            raise ValueError("no run\nTraceback (most recent call last):\n") from error
    except ValueError:
        log().exception("could not read")

    (event,) = written.events
    told = event["error"]
    assert isinstance(told, dict)
    assert (told["type"], told["because"]["type"]) == ("ValueError", "KeyError")
    assert "test_log.py" in told["frames"][0]
    assert "Traceback" not in written.getvalue()


def test_exceptions_of_libraries_are_rendered_the_same_way(start: Start) -> None:
    written = start()

    try:
        raise ExceptionGroup("both", [OSError("one"), OSError("two")])
    except ExceptionGroup:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n", stack_info=True)

    (event,) = written.events
    told = event["error"]
    assert isinstance(told, dict)
    assert [one["message"] for one in told["errors"]] == ["one", "two"]
    assert "most recent call last" not in written.getvalue()


class Unspeakable:
    def __str__(self) -> str:
        raise OSError("no words")


@pytest.mark.parametrize(
    "value",
    [
        Unspeakable(),
        float("nan"),
        10**5000,
        b"\xff",
        {1: {2: {3: {4: {5: {6: 7}}}}}},
        {"a"},
        object,
        "x" * 10**6,
    ],
    ids=["unspeakable", "nan", "huge number", "bytes", "deep", "set", "type", "long"],
)
def test_any_value_can_be_logged_and_the_line_stays_short(start: Start, value: object) -> None:
    written = start()

    log().info("value", value=value)

    (line,) = written.lines
    assert json.loads(line, parse_constant=pytest.fail)["event"] == "value"
    assert len(line) < 10_000


def test_a_line_that_cannot_be_made_is_told_in_one_line(start: Start) -> None:
    written = start()

    logging.getLogger("asyncio").warning("%d", "no number")

    (event,) = written.events
    assert event["event"] == "a log line could not be written"


def test_warnings_of_python_are_lines_too(start: Start) -> None:
    written = start()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("soon\ngone", DeprecationWarning, stacklevel=1)

    (event,) = written.events
    assert (event["logger"], event["level"]) == ("py.warnings", "warning")


def test_libraries_say_only_what_matters_even_at_debug_level(start: Start) -> None:
    written = start(level="debug")

    log().debug("ours")
    logging.getLogger("aiosqlite").debug("executing INSERT with a private payload")
    logging.getLogger("httpx").info("HTTP Request: GET https://api.github.com/repos/acme/private")
    logging.getLogger("uvicorn.access").info("GET /healthz")
    logging.getLogger("uvicorn.error").info("Uvicorn running")

    assert [event["event"] for event in written.events] == ["ours", "Uvicorn running"]


def test_less_than_the_level_is_not_written(start: Start) -> None:
    written = start(level="error")

    log().warning("not this")
    log().error("this")

    assert [event["event"] for event in written.events] == ["this"]


def test_auto_is_for_people_on_a_terminal_and_json_elsewhere(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    on_terminal = start("auto", terminal=True)
    log().info("hello", job="a b")
    elsewhere = start("auto")
    log().info("hello")

    assert "\x1b[" in on_terminal.getvalue()
    assert "hello" in on_terminal.getvalue()
    assert elsewhere.events[0]["event"] == "hello"


def test_no_color_is_honoured_on_a_terminal(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    written = start("console", terminal=True)

    log().info("hello", job='a "b"')

    assert written.lines[0].endswith('info     hello job="a \\"b\\"" [bot.test]')


def test_configured_twice_a_line_is_written_once(start: Start) -> None:
    first, second = start(), start()

    log().info("hello")

    assert (len(first.lines), len(second.lines)) == (0, 1)


def test_what_nobody_caught_becomes_a_line(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    written = start()
    log_uncaught()

    sys.excepthook(ValueError, ValueError("boom"), None)
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()

    assert [event["level"] for event in written.events] == ["critical", "error"]
    assert "Traceback" not in written.getvalue()


@pytest.mark.parametrize(
    "text",
    ["released 1.0.3", "the bearer", "see https://github.com/acme/widget/issues/1@x"],
)
def test_plain_words_are_left_alone(text: str) -> None:
    assert scrub(text) == text


@given(
    before=st.text(max_size=20),
    token=st.text("abcXYZ019._-", min_size=6, max_size=300),
    after=st.text(max_size=20),
)
def test_attack_42_a_token_of_any_length_is_blanked_in_any_text(before: str, token: str, after: str) -> None:
    assert f"ghs_{token}" not in scrub(f"{before}ghs_{token} {after}")


@pytest.mark.parametrize("log_format", ["json", "console"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.text(min_size=1, max_size=10), value=st.text(st.characters(), max_size=50))
def test_any_text_is_one_line(start: Start, log_format: Format, key: str, value: str) -> None:
    written = start(log_format)

    logging.getLogger("bot.any").warning("%s", value)
    log().info("x", value={key: value})

    assert len(written.getvalue().splitlines()) == 2
