"""Comments as GitHub renders them: which lines can be commands, and which never are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.markdown import command_lines

COMMAND = "/release 1.0.3"


@pytest.mark.parametrize(
    "body",
    [
        COMMAND,
        f"Good morning!\n\n{COMMAND}\n\nThanks",
        f"Good morning!\r\n\r\n{COMMAND}\r\n\r\nThanks",
        f"Good morning!\r{COMMAND}\rThanks",
        f"Good morning!\n{COMMAND}\nThanks",
        f"Good morning!  \n{COMMAND}  \nThanks",
        f"Good morning!\\\n{COMMAND}",
        f"   {COMMAND} \t",
        f"> As discussed\n\n{COMMAND}",
        f"{COMMAND}\n> As discussed",
        f"- [x] blog post\n\n{COMMAND}",
        f"- blog post\n{COMMAND}",
        f"- blog post\n\n  {COMMAND}",
        f"```\n/release 9.9.9\n```\n{COMMAND}",
        f"    /release 9.9.9\n\n{COMMAND}",
        f"<!-- a note -->\n{COMMAND}",
        f"<!-- <details> -->\n\n{COMMAND}",
        f"<details>\n\n/release 9.9.9\n\n</details>\n\n{COMMAND}",
        f"<details>\n/release 9.9.9\n</details>\n{COMMAND}",
        f'<img width="900" alt="shot" src="https://github.com/user-attachments/assets/x">\n{COMMAND}',
        f'<img alt="shot" src="x" />\n\n{COMMAND}',
        f"Look:\n<img src='x'>\n{COMMAND}\nThanks",
        f"- item\n\n  <br>\n  {COMMAND}",
        f"<br>\n{COMMAND}",
        f"<p>\n{COMMAND}\n</p>",
        f"Use `code` <!-- and a note --> here\n{COMMAND}",
        f"`a\n/release 9.9.9\n`\n{COMMAND}",
        f"Replace <version> by yours\n\n{COMMAND}",
        f"[not a link\n{COMMAND}\n]",
        f"[docs]: /guide\n{COMMAND}",
        f"A note[^1]\n\n[^1]: see below\n\n{COMMAND}",
        f"{COMMAND}\n--\nMaya, sent from a phone",
        f"| a |\n|---|\n| b |\n\n{COMMAND}",
        f"***\n{COMMAND}",
        f"~ 5 minutes\n{COMMAND}\n~ 10 minutes",
        f"Takes ~5 minutes\n{COMMAND}\nand ~5 more",
        f"~one~\n{COMMAND}\n~two~",
    ],
)
def test_a_command_on_a_line_of_its_own_is_found(body: str) -> None:
    assert command_lines(body) == (COMMAND,)


@pytest.mark.parametrize(
    "body",
    [
        f"> {COMMAND}",
        f">{COMMAND}",
        f"> As discussed\n{COMMAND}",
        f"> > As discussed\n> {COMMAND}\n{COMMAND}",
        f"> # As discussed\n{COMMAND}",
        f"> As discussed\n>\n{COMMAND}",
        f"> ```\n> code\n> ```\n{COMMAND}",
        f"On Friday Maya wrote:\r\n> run\r\n> {COMMAND}",
    ],
)
def test_a_quote_and_the_line_right_below_it_are_no_commands(body: str) -> None:
    assert command_lines(body) == ()


@pytest.mark.parametrize(
    "body",
    [
        f"```\n{COMMAND}\n```",
        f"```sh\n\n{COMMAND}\n\n```",
        f"```\n{COMMAND}",
        f"````\n```\n{COMMAND}\n```\n````",
        f"~~~\n{COMMAND}\n~~~",
        f"    {COMMAND}",
        f"\t{COMMAND}",
        f"Text\n\n\t{COMMAND}",
        f"`{COMMAND}`",
        f"`one\n{COMMAND}\ntwo`",
        f"``one ` two\n{COMMAND}``",
    ],
)
def test_code_is_no_command(body: str) -> None:
    assert command_lines(body) == ()


@pytest.mark.parametrize(
    "body",
    [
        f"<!-- {COMMAND} -->",
        f"<!--\n{COMMAND}\n-->",
        f"<!--\n\n{COMMAND}\n\n-->",
        f"<!--\n\n{COMMAND}",
        f"Text <!-- note\n{COMMAND}\n-->",
        f"<div title='\n{COMMAND}\n'>bold</div>",
        f"<div\n{COMMAND}\n>",
        f"<img src='x'>\n<!--\n{COMMAND}\n-->",
        f"<img src='x'>\n{COMMAND}\n<!-- never closed",
        f"<script>\n{COMMAND}\n</script>",
        f"<textarea>\n{COMMAND}\n</textarea>",
        f"<style>\n\n{COMMAND}",
        f"<table>\n{COMMAND}\n</table>",
        f"<pre>\n{COMMAND}\n</pre>",
        f"<pre>\n\n{COMMAND}\n\n</pre>",
        f"<?php\n\n{COMMAND}\n\n?>",
        f"Text <b title='\n{COMMAND}\n'>bold</b>",
    ],
)
def test_html_and_its_comments_are_no_commands(body: str) -> None:
    assert command_lines(body) == ()


@pytest.mark.parametrize(
    "body",
    [
        f"<details>\n<summary>Log</summary>\n\n{COMMAND}\n\n</details>",
        f"<details>\n<summary>Log</summary>\n{COMMAND}\n</details>",
        f"<blockquote>\n{COMMAND}\n</blockquote>",
        f"> <br>\n> {COMMAND}",
        f"> <br>\n{COMMAND}",
        f"<DETAILS open>\n\n{COMMAND}",
        f"<details/>\n\n{COMMAND}",
        f"<details\n\n{COMMAND}",
        f"<details><!-- </details> -->\n\n{COMMAND}",
        f"<details>\n\n```\n</details>\n```\n\n{COMMAND}",
        f"<details>\n\n<details>\n\n</details>\n\n{COMMAND}",
        f"Text <details>\n{COMMAND}",
        f"<blockquote>\n\n{COMMAND}\n\n</blockquote>",
        f"- <details>\n\n{COMMAND}",
        f"> <!--\n\n{COMMAND}",
        f"> <?\n\n{COMMAND}",
        f"<pre><!--</pre>\n\n{COMMAND}",
        f"<? > <details> ?>\n\n{COMMAND}",
    ],
)
def test_what_html_folds_away_or_quotes_is_no_command(body: str) -> None:
    assert command_lines(body) == ()


@pytest.mark.parametrize(
    "body",
    [
        f"- {COMMAND}",
        f"1. {COMMAND}",
        f"# {COMMAND}",
        f"**{COMMAND}**",
        f"~~one\n{COMMAND}\ntwo~~",
        f"~one\n{COMMAND}\ntwo~",
        f"~one\n\ntwo ~three\n{COMMAND}\nfour~",
        f"~~one ~two\n{COMMAND}\nthree~~",
        f"\\{COMMAND}",
        f"&#47;{COMMAND[1:]}",
        f"[one\n{COMMAND}\ntwo](https://example.com)",
        f"![one\n{COMMAND}\ntwo](https://example.com)",
        f"[docs]:\n{COMMAND.split(maxsplit=1)[0]}",
        f"[docs]: /guide\n'title\n{COMMAND}\n'",
        f"| a |\n|---|\n{COMMAND}\n",
        f"A note[^1]\n\n[^1]: text\n{COMMAND}",
        f"A note[^1]\n\n[^1]: text\n\n    more\n{COMMAND}",
        f"Text\n    {COMMAND}",
        f"please {COMMAND}",
        "/ release 1.0.3",
        "//release 1.0.3",
        "/1.0.3",
        "/",
        "",
    ],
)
def test_what_is_no_plain_line_that_begins_with_a_slash_is_no_command(body: str) -> None:
    assert command_lines(body) == ()


def test_every_candidate_comes_out_in_order() -> None:
    assert command_lines("/release 1.0.3\n\n/lgtm\n/Deploy now") == ("/release 1.0.3", "/lgtm", "/Deploy now")


def test_a_body_longer_than_github_allows_is_not_read() -> None:
    assert command_lines(COMMAND + "\n" * 65_536) == ()


MARKDOWN = st.text(alphabet=" \t\n\r>`~*_-#[]()!<>/\\|:=^&ab1\x00\N{NO-BREAK SPACE}\N{EM SPACE}", max_size=80)


@given(st.text() | MARKDOWN)
def test_any_text_gives_lines_that_stand_in_it(body: str) -> None:
    lines = {line.strip() for line in body.replace("\r", "\n").split("\n")}

    assert set(command_lines(body)) <= lines


@given(st.lists(MARKDOWN.map(lambda text: f"/b {text}"), min_size=1))
def test_nothing_that_is_quoted_ever_comes_out(texts: list[str]) -> None:
    lines = [line for text in texts for line in text.replace("\r", "\n").split("\n")]

    assert command_lines("\n".join(f"> {line}" for line in lines)) == ()


@given(before=st.sampled_from(["", "text\n", "text\n\n", "- a\n\n", "> q\n"]), inside=MARKDOWN)
def test_nothing_that_is_fenced_ever_comes_out(before: str, inside: str) -> None:
    body = f"{before}``````\n/b {inside.replace('``````', '')}\n``````"

    assert command_lines(body) == ()


@pytest.mark.parametrize(
    "sign", ["[", "![", "**a**", "_a_ ", "<b>", "|a", "a\n\n", "- a\n", "![" * 20 + "]("]
)
@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_attack_a_comment_made_to_take_long_is_not_read(sign: str, between: str) -> None:
    """Each took up to seconds, in which nobody else was heard."""
    assert command_lines(COMMAND + between + sign * (60_000 // len(sign))) == ()


@pytest.mark.parametrize(
    "line",
    [
        "[INFO] Downloading from central: https://repo.example/org/acme/widget_core/1.0.3/pom.xml [200] (12 kB)",
        "| `widget-core` | 1.0.3 | passed |",
        '{"name": "widget_core", "tags": ["a", "b"], "size": 12},',
        "\tat com.acme.widget.Core.<init>(Core.java:12) ~[widget_core.jar!/:1.0.3]",
        "words and nothing but words, as people write them when they have much to tell",
    ],
)
def test_a_command_above_the_longest_log_that_fits_is_read(line: str) -> None:
    body = f"{COMMAND}\n\n" + f"{line}\n" * (60_000 // len(line))
    assert command_lines(body) == (COMMAND,)
