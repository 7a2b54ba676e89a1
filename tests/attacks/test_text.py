"""Text that we render: what was written to mention, link, break out or command does nothing in our words."""

import re
from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.markdown import command_lines
from bot.simulator.repositories import Annotation, Comment
from tests.scenarios.stage import OSS, Stage

MENTIONS = (
    *(
        "@acme/release-team",
        "@ada",
        "&#64;ada",
        "&commat;ada",
        "&#x40;ada",
        "\u200b@ada",
        "@\u200bada",
        "＠ada",
    ),
    *(
        "(@ada)",
        "*@ada*",
        "\\@ada",
        "`@ada",
        "[x]: @ada",
        "a\u2028@ada",
        "\u202eada@",
        "@ada.",
        "<b>@ada</b>",
    ),
)
BREAKOUTS = (
    *(
        "```",
        "````\n",
        "~~~",
        "`",
        "-->",
        "<!-- release-bot:r-1 -->",
        "</details>",
        "</summary>",
        "<details open>",
    ),
    *(
        "| a | b |\n| - | - |",
        "||||",
        "\\|",
        "![x](https://evil.example/beacon.png)",
        "[x](https://evil.example)",
    ),
    *(
        "https://evil.example/y",
        "www.evil.example",
        "#1",
        "acme/widget#1",
        "GH-1",
        "0123456789abcdef0123",
        ":tada:",
    ),
    *(
        '<img src="https://evil.example">',
        "<script>alert(1)</script>",
        "$x^2$",
        "\n# Head",
        "\n- [ ] task",
        "***",
    ),
    *(
        "\x1b[31m",
        "\r\n",
        "\u202e",
        "\x00",
        "### 🟢 release 1.0.3: released",
        "| open | ✅ passed | – | – | – |",
    ),
)
COMMANDS = (
    *(
        "/release 1.0.4",
        "\n/release cancel\n",
        "\r/release 1.0.4\r",
        "  /release skip build",
        "\n/deploy now\n",
    ),
    *(
        "\n\n/merge\n\n",
        "\u2028/release 1.0.4\u2028",
        "\x0b/release 1.0.4",
        "-->\n/release 1.0.4",
        "```\n/release 1.0.4",
    ),
)
TEXTS = {"mentions": MENTIONS, "breakouts": BREAKOUTS, "commands": COMMANDS}
_GITHUB = MarkdownIt("gfm-like", {"linkify": False}).enable(["table", "strikethrough"])
HTML = {
    "<details><summary>Last lines of the log</summary>",
    "</details>",
    "<br>",
}
"""What our own form has."""


async def _hostile_day(stage: Stage, texts: tuple[str, ...]) -> list[str]:
    """Everything that others may name or write says something hostile; all that the bot wrote on that day."""
    line = " ".join(text.replace("\n", " ") for text in texts)
    quoted = line.replace("\\", "\\\\").replace('"', '\\"')
    safe = "".join(letter if letter.isprintable() else " " for letter in quoted)
    stage.pipeline(f"""\
pipelines:
  release:
    about: "{safe[:400]}"
    steps:
      go: {{approval: "{safe[:400]}"}}
      build: {{needs: go, repo: {OSS}, dispatch: build.yml, inputs: {{version: "{{{{ version }}}}"}}}}
      images: {{needs: go, repo: {OSS}, dispatch: release-docker.yml}}
""")
    log = "\n".join((*texts, f"##[error]{line}"))
    build = stage.oss.workflows["build.yml"]
    build.run_name = f"{line} {{version}}"
    build.on_run().jobs(*texts).job(texts[0]).fails(log=log, annotations=tuple(map(Annotation, texts)))
    stage.world.trouble.answers("POST", "release-docker.yml/dispatches$", 422, line, times=None)
    await stage.opens()
    await stage.says("/release 1.0.3 --dry-run")
    await stage.says("/release 1.0.3")
    await stage.says("/release help")
    await stage.says("/release approve")
    await stage.passes(minutes=15)
    assert stage.step("build") == stage.step("images") == "needs attention"
    await stage.says("/release status")
    for text in texts:
        await stage.says(f"/release skip {text}")
    await stage.passes(minutes=5)
    return list(_bodies(stage))


def _bodies(stage: Stage) -> Iterator[str]:
    for comment in stage.world.comments_of_bot():
        yield from (*comment.history, comment.body)
    for check in stage.oss.check_runs.values():
        if check.app is stage.world.app:
            yield check.summary or ""


def _tokens(body: str) -> list[Token]:
    found = _GITHUB.parse(body)
    return [inner for token in found for inner in (token, *(token.children or ()))]


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
async def test_attack_43_44_and_46_hostile_text_mentions_nobody_breaks_nothing_and_commands_nothing(
    stage: Stage, texts: tuple[str, ...]
) -> None:
    bodies = await _hostile_day(stage, texts)

    tokens = [token for body in bodies for token in _tokens(body)]
    assert _mentioned(tokens) == {"@maya"}
    assert _foreign_html(tokens) <= HTML
    assert _links(tokens) <= {f"{stage.world.urls.web}/{OSS}"}
    assert not [token for token in tokens if token.type == "image"]
    assert _made_more_of(tokens) == []
    assert [body for body in bodies if not _has_our_form(body)] == []
    assert [line for body in bodies for line in body.splitlines() if re.match(r"\s*/", line)] == []
    assert [lines for body in bodies if (lines := command_lines(body))] == []
    assert [status.state for status in stage.statuses()] == ["needs attention"]
    assert set(stage.status().steps) == {"go", "build", "images"}


def _mentioned(tokens: list[Token]) -> set[str]:
    loose = (token.content for token in tokens if token.type in {"text", "text_special"})
    return {found for text in loose for found in re.findall(r"[@＠]\S*", text)}


def _foreign_html(tokens: list[Token]) -> set[str]:
    ours = re.compile(r"<!-- (?:release-bot:r\w{12}|post [0-9a-f]{16}) -->")
    html = {token.content.strip() for token in tokens if token.type in {"html_block", "html_inline"}}
    return {piece for piece in html if not ours.fullmatch(piece)}


def _links(tokens: list[Token]) -> set[str]:
    """The repositories that links lead to."""
    links = (str(token.attrs["href"]) for token in tokens if token.type == "link_open")
    return {"/".join(link.split("/")[:5]) for link in links}


def _made_more_of(tokens: list[Token]) -> list[str]:
    """Words outside of code and of our own links that GitHub would turn into links, icons or formulas."""
    loose, in_link = [], 0
    for token in tokens:
        in_link += token.nesting if token.type.startswith("link_") else 0
        loose += [token.content] if token.type == "text" and not in_link else []
    return re.findall(r"#\d|GH-\d|://|www\.|:tada:|\$x|[0-9a-f]{20}", " ".join(loose))


def _has_our_form(body: str) -> bool:
    """Folds are closed, headline and marker are those of a status comment or of none, and nothing is invisible."""
    is_status = int(body.startswith("### "))
    return (
        body.count("<details>") == body.count("</details>")
        and body.count("<!-- release-bot:") == is_status
        and sum(token.type == "heading_open" for token in _GITHUB.parse(body)) == is_status
        and all(line.isprintable() for line in body.split("\n"))
    )


async def test_attack_46_two_bots_that_repeat_each_other_do_not_talk_for_ever(stage: Stage) -> None:
    """One that answers with what it reads, and a person who does the same."""
    await _hostile_day(stage, COMMANDS)
    ours, sent = len(stage.said()), len(stage.dispatches())
    echo = stage.world.account("echo[bot]", kind="Bot")
    stage.world.give_role(echo.login, "admin")
    copies: list[Comment] = []
    for comment in stage.world.comments_of_bot(stage.oss):
        copies.append(await stage.says(comment.body, by=echo.login))
        copies.append(await stage.says(comment.body, by="maya"))
    await stage.passes(minutes=10)

    assert [copy.body for copy in copies if stage.reactions(copy)] == []
    assert len(stage.said()) == ours
    assert len(stage.dispatches()) == sent
