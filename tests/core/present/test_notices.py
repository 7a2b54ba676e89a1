"""New comments that call or inform the person who started a release."""

import re
from dataclasses import replace

import pytest

from bot.core.effects import Notice
from bot.core.model import Note, NoteKind, Release, StepRecord
from bot.core.plan import ApprovalStep, Plan
from bot.core.present import notice_comment
from bot.core.present.hints import hints
from bot.core.present.view import View
from bot.core.states import (
    AwaitingApproval,
    Behind,
    Cancelled,
    Expecting,
    InLine,
    NeedsPerson,
    Passed,
    Running,
    Skipped,
)
from bot.core.steering import AT_ANY_TIME, may_adopt
from bot.core.trouble import Trouble, TroubleKind

from .releases import FAILED, OSS, PLAN, PUBLIC, WEB, at, bound, failed, needing, passed, record, release

STATUS = "https://github.com/acme/widget/issues/7#issuecomment-5"
DONE = {step.name: passed(7000, began=0, ended=4) for step in PLAN}


def said(one: Release, kind: str, step: str | None = None, *, number: int = 1) -> str | None:
    notice = Notice(f"r-4711:{kind}:{step}:{number}", kind, step)
    return notice_comment(one, notice, PUBLIC, web_url=WEB, status_url=STATUS)


def test_a_failed_step_calls_the_starter_with_the_reason_the_commands_and_the_log() -> None:
    assert said(release({"oss-start": needing(FAILED, failed())}), "person", "oss-start") == (
        """\
@maya release 1.0.3 needs you at `oss-start`: \
The run failed: Maven Central reset the connection in job build / publish \
([run](https://github.com/acme/widget/actions/runs/7001), attempt 1).

Type one of these:

- `/release retry 1.0.3 oss-start` runs the failed jobs again, on the same commit
- `/release redo 1.0.3 oss-start` starts a new run, with what has been pushed since
- `/release skip 1.0.3 oss-start` marks the step as done by hand
- `/release cancel 1.0.3` ends the release

<details><summary>Last lines of the log</summary>

```text
[INFO] Uploading widget.jar
[ERROR] Connection reset
```

</details>

[Status of release 1.0.3](https://github.com/acme/widget/issues/7#issuecomment-5)"""
    )


def test_the_end_tells_how_long_it_took_and_what_was_unusual() -> None:
    steps = {
        **DONE,
        "oss": replace(DONE["oss"], reruns_in_all=2),
        "ee": replace(DONE["ee"], reruns_in_all=2),
        "docker": record(Skipped(at(9), "ada"), began=9, ended=9),
    }

    assert said(replace(release(steps), ended_at=at(72)), "released") == (
        """\
@maya release 1.0.3 is released, 1h 12m after it was started.

- oss needed 2 re-runs
- docker was skipped by `ada`

[Status of release 1.0.3](https://github.com/acme/widget/issues/7#issuecomment-5)"""
    )


@pytest.mark.parametrize(
    ("reruns", "notes", "told"),
    [
        (1, ("rerun",), "1 re-run"),
        (1, ("rerun", "asked-rerun", "adopted-rerun"), "3 re-runs, 2 of them by hand"),
        (0, ("asked-rerun",), "1 re-run by hand"),
        (0, ("asked-send", "asked-send"), "2 new dispatches"),
        (2, ("asked-rerun", "asked-send"), "3 re-runs, 1 of them by hand, and 1 new dispatch"),
    ],
)
def test_the_end_counts_what_people_asked_for_too(reruns: int, notes: tuple[str, ...], told: str) -> None:
    story = tuple(Note(at(9), NoteKind(kind), by="ada", attempt=1) for kind in notes)
    steps = {**DONE, "oss": replace(DONE["oss"], reruns_in_all=reruns, notes=story)}

    assert f"\n- oss needed {told}\n" in (said(release(steps), "released") or "")


def test_who_still_waits_is_told_who_has_the_turn() -> None:
    ahead = Behind(OSS, "release", "1.0.2", "docker", stuck=True)
    one = release({"docker": StepRecord(InLine(at(9), ahead))})

    assert said(one, "line", "docker") == (
        """\
@maya release 1.0.3 still waits at `docker`: release 1.0.2 / docker has the turn and needs a person.

It goes on by itself when somebody has helped there. Or type one of these:

- `/release skip 1.0.3 docker` marks the step as done by hand
- `/release cancel 1.0.3` ends the release

[Status of release 1.0.3](https://github.com/acme/widget/issues/7#issuecomment-5)"""
    )


def test_of_a_release_elsewhere_only_that_it_has_the_turn_is_told() -> None:
    ahead = Behind("acme/vault", "release", "1.0.2", "docker", stuck=True)

    text = said(release({"docker": StepRecord(InLine(at(9), ahead))}), "line", "docker")

    assert text is not None
    assert "still waits at `docker`: a step of another release has the turn and needs a person." in text


def test_a_lost_dispatch_links_the_runs_of_its_workflow() -> None:
    lost = needing(Trouble(TroubleKind.NEVER_FOUND))
    place = f"[the workflow's runs]({WEB}/{OSS}/actions/workflows/start.yml)"
    secret = release({"oss-start": lost}, plan=replace(PLAN, file_repo="acme/vault"))

    assert f"Look at {place} before you send again: if you find its run, adopt it." in (
        said(release({"oss-start": lost}), "person", "oss-start") or ""
    )
    assert "Look at the workflow's runs before you send again" in (said(secret, "person", "oss-start") or "")


def test_a_cancelled_release_says_who_asked() -> None:
    gone = release({step.name: record(Cancelled(at(9))) for step in PLAN})

    text = said(replace(gone, cancelled_by="ada", ended_at=at(9)), "cancelled")

    assert text is not None
    assert text.split("\n")[0] == "@maya release 1.0.3 is cancelled, as `ada` asked, 9m after it was started."


def test_an_approval_asks_its_question_and_says_how_to_answer() -> None:
    text = said(release({"go": record(AwaitingApproval(at(9), at(9)))}), "approval", "go")

    assert text is not None
    assert text.split("\n")[:3] == [
        "@maya release 1.0.3 waits for an approval at `go`: Publish the images?",
        "",
        "Approve with `/release approve 1.0.3 go`, or end the release with `/release cancel 1.0.3`.",
    ]


def test_an_environment_links_the_run_that_waits() -> None:
    text = said(release({"oss": record(Running(bound(status="waiting")))}), "environment", "oss")

    assert text is not None
    assert text.split("\n")[0] == (
        "@maya release 1.0.3 is awaiting approval at `oss`: somebody has to approve it "
        "[on GitHub](https://github.com/acme/widget/actions/runs/7001)."
    )


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("person", "oss"),
        ("approval", "go"),
        ("environment", "oss"),
        ("released", None),
        ("cancelled", None),
        ("unheard of", None),
    ],
)
def test_what_is_over_by_now_is_not_told(kind: str, step: str | None) -> None:
    assert said(release({"oss": record(Running(bound()))}), kind, step) is None


def test_a_problem_that_another_has_replaced_is_left_to_the_notice_of_that_one() -> None:
    second = replace(needing(FAILED, failed()), problems=2)

    assert said(release({"oss-start": second}), "person", "oss-start", number=1) is None
    assert said(release({"oss-start": second}), "person", "oss-start", number=2) is not None


def test_without_the_address_of_the_status_comment_there_is_no_link_to_it() -> None:
    notice = Notice("r-4711:released", "released")

    text = notice_comment(release(DONE), notice, PUBLIC, web_url=WEB, status_url=None)

    assert text == "@maya release 1.0.3 is released."


REMEDIES = {
    TroubleKind.FAILED: ("The run failed: a detail", ["retry", "redo", "skip"]),
    TroubleKind.CANCELLED: ("The run was cancelled on GitHub", ["retry", "redo", "skip"]),
    TroubleKind.GROUP_CANCELLED: (
        "GitHub itself cancelled the run, since another one of the concurrency group `a detail` came",
        ["retry", "redo", "skip"],
    ),
    TroubleKind.DELETED: ("The run was deleted on GitHub", ["retry", "adopt", "skip"]),
    TroubleKind.TIMED_OUT: ("The run is not over after 6h", ["retry", "redo", "skip"]),
    TroubleKind.NOTHING_RAN: ("not one of its jobs ran", ["redo", "skip"]),
    TroubleKind.STARTUP_FAILURE: (
        "GitHub could not start the run: `start.yml` is not valid",
        ["redo", "skip"],
    ),
    TroubleKind.ODD_END: ("The run ended with `a detail`", ["retry", "redo", "skip"]),
    TroubleKind.NEVER_APPEARED: (
        "named its run, but did not show it within 15m",
        ["retry", "adopt", "skip"],
    ),
    TroubleKind.NEVER_FOUND: ("no run of it was found within 15m", ["adopt", "retry", "skip"]),
    TroubleKind.TWO_CANDIDATES: ("More than one run could be this step's", ["adopt", "skip"]),
    TroubleKind.DOUBTFUL_RUN: ("of which the bot's database knows nothing", ["adopt", "retry", "skip"]),
    TroubleKind.STRANGE_RUN: ("a run that belongs to no step", ["adopt", "retry", "skip"]),
    TroubleKind.REFUSED: (
        "GitHub refused the dispatch of `start.yml` on `develop` in `acme/widget`: a detail.",
        ["retry", "skip"],
    ),
    TroubleKind.TAG_EXISTS: ("The tag `v1.0.3` exists already in `acme/widget`", ["retry", "skip"]),
    TroubleKind.REF_MISSING: ("`develop` does not exist in `acme/widget`", ["retry", "skip"]),
    TroubleKind.NO_ACCESS: ("The bot cannot reach `acme/widget`: a detail.", ["skip"]),
    TroubleKind.MOVED: ("`acme/widget` is known by another name now", ["skip"]),
    TroubleKind.RERUN_REFUSED: (
        "GitHub refused to run the failed jobs again: a detail",
        ["retry", "redo", "skip"],
    ),
    TroubleKind.RERUN_LOST: ("no new attempt appeared", ["retry", "redo", "skip"]),
    TroubleKind.UNANSWERED: (
        "For a quarter of an hour GitHub has not told what the bot has to know: a detail",
        ["retry", "redo", "skip"],
    ),
    TroubleKind.NEVER_RERUN: (
        "is named by `never-rerun`, so nothing was run again",
        ["retry", "redo", "skip"],
    ),
}


@pytest.mark.parametrize("kind", list(TroubleKind))
def test_every_trouble_says_what_is_wrong_and_what_can_be_typed(kind: TroubleKind) -> None:
    sentence, verbs = REMEDIES[kind]
    trouble = Trouble(kind, "a detail", (f"{WEB}/{OSS}/actions/runs/7001",))

    text = said(release({"oss-start": needing(trouble, failed())}), "person", "oss-start")

    assert text is not None
    assert sentence in text.split("\n")[0]
    assert re.findall(r"- `/release (\w+) 1\.0\.3", text) == [*verbs, "cancel"]


def test_a_watched_run_that_never_came_can_be_awaited_again() -> None:
    trouble = Trouble(TroubleKind.NEVER_APPEARED)
    oss = StepRecord(state=NeedsPerson(trouble, at(9), parked=Expecting(at(4), at(9))), problems=1)
    one = release({"oss-start": DONE["oss-start"], "oss": oss})

    text = said(one, "person", "oss")

    assert text is not None
    assert "- `/release retry 1.0.3 oss` waits for a run again\n" in text
    assert "No run of `pre-release.yml` on `v1.0.3` in `acme/widget` appeared within 15m." in text


@pytest.mark.parametrize("kind", list(TroubleKind))
def test_adopting_is_offered_only_where_it_is_possible(kind: TroubleKind) -> None:
    one = release({"oss": needing(Trouble(kind))})
    step = one.plan.step("oss")
    assert not isinstance(step, ApprovalStep)

    offered = [hint.command for hint in hints(View(one, PUBLIC, WEB), step)]

    assert may_adopt(one, step, AT_ANY_TIME) is not None
    assert not any("adopt" in command for command in offered)


CALLS = ["person", "approval", "environment"]


@pytest.mark.parametrize("kind", [*CALLS, "released", "cancelled"])
@pytest.mark.parametrize("notify", [(), ("ada", "Maya", "acme/releases", "Ada", "odd name", "a/b/c")])
def test_mentioned_are_the_starter_and_where_somebody_is_needed_whom_the_file_names(
    kind: str, notify: tuple[str, ...]
) -> None:
    text = _loud(kind, replace(PLAN, notify=notify))

    expected = ["@maya", "@Ada", "@acme/releases"] if notify and kind in CALLS else ["@maya"]
    assert re.findall(r"@\S+", text) == expected
    assert text.startswith(" ".join(expected) + " ")
    assert "<!-- release-bot:" not in text


def test_a_team_of_a_file_that_is_not_shown_here_is_left_out() -> None:
    plan = replace(PLAN, notify=("acme/releases", "ada"), file_repo="acme/vault")

    text = _loud("person", plan)

    assert text.startswith("@maya @ada release 1.0.3 needs you")
    assert "acme/releases" not in text


def _loud(kind: str, plan: Plan) -> str:
    """A notice full of mentions that others wrote."""
    loud = Trouble(TroubleKind.FAILED, "@ada broke it with @acme/team", tail="@ada said so\n@acme/team")
    steps = {
        "person": {"oss-start": needing(loud, failed())},
        "approval": {"oss-start": record(AwaitingApproval(at(9), at(9)))},
        "environment": {"oss-start": record(Running(bound(status="waiting")))},
        "released": {**DONE, "docker": record(Passed(at(9), "ada"))},
        "cancelled": {step.name: record(Cancelled(at(9))) for step in PLAN},
    }[kind]
    one = replace(release(steps, plan=plan), cancelled_by="ada" if kind == "cancelled" else None)
    text = said(one, kind, "oss-start")
    assert text is not None
    return text
