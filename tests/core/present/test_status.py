"""The status comment, as people read it."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.causes import Cause
from bot.core.model import Note, NoteKind, Release, ReleaseWord, StepRecord
from bot.core.present import status_comment
from bot.core.states import (
    AwaitingApproval,
    Cancelled,
    Cooling,
    Due,
    Expecting,
    Finding,
    GaveWay,
    Passed,
    Rerunning,
    Running,
    Skipped,
    StepState,
    StepWord,
    word_of,
)
from bot.core.trouble import Background, Trouble, TroubleKind

from .releases import FAILED, PLAN, PRIVATE, PUBLIC, WEB, at, bound, failed, needing, passed, record, release

RUN = "https://github.com/acme/widget/actions/runs/7001"
RESUME = "`/release resume 1.0.3`"
SKIP_OR_CANCEL = "`/release skip 1.0.3 oss-start` or `/release cancel 1.0.3`."
STARTED = passed(7000, began=0, ended=4)


def shown(one: Release) -> str:
    return status_comment(one, PUBLIC, web_url=WEB)


def sentence(one: Release) -> str:
    return shown(one).split("\n")[2]


def test_a_failed_step_is_told_with_its_commands_its_log_and_what_was_tried() -> None:
    notes = (
        Note(at(20), NoteKind.RERUN, FAILED.detail, 1, 1, attempt=1),
        Note(at(30), NoteKind.ADOPTED_RERUN, by="ada", attempt=3),
        Note(at(50), NoteKind.STOPPED, FAILED.detail, 1, 1, attempt=3),
    )
    oss = replace(needing(FAILED, failed(attempt=3)), notes=notes)

    assert shown(
        release({"oss-start": STARTED, "oss": oss, "ee": record(Running(bound(8001)), began=3)})
    ) == (
        """\
### 🔴 release 1.0.3: needs attention

`oss` needs a person: type `/release retry 1.0.3 oss`, `/release adopt 1.0.3 oss RUN`, \
`/release skip 1.0.3 oss` or `/release cancel 1.0.3`.

| step | state | run | attempt | time |
| --- | --- | --- | --- | --- |
| oss-start | ✅ passed | [#7000](https://github.com/acme/widget/actions/runs/7000) | 1 | 12:00 UTC, 4m |
| oss | 🔴 needs attention | [#7001](https://github.com/acme/widget/actions/runs/7001) | 3 | 12:05 UTC |
| ee | 🟡 running | – | – | – |
| go | ⚪ waiting | – | – | – |
| docker | ⚪ waiting | – | – | – |

So far:

- `acme/widget`: `oss-start` is done, `oss` needs a person, `docker` has not begun.
- elsewhere: `ee` is running.

**oss**: The run failed: Maven Central reset the connection in job build / publish \
([run](https://github.com/acme/widget/actions/runs/7001), attempt 3).

- `/release retry 1.0.3 oss` runs the failed jobs again, on the same commit
- `/release adopt 1.0.3 oss RUN` takes a run as the step's own; RUN is its number or its address
- `/release skip 1.0.3 oss` marks the step as done by hand
- `/release cancel 1.0.3` ends the release

<details><summary>Last lines of the log</summary>

```text
[INFO] Uploading widget.jar
[ERROR] Connection reset
```

</details>

What happened, the newest first:

- oss: not re-run, its 1 re-run is used up: Maven Central reset the connection in job build / publish
- oss: `ada` re-ran it on GitHub, attempt 3
- oss: re-run 1 of 1: Maven Central reset the connection in job build / publish

<!-- release-bot:r-4711 -->"""
    )


def test_a_finished_release_says_how_it_went() -> None:
    steps = {
        "oss-start": STARTED,
        "oss": passed(7001, began=5, ended=57, attempt=2),
        "ee": passed(8001, began=2, ended=90),
        "go": record(Passed(at(95), "ada"), began=90, ended=95),
        "docker": record(Skipped(at(1500), "maya"), began=1500, ended=1500),
    }

    assert shown(replace(release(steps), ended_at=at(1500))) == (
        """\
### ✅ release 1.0.3: released

Nothing is left to do: 4 steps passed and 1 skipped in 1d 1h.

| step | state | run | attempt | time |
| --- | --- | --- | --- | --- |
| oss-start | ✅ passed | [#7000](https://github.com/acme/widget/actions/runs/7000) | 1 | 12:00 UTC, 4m |
| oss | ✅ passed | [#7001](https://github.com/acme/widget/actions/runs/7001) | 2 | 12:05 UTC, 52m |
| ee | ✅ passed | – | – | – |
| go | ✅ passed | – | – | 13:30 UTC, 5m |
| docker | ⏭️ skipped | – | – | 3 Mar 13:00 UTC, 0s |

- **go**: Approved by `ada`.
- **docker**: Skipped by `maya`.

<!-- release-bot:r-4711 -->"""
    )


def _awaiting_approval() -> Release:
    steps = {
        "oss-start": STARTED,
        "oss": passed(7001, began=5, ended=9),
        "ee": passed(8001, began=2, ended=9),
    }
    return release({**steps, "go": record(AwaitingApproval(at(9), at(9)), began=9)})


def _every_state() -> list[tuple[Release, ReleaseWord, str]]:
    live = {"oss-start": STARTED, "oss": record(Running(bound()), began=5)}
    held = {"oss-start": STARTED, "oss": record(Running(bound(status="waiting")), began=5)}
    held_ee = {"oss-start": STARTED, "oss": STARTED, "ee": record(Running(bound(status="waiting")), began=5)}
    expecting = {"oss-start": STARTED, "oss": record(Expecting(at(4), at(19)))}
    two = {"oss-start": needing(FAILED, failed()), "ee": needing(FAILED, failed(8001))}
    paused = replace(release(live), paused_by="ada", paused_at=at(6))
    cancelling = replace(release(live), cancelled_by="ada")
    gone = release({step.name: record(Cancelled(at(12)), began=0, ended=12) for step in PLAN})
    stuck = replace(release({"oss-start": needing(FAILED, failed())}), paused_by="ada")
    word = ReleaseWord
    return [
        (
            replace(release(turn=False), ahead="1.0.2"),
            word.WAITING,
            "Waits for `1.0.2` and starts by itself as soon as that is released or cancelled.",
        ),
        (release(turn=False), word.WAITING, "Waits for its turn and then starts by itself."),
        (release(), word.RUNNING, "`oss-start` and `ee` come next."),
        (release(live), word.RUNNING, "`oss` is running; `ee` comes next."),
        (release(expecting), word.RUNNING, "`oss` waits for a run to appear; `ee` comes next."),
        (
            _awaiting_approval(),
            word.RUNNING,
            "`go` waits for an approval (Publish the images?): type `/release approve 1.0.3`.",
        ),
        (
            release(held),
            word.RUNNING,
            f"`oss` waits for an approval of its environment [on GitHub]({RUN}).",
        ),
        (release(held_ee), word.RUNNING, "`ee` is awaiting approval on GitHub."),
        (
            paused,
            word.PAUSED,
            f"Paused by `ada`: no dispatch and no automatic re-run until somebody types {RESUME}.",
        ),
        (
            cancelling,
            word.RUNNING,
            "Cancelling, as `ada` asked: waiting for `oss`, `ee`, `go` and `docker` to end.",
        ),
        (
            replace(gone, cancelled_by="ada", ended_at=at(12)),
            word.CANCELLED,
            "Cancelled by `ada` after 12m: nothing of it runs any more and nothing will be started.",
        ),
        (
            release(two),
            word.NEEDS_ATTENTION,
            f"`oss-start` and `ee` need a person: type `/release retry 1.0.3`, {SKIP_OR_CANCEL}",
        ),
        (
            stuck,
            word.NEEDS_ATTENTION,
            f"`oss-start` needs a person, and the release is paused: type {RESUME}, {SKIP_OR_CANCEL}",
        ),
    ]


@pytest.mark.parametrize(("one", "word", "expected"), _every_state())
def test_the_first_line_names_the_state_and_one_sentence_says_what_happens_next(
    one: Release, word: ReleaseWord, expected: str
) -> None:
    first = shown(one).split("\n")[0]

    assert re.fullmatch(rf"### \S+ release 1\.0\.3: {word}", first)
    assert sentence(one) == expected


@pytest.mark.parametrize(
    "state",
    [
        Due(at(1), at(1), "GitHub asks to wait"),
        Finding(1, at(1), at(16), None, "the answer was lost"),
        Running(bound(status="queued")),
        Running(bound()),
        Running(bound(status="waiting")),
        Cooling(failed(), at(6), Cause.FLAKY),
        Passed(at(9)),
        Skipped(at(9), "ada"),
        Cancelled(at(9)),
    ],
)
def test_the_second_cell_of_a_row_has_exactly_one_state_word(state: Due | Finding | Running | Passed) -> None:
    body = shown(release({"oss-start": record(state, began=1)}))

    row = next(line for line in body.split("\n") if line.startswith("| oss-start |"))
    cell = row.split("|")[2]
    assert [word for word in StepWord if re.search(rf"\b{word}\b", cell)] == [word_of(state)]


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (Due(at(1), at(1), "GitHub asks to wait"), "The dispatch is held back: GitHub asks to wait."),
        (
            Finding(2, at(1), at(16), None, "the answer was lost"),
            "The run of dispatch 2 is looked for (the answer was lost); nothing is sent meanwhile.",
        ),
        (Cooling(failed(), at(6), Cause.FLAKY), "The failed jobs are run again at 12:06 UTC."),
        (Cooling(failed(), at(6), Cause.FLAKY, "ada"), "The failed jobs are run again, as `ada` asked."),
        (Skipped(at(9), "ada"), "Skipped by `ada`."),
        (Skipped(at(9), "ada", tagged=True), "Skipped: its tag exists already."),
    ],
)
def test_what_the_word_does_not_say_stands_below_the_table(
    state: Due | Finding | Cooling | Skipped, line: str
) -> None:
    assert f"\n- **oss-start**: {line}\n" in shown(release({"oss-start": record(state, began=1)}))


@pytest.mark.parametrize(
    ("note", "line"),
    [
        (Note(at(1), NoteKind.RERUN, "a reason", 1, 3), "re-run 1 of 3: a reason"),
        (Note(at(1), NoteKind.STOPPED, "why", 0, 0), "not re-run, failures of this kind never are: why"),
        (Note(at(1), NoteKind.STOPPED, "a reason", 3, 3), "not re-run, its 3 re-runs are used up: a reason"),
        (Note(at(1), NoteKind.STOPPED, "why", 4, 9), "not re-run, 10 re-runs of one step are the most: why"),
        (Note(at(1), NoteKind.ADOPTED_RERUN, by="ada", attempt=2), "`ada` re-ran it on GitHub, attempt 2"),
        (Note(at(1), NoteKind.ADOPTED_RERUN, attempt=2), "somebody re-ran it on GitHub, attempt 2"),
        (Note(at(1), NoteKind.ASKED_RERUN, by="ada", attempt=2), "`ada` asked for a re-run of attempt 2"),
        (Note(at(1), NoteKind.ASKED_SEND, by="ada"), "`ada` asked for a new dispatch"),
        (Note(at(1), NoteKind.ADOPTED_RUN, by="ada"), "`ada` chose its run"),
        (
            Note(at(1), NoteKind.QUEUED_LONG, number=900, attempt=1),
            "attempt 1 waited more than 15m for a runner",
        ),
        (
            Note(at(1), NoteKind.QUEUED_LONG, "its concurrency group", number=900, attempt=2),
            "attempt 2 waited more than 15m for its concurrency group",
        ),
        (
            Note(at(1), NoteKind.RERUN, "why", 1, 1, background=Background(rule="oom")),
            "re-run 1 of 1: why (rule `oom`; the last one)",
        ),
        (
            Note(at(1), NoteKind.RERUN, "why", 1, 1, background=Background("test_x", rule="oom")),
            "re-run 1 of 1: why (rule `oom`; `test_x` not seen in the 30 days before this run; the last one)",
        ),
    ],
)  # fmt: skip
def test_every_note_is_one_line_of_the_story(note: Note, line: str) -> None:
    body = shown(release({"oss": StepRecord(state=Running(bound()), notes=(note,))}))

    assert f"\n- oss: {line}\n" in body


QUEUED = Running(bound(status="queued"))


@pytest.mark.parametrize(
    ("state", "told", "expected"),
    [
        (Cooling(failed(), at(46), Cause.FLAKY), None, "is tried again at 12:46 UTC"),
        (Cooling(failed(), at(46), Cause.FLAKY, "ada"), None, "is being tried again"),
        (Rerunning(failed(), at(46)), None, "is being tried again"),
        (GaveWay(failed(), at(9), at(99), "images"), None, "waits for another run of its concurrency group"),
        (Finding(1, at(9), at(24), None, "lost"), None, "may have begun, its run is looked for"),
        (QUEUED, None, "is about to run"),
        (QUEUED, (7001, 1), "waits for a runner"),
        (Running(bound(status="pending")), (7001, 1), "waits for its concurrency group"),
        (Running(bound()), (7001, 1), "is running"),
        (Due(at(9), at(9)), None, "is about to run"),
    ],
)
def test_what_is_under_way_is_told_as_it_is(
    state: StepState, told: tuple[int, int] | None, expected: str
) -> None:
    steps = {**dict.fromkeys(("oss-start", "oss", "ee", "go"), STARTED)}
    one = release({**steps, "docker": replace(record(state), queue_told=told)})

    assert sentence(one) == f"`docker` {expected}."


def test_of_a_private_step_under_way_the_word_is_told_alone() -> None:
    cooling = release({"ee": record(Cooling(failed(), at(46), Cause.FLAKY))})
    waits = release({"ee": replace(record(QUEUED), queue_told=(7001, 1))})

    assert sentence(cooling).startswith("`ee` is being tried again;")
    assert sentence(waits).startswith("`ee` is about to run;")


@pytest.mark.parametrize("by", [None, "ada"])
def test_in_a_pause_nothing_is_said_to_be_run_again_at_a_time(by: str | None) -> None:
    one = release({"oss": record(Cooling(failed(), at(6), Cause.FLAKY, by), began=1)})

    assert "- **oss**: The failed jobs are run again after the pause.\n" in shown(
        replace(one, paused_by="ada", paused_at=at(5))
    )


def test_between_two_lists_there_are_words() -> None:
    gone = needing(Trouble(TroubleKind.CANCELLED), failed())
    note = Note(at(1), NoteKind.ASKED_SEND, by="ada")
    other = record(Skipped(at(9), "ada"))
    one = release({"oss-start": replace(gone, notes=(note,)), "docker": other})

    assert (
        "- `/release cancel 1.0.3` ends the release\n\n"
        "Of the other steps:\n\n- **docker**: Skipped by `ada`.\n\n"
        "What happened, the newest first:\n\n- oss-start: `ada` asked for a new dispatch\n\n<!--"
    ) in shown(one)


def test_the_story_has_three_lines_of_a_step_and_the_newest_first() -> None:
    notes = tuple(Note(at(minute), NoteKind.ASKED_SEND, by=f"person{minute}") for minute in range(6))

    body = shown(
        release({"oss-start": replace(STARTED, notes=notes), "oss": replace(STARTED, notes=notes[:1])})
    )

    assert re.findall(r"(\S+): `(person\d)`", body) == [
        ("oss-start", "person5"), ("oss-start", "person4"), ("oss-start", "person3"), ("oss", "person0")
    ]  # fmt: skip


def test_the_same_release_always_gives_the_same_text() -> None:
    one = _awaiting_approval()

    assert shown(one) == shown(replace(one, steps=dict(one.steps)))


def test_a_redone_step_does_not_show_the_run_that_is_to_be_replaced() -> None:
    again = replace(record(Due(at(60), at(60)), began=1), run=failed())

    assert "| oss-start | 🔵 queued | – | – | 12:01 UTC |" in shown(release({"oss-start": again}))


def test_readers_of_a_private_home_see_the_private_edition_too() -> None:
    one = release({"ee": record(Running(bound(8001, attempt=2)), began=3)})

    body = status_comment(one, PRIVATE, web_url=WEB)

    assert (
        "| ee | 🟡 running | [#8001](https://github.com/acme/widget-ee/actions/runs/8001) | 2 | 12:03 UTC |"
        in body
    )


def test_two_candidates_are_both_linked() -> None:
    links = tuple(f"{WEB}/acme/widget/actions/runs/{number}" for number in (71, 72))
    trouble = Trouble(TroubleKind.TWO_CANDIDATES, "runs 71 and 72", links)

    body = shown(release({"oss-start": needing(trouble)}))

    assert f"([run 71]({links[0]}) and [run 72]({links[1]}))" in body
    assert "`/release adopt 1.0.3 oss-start RUN`" in body


def test_a_step_named_like_a_reference_becomes_no_link() -> None:
    plan = replace(PLAN, steps=(replace(PLAN.steps[0], name="GH-12"),))

    assert "| `GH-12` | ⚪ waiting |" in shown(release(plan=plan))


def test_long_logs_of_many_steps_still_fit_into_one_comment() -> None:
    trouble = replace(FAILED, tail="x" * 80_000)
    first = PLAN.steps[0]
    plan = replace(PLAN, steps=tuple(replace(first, name=f"s{number}") for number in range(40)))
    one = release({step.name: needing(trouble, failed()) for step in plan}, plan=plan)

    body = shown(one)

    assert len(body) <= 65_000
    assert body.endswith("\n<!-- release-bot:r-4711 -->")
    assert body.count("<details>") == body.count("</details>")


def test_time_that_passes_changes_nothing() -> None:
    running = Running(bound(), held=0.0)
    later = replace(running, held=timedelta(minutes=5).total_seconds())

    assert shown(release({"oss": record(running, began=5)})) == shown(
        release({"oss": record(later, began=5)})
    )
