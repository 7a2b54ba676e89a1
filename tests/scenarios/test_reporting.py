"""Reporting: one status comment, check runs on the commits, a call when a person is needed, and no noise."""

from datetime import timedelta
from itertools import pairwise

import pytest

from bot.simulator.ledger import Entry
from bot.simulator.repositories import Comment
from bot.simulator.runs import Run
from tests.scenarios.reading import StatusComment
from tests.scenarios.stage import ONE_STEP, Stage

COMPILER = "/home/runner/work/widget/core/Flow.java:42: error: cannot find symbol\n"
APPROVAL = """\
pipelines:
  release:
    steps:
      go: {approval: "Publish the images?"}
"""
WATCHED = """\
pipelines:
  release:
    steps:
      build: {{repo: acme/widget, watch: pre-release.yml, ref: "v{{{{ version }}}}", timeout: {timeout}}}
"""


async def begins(stage: Stage, pipeline: str = ONE_STEP, **settings: str) -> None:
    stage.pipeline(pipeline)
    await stage.opens(**settings)
    await stage.says("/release 1.0.3")


def edits(stage: Stage) -> list[Entry]:
    return stage.world.ledger.matching("PATCH", "/issues/comments/")


def run(stage: Stage) -> Run:
    return stage.run(stage.oss, "build.yml")


def status_comments(stage: Stage) -> list[Comment]:
    return [comment for comment in stage.world.comments_of_bot() if StatusComment.read(comment.body)]


# -- the status comment --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [10, 60])
async def test_the_status_comment_is_created_once_and_edited_no_oftener_than_the_setting_says(
    stage: Stage, seconds: int
) -> None:
    await stage.opens(EDIT_SECONDS=str(seconds))
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    times = [entry.at for entry in edits(stage)]
    calm = times[:-1]  # the end is told at once
    pauses = [later - earlier for earlier, later in pairwise(calm)]
    assert all(pause >= timedelta(seconds=seconds) for pause in pauses), pauses
    assert len(status_comments(stage)) == 1


async def test_a_problem_is_told_at_once_and_not_after_the_pause(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().job("build").fails(log=COMPILER)
    await begins(stage, EDIT_SECONDS="3600")
    await stage.until(lambda: run(stage).status == "completed")
    await stage.passes(seconds=10)
    assert stage.state() == "needs attention"


async def test_a_quiet_day_writes_nothing(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await begins(stage)
    await stage.passes(minutes=10)
    before = len(stage.world.ledger.writes)
    await stage.passes(hours=5)
    assert len(stage.world.ledger.writes) == before


async def test_f55_a_deleted_status_comment_is_created_once_more_and_then_no_longer(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")
    maya = stage.world.hand("maya")
    maya.deletes(status_comments(stage)[-1])
    await stage.until(lambda: stage.step("build") == "running", hours=1)
    assert len(stage.statuses()) == 1

    maya.deletes(next(comment for comment in status_comments(stage) if not comment.deleted))
    run(stage).finish()
    await stage.until(lambda: any("is released" in said for said in stage.said()), hours=1)
    await stage.passes(hours=1)
    assert stage.statuses() == []


async def test_f54_a_locked_issue_cannot_stop_a_release(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().takes(minutes=10)
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")
    stage.world.hand("ada").locks(stage.issue)
    await stage.until(lambda: stage.state() == "released", hours=1)
    await stage.passes(minutes=30)
    assert [check.conclusion for check in stage.checks("build")] == ["success"]
    assert stage.said() == []

    stage.issue.locked = False
    await stage.until(lambda: len(stage.said()) == 1, hours=1)
    assert "is released" in stage.said()[0]


async def test_a_release_in_an_issue_that_was_locked_at_once_goes_its_way_unseen(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    stage.world.trouble.calls("POST", "reactions$", lambda: stage.world.hand("ada").locks(stage.issue))
    await stage.says("/release 1.0.3")
    await stage.until(lambda: [check.conclusion for check in stage.checks("build")] == ["success"], hours=2)
    assert stage.statuses() == []


async def test_f56_an_answer_that_was_lost_does_not_make_a_second_status_comment(stage: Stage) -> None:
    stage.world.trouble.answers("POST", "/issues/7/comments$", 502, when="after", times=1)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=1)
    await stage.passes(minutes=10)
    assert len(status_comments(stage)) == 1


# -- check runs ----------------------------------------------------------------------------------------------------


async def test_the_check_run_of_a_step_lives_on_the_commit_of_its_run_from_the_queue_to_its_end(
    stage: Stage,
) -> None:
    stage.oss.workflows["build.yml"].on_run().queues(minutes=5)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=1)
    (check,) = stage.checks("build")
    told = [
        (entry.body or {}).get("status")
        for entry in stage.world.ledger
        if entry.writes and "/check-runs" in entry.path
    ]
    assert list(dict.fromkeys(told)) == ["queued", "in_progress", "completed"]
    assert (check.conclusion, check.head_sha) == ("success", run(stage).head_sha)
    assert check.external_id == f"{stage.status().release_id}/build"


async def test_while_a_step_is_retrying_its_check_run_stays_in_progress(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run(attempts=1).job("build").fails()
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "retrying")
    await stage.passes(seconds=5)
    assert [check.status for check in stage.checks("build")] == ["in_progress"]
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=1)
    assert [check.conclusion for check in stage.checks("build")] == ["success"]


async def test_buttons_appear_only_when_a_person_is_needed(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run(attempts=1).job("build").fails(log=COMPILER)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.passes(minutes=1)
    (check,) = stage.checks("build")
    assert check.conclusion == "action_required"
    assert [button.identifier for button in check.actions] == ["retry", "skip", "cancel"]

    stage.world.hand("maya").presses(check, "retry")
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=1)
    old, new = stage.checks("build")
    assert (old.conclusion, new.conclusion) == ("action_required", "success")
    assert list(new.actions) == []


async def test_a_problem_before_any_run_stands_on_the_head_of_the_default_branch(stage: Stage) -> None:
    stage.world.trouble.answers("POST", "dispatches$", 422, "Unexpected inputs")
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.passes(minutes=1)
    (check,) = stage.checks("build")
    assert check.head_sha == stage.oss.branches["develop"]
    assert check.conclusion == "action_required"


# -- calls ---------------------------------------------------------------------------------------------------------


async def test_a_person_is_called_once_for_each_problem(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run(attempts=2).job("build").fails(log=COMPILER)
    await begins(stage, LOOK_SECONDS="3600")
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.passes(hours=26)
    assert [said.startswith("@maya release 1.0.3 needs you at") for said in stage.said()] == [True]

    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "needs attention" and len(stage.said()) == 2)
    await stage.passes(hours=26)
    assert len(stage.said()) == 2


async def test_an_approval_calls_again_every_day(stage: Stage) -> None:
    await begins(stage, APPROVAL, LOOK_SECONDS="3600")
    await stage.passes(minutes=1)
    assert len(stage.said()) == 1
    await stage.passes(hours=23)
    assert len(stage.said()) == 1
    await stage.passes(hours=49)
    assert len(stage.said()) == 4
    assert all(said.startswith("@maya") for said in stage.said())

    await stage.says("/release approve")
    await stage.until(lambda: stage.state() == "released")


async def test_an_environment_on_github_calls_again_every_day(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().waits_for_environment("production")
    await begins(stage, LOOK_SECONDS="3600")
    await stage.until(lambda: stage.step("build") == "awaiting approval")
    await stage.passes(hours=49)
    assert len(stage.said()) == 3


async def test_the_end_is_told_once_to_the_person_who_started(stage: Stage) -> None:
    await begins(stage)
    await stage.until(lambda: stage.state() == "released")
    await stage.bot_restarts()
    await stage.passes(hours=2)
    assert [said.startswith("@maya release 1.0.3 is released") for said in stage.said()] == [True]


async def test_a_cancelled_release_says_so_once_and_its_check_runs_end(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")
    await stage.says("/release cancel")
    await stage.until(lambda: stage.state() == "cancelled", hours=1)
    await stage.passes(minutes=5)
    assert [said.startswith("@maya release 1.0.3 is cancelled") for said in stage.said()] == [True]
    assert [check.conclusion for check in stage.checks("build")] == ["cancelled"]
    assert run(stage).conclusion == "cancelled"


# -- an environment that waits for its reviewers -----------------------------------------------------------


async def begins_with_an_environment(stage: Stage, timeout: str) -> Run:
    """The run of the tag waits for the reviewers of `production` once its build is over."""
    stage.pipeline(WATCHED.format(timeout=timeout))
    watched = stage.workflow(stage.oss, "pre-release.yml")
    run = watched.on_run().jobs("build", "publish").takes(minutes=40)
    run.job("publish").waits_for_environment("production")
    await stage.opens()
    stage.world.hand("walt").pushes_tag(stage.oss, "v1.0.3")
    await stage.until(lambda: bool(watched.runs))
    return watched.run


async def test_what_waited_for_its_reviewers_before_the_release_began_is_not_late_when_they_approve(
    stage: Stage,
) -> None:
    waiting = await begins_with_an_environment(stage, "6h")
    await stage.passes(hours=7)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "awaiting approval")

    stage.world.hand("ada").approves(waiting)

    await stage.until(lambda: stage.state() == "released", hours=2)
    assert not [said for said in stage.said() if "needs you" in said]


async def test_an_environment_that_waits_after_the_time_of_its_step_is_over_is_told(stage: Stage) -> None:
    waiting = await begins_with_an_environment(stage, "30m")
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention", hours=1)

    await stage.until(lambda: waiting.status == "waiting", hours=1)

    await stage.until(lambda: stage.step("build") == "awaiting approval")
    await stage.passes(minutes=1)
    assert "approve" in stage.answer()


async def test_in_a_locked_issue_the_status_comment_is_tried_no_faster_than_edits(stage: Stage) -> None:
    await stage.opens(EDIT_SECONDS="10")
    await stage.says("/release help")
    stage.world.hand("ada").locks(stage.issue)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: len(stage.dispatches()) == 4, hours=6)

    tried = [
        entry.at
        for entry in stage.world.ledger.matching("POST", "/issues/7/comments$")
        if "<!-- release-bot:" in str(entry.body)
    ]
    assert len(tried) >= 3
    assert all(later - earlier >= timedelta(seconds=10) for earlier, later in pairwise(tried))
