"""Check runs: what stands on the commit, within GitHub's limits."""

import json
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.causes import Cause
from bot.core.model import Note, NoteKind, Release
from bot.core.plan import DispatchStep
from bot.core.present import check_body
from bot.core.states import (
    Cancelled,
    Cooling,
    Diagnosing,
    Due,
    Expecting,
    NeedsPerson,
    Passed,
    Running,
    Skipped,
    StepState,
    Waiting,
)
from bot.core.trouble import Trouble, TroubleKind

from .releases import FAILED, PLAN, PUBLIC, WEB, at, bound, failed, needing, record, release

MOVED = Trouble(TroubleKind.MOVED)


def check(one: Release, step: str = "oss") -> dict[str, Any]:
    """As GitHub will read it."""
    body = check_body(one, step, audience=PUBLIC, web_url=WEB, head_sha="abc123")
    return cast(dict[str, Any], json.loads(json.dumps(body)))


def test_a_failed_step_asks_for_action_with_three_buttons() -> None:
    oss = replace(needing(FAILED, failed()), notes=(Note(at(20), NoteKind.STOPPED, "broken build", 0, 0),))

    assert check(release({"oss": oss})) == {
        "name": "release 1.0.3 / oss",
        "head_sha": "abc123",
        "external_id": "r-4711/oss",
        "status": "completed",
        "conclusion": "action_required",
        "details_url": "https://github.com/acme/widget/actions/runs/7001",
        "started_at": "2026-03-02T12:05:00Z",
        "completed_at": "2026-03-02T12:50:00Z",
        "output": {
            "title": f"Needs attention: the run failed: {FAILED.detail}",
            "summary": """\
The run failed: Maven Central reset the connection in job build / publish \
([run](https://github.com/acme/widget/actions/runs/7001), attempt 1).

Type one of these in a comment on [the issue](https://github.com/acme/widget/issues/7), or use the buttons:

- `/release retry 1.0.3 oss` runs the failed jobs again, on the same commit
- `/release cancel 1.0.3` ends the release

What happened, the newest first:

- oss: not re-run, failures of this kind never are: broken build

<details><summary>Last lines of the log</summary>

```text
[INFO] Uploading widget.jar
[ERROR] Connection reset
```

</details>""",
        },
        "actions": [
            {"identifier": "retry", "label": "Retry", "description": "Failed jobs, or the dispatch, again"},
            {
                "identifier": "cancel",
                "label": "End release",
                "description": "Cancels live runs, ends the release",
            },
        ],
    }


@pytest.mark.parametrize(
    ("state", "progress", "title"),
    [
        (Waiting(), ("queued", None), "Waiting"),
        (Expecting(at(1), at(9)), ("queued", None), "Waiting"),
        (Due(at(1), at(1)), ("queued", None), "Queued"),
        (Running(bound()), ("in_progress", None), "Running"),
        (Running(bound(attempt=2)), ("in_progress", None), "Running, attempt 2"),
        (Running(bound(status="waiting")), ("in_progress", None), "Awaiting approval"),
        (Diagnosing(failed()), ("in_progress", None), "Running"),
        (Cooling(failed(), at(6), Cause.FLAKY), ("in_progress", None), "Retrying"),
        (Passed(at(9)), ("completed", "success"), "Passed"),
        (Skipped(at(9), "ada"), ("completed", "skipped"), "Skipped"),
        (Cancelled(at(9)), ("completed", "cancelled"), "Cancelled"),
        (NeedsPerson(MOVED, at(9)), ("completed", "action_required"), "Needs attention: the repository has moved"),
    ],
)  # fmt: skip
def test_a_check_run_goes_from_queued_over_in_progress_to_its_conclusion(
    state: StepState, progress: tuple[str, str | None], title: str
) -> None:
    body = check(release({"oss": record(state)}))

    assert (body["status"], body.get("conclusion")) == progress
    assert body["output"]["title"] == title
    assert body["output"]["summary"]


def test_a_step_that_waits_names_what_it_waits_for_and_links_the_issue() -> None:
    body = check(release())

    assert body["output"]["summary"] == "Waits for `oss-start`."
    assert body["details_url"] == "https://github.com/acme/widget/issues/7"
    assert "started_at" not in body


def test_buttons_that_would_be_refused_are_left_out() -> None:
    late = Trouble(TroubleKind.TIMED_OUT, links=(bound().url,))

    body = check(release({"oss-start": needing(late, bound())}), "oss-start")

    assert [button["identifier"] for button in body["actions"]] == ["cancel"]


def test_a_paused_release_offers_no_retry_but_says_how_to_go_on() -> None:
    paused = replace(release({"oss-start": needing(FAILED, failed())}), paused_by="ada")

    body = check(paused, "oss-start")

    assert [button["identifier"] for button in body["actions"]] == ["skip", "cancel"]
    assert "- `/release resume 1.0.3` ends the pause" in body["output"]["summary"]


def test_in_a_pause_no_time_is_told_at_which_it_goes_on() -> None:
    paused = replace(release({"oss": record(Cooling(failed(), at(6), Cause.FLAKY))}), paused_by="ada")

    assert check(paused)["output"]["summary"] == "The failed jobs are run again after the pause."


def test_only_a_step_that_needs_a_person_has_buttons() -> None:
    assert "actions" not in check(release({"oss": record(Running(bound()))}))


def test_an_approval_has_no_check_run() -> None:
    with pytest.raises(ValueError, match="approval"):
        check(release(), "go")


TEXT = st.text(max_size=40) | st.sampled_from(
    ["`" * 70_000, "x" * 300_000, "é\n" * 90_000, "@maya | </details>\n"]
)


@settings(max_examples=40)
@given(
    kind=st.sampled_from(list(TroubleKind)),
    detail=TEXT,
    tail=TEXT,
    note=TEXT,
    name=st.text("abcdefgh-_", max_size=39),
)
def test_whatever_the_texts_are_github_takes_the_check_run(
    kind: TroubleKind, detail: str, tail: str, note: str, name: str
) -> None:
    first = PLAN.steps[0]
    assert isinstance(first, DispatchStep)
    step = replace(first, name=f"s{name}")
    oss = replace(
        needing(Trouble(kind, detail, (detail,), tail), failed()),
        notes=(Note(at(1), NoteKind.RERUN, note),) * 12,
    )

    body = check(release({step.name: oss}, plan=replace(PLAN, steps=(step,))), step.name)

    assert len(body["output"]["title"]) <= 255
    assert len(body["output"]["summary"]) <= 65_535
    assert len(body["actions"]) <= 3
    for button in body["actions"]:
        assert len(button["identifier"]) <= 20
        assert len(button["label"]) <= 20
        assert len(button["description"]) <= 40
    assert None not in [*body.values(), *body["output"].values()]
    assert body["output"]["summary"].count("<details>") == body["output"]["summary"].count("</details>")
