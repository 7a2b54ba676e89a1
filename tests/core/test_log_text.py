"""A raw log becomes plain text: readable, short, and without a secret."""

import re
from collections.abc import Callable, Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.log_text import MAX_LINE, TAIL_LINES, blank_secrets, clean_tail, numbered_tail
from tests.core.counting import calls_of

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiI0NzExIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
PEM = """-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEA0a1b2c3d
Qx4zZ0p1Yk9SWm5hYmNk==
-----END RSA PRIVATE KEY-----"""
STAMPED_PEM = "\n".join(f"2026-11-17T10:00:00.0000000Z   {line}" for line in PEM.split("\n"))
SECRETS = [
    "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "gho_16C7e42F292c6912E7710c838347Ae178B4a",
    f"ghs_4711_{JWT}",
    "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ012345",
    JWT,
    "AKIAIOSFODNN7EXAMPLE",
    "npm_abcdefghijklmnopqrstuvwxyz0123456789",
    "pypi-AgEIcHlwaS5vcmcCJDAwMDAwMDAw",
    "dckr_pat_abcdefghijklmnopqrstuvwx",
    "glpat-abcdefghijklmnopqrst",
]
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x1b\x9b"), max_size=20)


def cleaned(text: str) -> str:
    return clean_tail(text.encode())


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("2026-11-17T10:00:00.0000000Z hello\n2026-11-17T10:00:01.1234567Z   indented", "hello\n  indented"),
        ("\ufeff2026-11-17T10:00:00.0000000Z hello", "hello"),
        ("see 2026-11-17T10:00:00.0000000Z in the text", "see 2026-11-17T10:00:00.0000000Z in the text"),
        ("\x1b[36;1m./gradlew\x1b[0m publish", "./gradlew publish"),
        ("\x1b]8;;https://acme.example\x1b\\link\x1b]8;;\x1b\\ here", "link here"),
        ("\x1b]0;title\x07text", "text"),
        ("over\rwritten\r\nline", "over\nwritten\nline"),
        ("zero\u200bwidth and \u202ereordered", "zerowidth and reordered"),
        ("##[group]Fetching\n##[endgroup]\nmake: done", "make: done"),
        ("##[group]Run make\n##[endgroup]\nmake: done", "##[group]Run make\nmake: done"),
        (
            "##[group]Run make\nmake || echo failed\nshell: /usr/bin/bash -e {0}\n##[endgroup]\nmake: done",
            "##[group]Run make\nmake: done",
        ),
        ("##[group]Run tests\n1 failed\n##[endgroup]", "Run tests\n1 failed"),
        ("test\tRun make\t2026-11-17T10:00:00.0000000Z hello", "hello"),
        ("##[debug]evaluating\n##[error]failed", "##[error]failed"),
        ("\n\na\n\n\n\nb\n\n", "a\n\nb"),
        ("tab\tstays", "tab\tstays"),
    ],
)
def test_a_line_is_made_readable(raw: str, text: str) -> None:
    assert cleaned(raw) == text


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert clean_tail(b"caf\xe9 closed") == "caf\ufffd closed"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_what_windows_writes_is_text(encoding: str) -> None:
    assert clean_tail("zork\r\nfröb".encode(encoding)) == "zork\nfröb"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("most", [20, 21])
def test_what_windows_writes_is_text_wherever_it_is_cut(encoding: str, most: int) -> None:
    assert clean_tail("first line\nsecond\nthird".encode(encoding), max_bytes=most) == "third"


def test_lines_keep_the_numbers_they_have_in_the_log() -> None:
    raw = b"one\n\n\n##[debug]four\nfive\rfive too\r\nsix\n"

    assert [(line.number, line.text) for line in numbered_tail(raw)] == [
        (1, "one"),
        (2, ""),
        (5, "five"),
        (5, "five too"),
        (6, "six"),
    ]


def test_lines_of_a_cut_log_keep_their_numbers() -> None:
    tail = numbered_tail(b"nine\nten\neleven", first_line=9, max_bytes=9)

    assert [(line.number, line.text) for line in tail] == [(11, "eleven")]


def test_only_the_last_lines_are_kept() -> None:
    raw = "\n".join(f"line {number}" for number in range(1, 1001))

    assert clean_tail(raw.encode(), lines=3) == "line 998\nline 999\nline 1000"


def test_a_log_that_is_too_big_loses_its_beginning_and_the_line_that_was_cut() -> None:
    assert clean_tail(b"first line\nsecond line\nthird line", max_bytes=16) == "third line"


def test_a_long_line_is_cut_with_an_ellipsis() -> None:
    assert cleaned("x " * 1000) == ("x " * 1000)[: MAX_LINE - 1] + "…"


@pytest.mark.parametrize(
    "raw",
    [
        b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?><Error><Code>BlobNotFound</Code></Error>',
        b"<?xml version='1.0'?>\r\n<Error>\r\n  <Code>BlobNotFound</Code>\r\n</Error>",
        b"",
        b"\n\n",
    ],
)
def test_an_answer_that_there_is_no_log_is_no_log(raw: bytes) -> None:
    assert clean_tail(raw) == ""


def test_a_log_that_speaks_of_a_missing_blob_is_a_log() -> None:
    assert "BlobNotFound" in cleaned("uploading\n<Error><Code>BlobNotFound</Code></Error>")


@pytest.mark.parametrize(
    ("line", "blanked"),
    [
        ("Authorization: Bearer abc.def.ghi", "Authorization: ***"),
        ("> authorization: basic dXNlcjpwYXNz", "> authorization: ***"),
        ('{"Authorization": "token abc", "x": 1}', '{"Authorization": ***'),
        ("password=hunter2 host=db", "password=*** host=db"),
        ("DB_PASSWORD: 'hunter2 with blanks'", "DB_PASSWORD: ***"),
        ("mvn -Dgpg.passphrase=hunter2 deploy", "mvn -Dgpg.passphrase=*** deploy"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key = ***"),
        (
            "remote: https://x-access-token:abc123@github.com/acme/widget",
            "remote: https://***@github.com/acme/widget",
        ),
        ("https://ghs_abcdefghijkl@github.com/acme/widget", "https://***@github.com/acme/widget"),
        ("curl -H 'X-Api-Key: abc'", "curl -H 'X-Api-Key: ***"),
        ("key AKIAIOSFODNN7EXAMPLE used", "key *** used"),
        ("token=ghs_16C7e42F292c6912E7710c838347Ae178B4a;", "token=***;"),
    ],
)
def test_a_secret_is_blanked_and_the_rest_stays(line: str, blanked: str) -> None:
    assert blank_secrets(line) == blanked


@pytest.mark.parametrize(
    "line",
    [
        "> Could not PUT 'https://repo.example/maven2/core-1.0.3.jar'. Received status code 503 from server",
        "npm error code ECONNRESET",
        "##[error]Input required and not supplied: token",
        "java.lang.OutOfMemoryError: Java heap space",
        "io.acme.core.flow.FlowRunnerTest > shouldResumeAfterPause() FAILED",
        "npm_config_cache is set",
        "error obtaining token: 502 Bad Gateway",
        "basic authentication failed",
        "sha256:3b1f6a4e0c5d2b7a9e8f0d1c2b3a4f5e6d7c8b9a0f1e2d3c4b5a69788796a5b4",
    ],
)
def test_an_ordinary_line_stays_as_it_is(line: str) -> None:
    assert blank_secrets(line) == line


@pytest.mark.parametrize(
    "log",
    [
        f"before\n{PEM}\nafter",
        f"before\n{PEM.replace(chr(10), chr(92) + 'n')}\nafter",
        f"before\n{STAMPED_PEM}\nafter",
        f"{PEM.split(chr(10), 1)[1]}\nafter",
        f"before\n{PEM.rsplit(chr(10), 1)[0]}\n\nafter all",
        f"key: {PEM}\nafter",
    ],
    ids=["whole", "on one line", "stamped", "without its beginning", "without its end", "behind a word"],
)
def test_a_private_key_is_blanked_however_it_was_cut(log: str) -> None:
    text = cleaned(log)

    assert "***" in text
    assert "MII" not in text
    assert "Qx4z" not in text
    assert "after" in text


@pytest.mark.parametrize("secret", SECRETS)
@given(WORDS, WORDS, st.integers(min_value=0, max_value=40))
@example("https://x:", "@github.com", 0)
@example("\x1b[31m", "\x1b[0m", 1)
@example("\x1b[", "", 99)
@example("\x1b", "", 99)
@example("\x9b", "", 99)
def test_a_token_never_survives(secret: str, before: str, after: str, colour_at: int) -> None:
    """Also not when the terminal was told to change its colour in the middle of it."""
    painted = secret[:colour_at] + "\x1b[1m" + secret[colour_at:]

    text = cleaned(f"{before} {secret} {after}\n{before}={painted} {after}")

    assert secret[:30] not in text
    assert secret[-12:] not in text


@given(
    st.binary(max_size=2000),
    st.integers(min_value=-1, max_value=50),
    st.integers(min_value=-1, max_value=3000),
)
def test_any_bytes_become_plain_short_lines(raw: bytes, lines: int, max_bytes: int) -> None:
    text = clean_tail(raw, lines=lines, max_bytes=max_bytes)

    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
    assert len(text.splitlines()) <= max(lines, 0)
    assert all(len(line) <= MAX_LINE for line in text.split("\n"))


@given(
    st.lists(
        st.sampled_from(["\x1b[", "\x1b]", "\x1b", "[0m", "\x07", "\\", "0;31m", "\x9b", "x"]), max_size=40
    )
)
def test_no_heap_of_escapes_leaves_an_escape(pieces: list[str]) -> None:
    assert not set(cleaned("".join(pieces))) & {"\x1b", "\x9b", "\x07"}


@pytest.mark.parametrize(
    "beginning",
    [
        "a",
        "eyJ",
        "ghs_",
        "\x1b[",
        "\x1b]",
        "-----BEGIN ",
        "password=",
        "https://",
        "2026-11-17T",
        "Bearer ",
        "\r",
    ],
)
def test_a_log_made_to_take_for_ever_is_cleaned_at_once(beginning: str) -> None:
    line = (beginning * 200_000)[:200_000]

    assert len(cleaned("\n".join([line] * 20))) <= 20 * 200_000 + 19


HOSTILE: Mapping[str, Callable[[int], bytes]] = {
    "many lines": lambda size: b"x\n" * size,
    "one line": lambda size: b"x" * size,
    "carriage returns": lambda size: b"x\r" * size,
    "blank lines": lambda size: b"\n" * size,
    "broken escapes": lambda size: b"\x1b[\x1b]\x9b\n" * size,
    "no UTF-8": lambda size: b"\xff\xc3\xf0\x9f\n" * size,
    "groups without an end": lambda size: b"##[group]Run x\n" * size,
    "ends of keys": lambda size: b"AAAA\n" * (size - 1) + b"-----END KEY-----\n",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_log_twice_as_long_costs_no_more_than_twice_the_steps(kind: str) -> None:
    once, twice = (steps(HOSTILE[kind](size)) for size in (2_000, 4_000))

    assert twice <= 2.2 * once


@pytest.mark.parametrize("kind", HOSTILE)
def test_of_a_hundred_thousand_lines_only_the_end_is_shown(kind: str) -> None:
    text = clean_tail(HOSTILE[kind](100_000))

    assert text.count("\n") < TAIL_LINES
    assert len(text) <= TAIL_LINES * (MAX_LINE + 1)


def steps(raw: bytes) -> int:
    """How many functions are called while a log is cleaned."""
    return calls_of(lambda: numbered_tail(raw))
