"""A whole status comment full of hostile texts is still one table, one fold and one marker."""

from dataclasses import replace

from hypothesis import given, settings
from markdown_it import MarkdownIt

from bot.core.effects import Notice
from bot.core.model import Note, NoteKind, Release
from bot.core.plan import ApprovalStep, DispatchStep, WatchStep
from bot.core.present import notice_comment, status_comment
from bot.core.states import AwaitingApproval, Skipped
from bot.core.trouble import Trouble, TroubleKind

from .releases import PLAN, PUBLIC, WEB, at, failed, needing, record, release
from .test_inert import hostile

_GITHUB = MarkdownIt("gfm-like", {"linkify": False}).enable("table")


def _release(text: str) -> Release:
    steps = tuple(
        replace(step, question=text)
        if isinstance(step, ApprovalStep)
        else replace(step, workflow=text, ref=text)
        for step in PLAN.steps
        if isinstance(step, ApprovalStep | DispatchStep | WatchStep)
    )
    notes = tuple(Note(at(1), kind, text, 1, 2, text, 1) for kind in NoteKind)
    return release(
        {
            "oss-start": replace(
                needing(Trouble(TroubleKind.FAILED, text, (text,), text), failed()), notes=notes
            ),
            "oss": needing(Trouble(TroubleKind.REFUSED, text, (), text)),
            "go": record(AwaitingApproval(at(2), at(2))),
            "docker": record(Skipped(at(2), text)),
        },
        plan=replace(PLAN, steps=steps, about=text),
    )


@given(hostile)
@settings(max_examples=50)
def test_attack_44_hostile_texts_change_nothing_about_the_form(text: str) -> None:
    body = status_comment(_release(text), PUBLIC, web_url=WEB)

    tokens = _GITHUB.parse(body)
    assert sum(token.type == "tr_open" for token in tokens) == 1 + len(PLAN.steps)
    assert sum(token.type == "td_open" for token in tokens) == 5 * len(PLAN.steps)
    assert sum(line.startswith("|") for line in body.split("\n")) == 2 + len(PLAN.steps)
    assert body.count("<!-- release-bot:") == 1
    assert body.endswith("\n\n<!-- release-bot:r-4711 -->")
    assert body.count("<details>") == body.count("</details>")
    html = [token.content.strip() for token in tokens if token.type == "html_block"]
    assert set(html) <= {
        "<details><summary>Last lines of the log</summary>",
        "</details>",
        "<!-- release-bot:r-4711 -->",
    }


@given(hostile)
@settings(max_examples=50)
def test_attack_43_hostile_texts_mention_nobody_beside_the_starter(text: str) -> None:
    notice = Notice("r-4711:person:oss-start:1", "person", "oss-start")

    body = notice_comment(_release(text), notice, PUBLIC, web_url=WEB, status_url=None) or ""

    inline = [
        child for token in _GITHUB.parse(body) for child in token.children or () if child.type == "text"
    ]
    assert sum(token.content.count("@") for token in inline) == 1
    assert body.startswith("@maya ")
