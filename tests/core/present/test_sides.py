"""How far a half-published release has come, on each side, and how to go on."""

from dataclasses import replace

import pytest

from bot.core.audience import Audience
from bot.core.causes import Cause
from bot.core.effects import Notice
from bot.core.model import Release, StepRecord
from bot.core.plan import ApprovalStep, DispatchStep, Plan, WatchStep
from bot.core.present import notice_comment, status_comment
from bot.core.present.sides import sides
from bot.core.present.view import View
from bot.core.states import (
    AwaitingApproval,
    Cancelled,
    Cooling,
    Due,
    Expecting,
    Finding,
    InLine,
    Passed,
    Rerunning,
    Running,
    Sending,
    Skipped,
    StepState,
)

from .releases import EE, FAILED, OSS, PLAN, PRIVATE, PUBLIC, WEB, at, bound, failed, needing, passed, record
from .releases import release as release_of


def _start(name: str, repo: str) -> DispatchStep:
    return DispatchStep(name, (), repo, "start.yml", "develop", unless_tag="v1.0.3")


def _build(name: str, repo: str) -> WatchStep:
    return WatchStep(name, (f"{name}-start",), repo, "pre-release.yml", "v1.0.3")


def _docker(name: str, repo: str) -> DispatchStep:
    return DispatchStep(name, ("go",), repo, "docker.yml", "v1.0.3")


GO = ApprovalStep("go", ("oss", "ee"), "Publish the images?")
EDITIONS: Plan = replace(
    PLAN,
    steps=(
        _start("oss-start", OSS),
        _build("oss", OSS),
        _start("ee-start", EE),
        _build("ee", EE),
        GO,
        _docker("oss-docker", OSS),
        _docker("ee-docker", EE),
    ),
)
DONE = passed(7000, began=0, ended=4)
HALF = {"oss-start": DONE, "oss": DONE, "ee-start": DONE, "ee": needing(FAILED, failed(8001))}


def release(steps: dict[str, StepRecord], plan: Plan = EDITIONS) -> Release:
    return release_of(steps, plan=plan)


def cancelled(steps: dict[str, StepRecord], plan: Plan = EDITIONS) -> Release:
    """What was not done is cancelled."""
    rest = {step.name: record(Cancelled(at(60))) for step in plan if step.name not in steps}
    return replace(release({**steps, **rest}, plan), cancelled_by="ada", ended_at=at(60))


def said(one: Release, kind: str, step: str | None = None, audience: Audience = PUBLIC) -> str:
    notice = Notice(f"r:{kind}:{step}:1", kind, step)
    text = notice_comment(one, notice, audience, web_url=WEB, status_url=None)
    assert text is not None
    return text


def test_each_side_says_what_is_done_and_what_is_not() -> None:
    expected = """\
So far:

- `acme/widget`: `oss-start` and `oss` are done, `oss-docker` has not begun.
- `acme/widget-ee`: `ee-start` is done, `ee` needs a person, `ee-docker` has not begun."""

    one = release(HALF)

    assert sides(View(one, PRIVATE, WEB)) == expected
    assert f"\n\n{expected}\n\n" in status_comment(one, PRIVATE, web_url=WEB)
    assert f"\n\n{expected}\n\n" in said(one, "person", "ee", PRIVATE)


def test_of_a_side_that_may_not_be_seen_there_are_names_and_state_words_alone() -> None:
    assert sides(View(release(HALF), PUBLIC, WEB)).split("\n")[2:] == [
        "- `acme/widget`: `oss-start` and `oss` are done, `oss-docker` has not begun.",
        "- elsewhere: `ee-start` passed, `ee` needs attention, `ee-docker` is waiting.",
    ]


@pytest.mark.parametrize(
    ("state", "one", "several"),
    [
        (needing(FAILED, failed()).state, "needs attention", "need attention"),
        (Running(bound()), "is running", "are running"),
        (Running(bound(status="queued")), "is queued", "are queued"),
        (Running(bound(status="waiting")), "is awaiting approval", "are awaiting approval"),
        (Cooling(failed(), at(9), Cause.FLAKY), "is retrying", "are retrying"),
        (InLine(at(9)), "is waiting", "are waiting"),
        (Skipped(at(9), "ada"), "is skipped", "are skipped"),
        (Cancelled(at(9)), "is cancelled", "are cancelled"),
    ],
)
def test_a_state_word_becomes_a_sentence_and_no_more(state: StepState, one: str, several: str) -> None:
    alone = {"oss-start": DONE, "ee-start": DONE, "ee": record(state), "ee-docker": DONE}

    assert f"`ee` {one}" in sides(View(release(alone), PUBLIC, WEB))
    both = {**alone, "ee-docker": record(state)}
    assert f"`ee` and `ee-docker` {several}" in sides(View(release(both), PUBLIC, WEB))


def test_whoever_sees_neither_side_is_told_of_no_repository() -> None:
    text = sides(View(release(HALF), Audience("public", {}), WEB))

    assert "acme" not in text
    assert text.startswith("So far:\n\n- elsewhere: `oss-start`, `oss` and `ee-start` passed, ")


@pytest.mark.parametrize(
    ("state", "run", "expected"),
    [
        (Skipped(at(9), "ada"), False, "`oss-docker` is skipped"),
        (Skipped(at(9), "ada", tagged=True), False, "`oss-docker` was done before"),
        (Due(at(9), at(9)), False, "`oss-docker` has not begun"),
        (Due(at(9), at(9)), True, "`oss-docker` is about to run"),
        (InLine(at(9)), False, "`oss-docker` has not begun"),
        (InLine(at(9)), True, "`oss-docker` is about to run"),
        (Expecting(at(9), at(19)), False, "`oss-docker` has not begun"),
        (Sending(1, at(9), at(9), None), False, "`oss-docker` may have begun"),
        (Finding(1, at(9), at(24), None, ""), False, "`oss-docker` may have begun"),
        (Running(bound(status="queued")), True, "`oss-docker` is about to run"),
        (Running(bound()), True, "`oss-docker` is running"),
        (Running(bound(status="waiting")), True, "`oss-docker` waits for an approval"),
        (Rerunning(failed(), at(9)), True, "`oss-docker` is being tried again"),
        (Cooling(failed(), at(9), Cause.FLAKY), True, "`oss-docker` is to be tried again"),
        (Cancelled(at(9)), False, "`oss-docker` has not begun"),
        (Cancelled(at(9)), True, "`oss-docker` was cancelled"),
    ],
)
def test_every_state_has_its_words(state: StepState, run: bool, expected: str) -> None:
    step = StepRecord(state=state, run=failed() if run else None)

    text = sides(View(release({**HALF, "oss-docker": step}), PUBLIC, WEB))

    assert expected in text.split("\n")[2]


@pytest.mark.parametrize(
    "steps",
    [
        {},
        {step.name: DONE for step in EDITIONS},
        {"go": StepRecord(state=Passed(at(9), "ada"))},
        {"oss-start": needing(FAILED, failed())},
    ],
)
def test_where_nothing_is_done_or_everything_there_is_nothing_to_say(steps: dict[str, StepRecord]) -> None:
    assert sides(View(release(steps), PUBLIC, WEB)) == ""


@pytest.mark.parametrize(
    "steps",
    [
        {"oss-start": DONE, "oss": record(Running(bound()), began=5)},
        {"oss-start": DONE, "oss": DONE, "go": record(AwaitingApproval(at(9), at(9)))},
    ],
)
def test_while_it_goes_on_by_itself_nobody_has_to_know(steps: dict[str, StepRecord]) -> None:
    assert "So far:" not in status_comment(release(steps), PRIVATE, web_url=WEB)


def test_a_release_that_was_cancelled_half_way_says_so_and_how_to_go_on() -> None:
    one = cancelled({"oss-start": DONE, "oss": DONE})

    assert said(one, "cancelled") == (
        """\
@maya release 1.0.3 is cancelled, as `ada` asked, 1h after it was started.

So far:

- `acme/widget`: `oss-start` and `oss` are done, `oss-docker` has not begun.
- elsewhere: `ee-start`, `ee` and `ee-docker` are cancelled.

`/release 1.0.3 --continue` starts it again and takes up what exists already."""
    )
    body = status_comment(one, PUBLIC, web_url=WEB)
    assert "So far:\n\n- `acme/widget`:" in body
    assert body.split("\n\n")[-2] == (
        "`/release 1.0.3 --continue` starts it again and takes up what exists already."
    )


def test_going_on_takes_the_parameters_along_where_they_may_be_told() -> None:
    plan = replace(EDITIONS, parameters=(("java", "21"), ("notes", "no")))
    hidden = replace(plan, file_repo="acme/vault")

    assert "`/release 1.0.3 java=21 notes=no --continue` starts" in said(
        cancelled({"oss-start": DONE}, plan), "cancelled"
    )
    assert "`/release 1.0.3 --continue`, with the same parameters as before, starts it again" in said(
        cancelled({"oss-start": DONE}, hidden), "cancelled"
    )


@pytest.mark.parametrize("done", [
    {},
    {"oss": DONE},
    {"ee-start": DONE},
    {"oss-start": record(Skipped(at(9), "ada"))},
])  # fmt: skip
def test_without_a_tag_that_may_be_told_of_going_on_is_not_offered(done: dict[str, StepRecord]) -> None:
    assert "--continue" not in said(cancelled(done), "cancelled")
