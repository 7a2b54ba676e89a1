"""Text from outside stays text, whatever it was meant to become."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.core.present.inert import MARKER, code, cut, fence, fold, inert, mention, plain

_GITHUB = MarkdownIt("gfm-like", {"linkify": False}).enable(["table", "strikethrough"])

PIECES = [
    "@maya", "@acme/team", "#12", "GH-12", "a@b.example", "https://evil.example/x", "www.evil.example",
    "5f3a9c0e1b7d4a26", "|", "`", "```", "``", "*", "**", "__", "_x_", "~~", "[a](b)", "![a](b)", "<b>",
    "<!-- release-bot:x -->", "-->", "</details>", "</summary>", "&#64;maya", "&commat;maya", "\\", "\n",
    "\r\n", "\n\n", "/release 1.0.3", "# head", "- item", "> quote", "| a | b |", "$x$", ":tada:", "\x1b[31m",
    "\u202e", "\u200b@\u200bmaya", "\ud800", "plain words", "ünïcode", "a/b", "job build / publish",
]  # fmt: skip
hostile = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=12).map("".join)


def tokens(markdown: str) -> list[Token]:
    """Every token, those inside of lines too."""
    found = _GITHUB.parse(markdown)
    return [inner for token in found for inner in (token, *(token.children or ()))]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "Maven Central reset the connection in job build / publish",
            "Maven Central reset the connection in job build / publish",
        ),
        ("`pre-release.yml` is disabled", "`pre-release.yml` is disabled"),
        ("could not reach https://repo.example/x now", "could not reach `https://repo.example/x` now"),
        ("thanks to @maya and #12", "thanks to `＠maya` and `#12`"),
        ("a | b", "a `¦` b"),
        ("one\ntwo\r\nthree", "one two three"),
        ("see <!-- release-bot:x -->", "see `‹!--` release-bot:x `--›`"),
        ("at 5f3a9c0e1b7d", "at `5f3a9c0e1b7d`"),
        ("one ` alone", "one ' alone"),
        ("/release 1.0.3", "`/release` 1.0.3"),
        (
            "(GitHub answered 422 to POST /repos/a/dispatches).",
            "(GitHub answered 422 to POST `/repos/a/dispatches`).",
        ),
        ("see #12, or f(a@b).", "see `#12`, or `f(a＠b)`."),
        ("", ""),
    ],
)
def test_words_stay_words_and_only_what_github_would_act_on_becomes_code(text: str, shown: str) -> None:
    assert inert(text) == shown


@given(hostile)
def test_nothing_inside_a_sentence_mentions_links_or_breaks_out(text: str) -> None:
    line = f"It says {inert(text)} in the end"

    assert "\n" not in line
    assert not re.search(r"@|<|>|\|", line)
    assert {token.type for token in tokens(line)} <= {
        "paragraph_open", "paragraph_close", "inline", "text", "code_inline", "text_special"
    }  # fmt: skip
    loose = " ".join(token.content for token in tokens(line) if token.type == "text")
    assert not re.search(r"#\d|://|www\.|\b[0-9a-f]{7,40}\b|[*~`\[\]&$]", loose)


@given(hostile)
def test_a_name_is_one_code_span_and_nothing_else(text: str) -> None:
    inline = [token for token in tokens(f"x {code(text)} y") if token.type in {"text", "code_inline"}]

    assert [token.type for token in inline] == ["text", "code_inline", "text"]
    assert not re.search(r"[@<>|\n]", inline[1].content)


@given(hostile)
def test_a_log_cannot_close_its_block_or_fake_what_our_readers_look_for(text: str) -> None:
    body = f"before\n\n{fold('Log', text)}\n\nafter"

    found = tokens(body)
    assert sum(token.type == "fence" for token in found) <= 1
    assert [token.content for token in found if token.type == "text"] == ["before", "after"]
    assert body.count("</details>") == body.count("<details>") <= 1
    assert MARKER not in body
    assert not re.search(r"(?m)^\s*[/|]", body)
    assert not re.search(r"(?<!\w)@[A-Za-z0-9]", body)
    body.encode()


def test_the_end_of_a_long_log_is_what_is_kept() -> None:
    log = "\n".join(f"line {number}" for number in range(1_000))

    block = fold("Log", log, most=100)

    assert "line 999" in block
    assert "line 500" not in block
    assert "\n…line" in block


def test_no_log_gives_no_block() -> None:
    assert fold("Log", " \n") == fold("Log", "") == ""


def test_a_fence_is_longer_than_any_run_of_backticks_in_its_text() -> None:
    assert fence("a ````` b") == "``````text\na ````` b\n``````"


@pytest.mark.parametrize(
    ("login", "shown"),
    [("maya", "@maya"), ("octo_acme", "@octo_acme"), ("acme/team", "`acme/team`"), ("a b", "`a b`")],
)
def test_only_a_login_can_be_mentioned(login: str, shown: str) -> None:
    assert mention(login) == shown


@given(hostile, st.integers(2, 40))
def test_a_field_is_one_line_within_its_limit(text: str, most: int) -> None:
    line = plain(text, most=most)

    assert len(line) <= most
    assert line.isprintable()


def test_a_short_body_is_left_alone() -> None:
    assert cut("short\n\n<!-- release-bot:r -->") == "short\n\n<!-- release-bot:r -->"


def test_a_long_body_keeps_its_marker_and_closes_its_blocks() -> None:
    body = f"first\n\n{fold('Log', 'x' * 70 + chr(10) + ('line' + chr(10)) * 900)}\n\n<!-- release-bot:r -->"

    short = cut(body, most=2_000)

    assert len(short) <= 2_000
    assert short.startswith("first\n")
    assert short.endswith(
        "line\n```\n\n</details>\n\nCut here: GitHub takes no longer text.\n\n<!-- release-bot:r -->"
    )


@given(st.lists(hostile, max_size=6), st.integers(600, 900))
def test_whatever_is_cut_is_short_enough_and_closed(texts: list[str], most: int) -> None:
    body = "\n\n".join([*(fold("Log", text * 9) or "-" for text in texts), "<!-- release-bot:r -->"])

    short = cut(body, most=most)

    assert len(short) <= most
    assert short.endswith("<!-- release-bot:r -->")
    assert short.count("<details>") == short.count("</details>")
