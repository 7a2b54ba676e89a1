"""Concurrency groups: one run goes, the newest of the others waits, and those in between are cancelled."""

import pytest

from bot.simulator.runs import Attempt, Run

from .stage import Stage

RUNS = "/repos/acme/widget/actions/runs"
CANCELED = "Canceling since a higher priority waiting request for 'images' exists"


def starts(stage: Stage, version: str = "1") -> Run:
    stage.start.group = "images"
    return stage.maya.starts(stage.start, releaseVersion=version)


async def three(stage: Stage) -> tuple[Run, Run, Run]:
    """One goes, one gave way, one waits."""
    stage.start.on_run().jobs("build", "publish").pushes_tag(None)
    first, second, third = (starts(stage, version) for version in "123")
    await stage.pass_time(seconds=1)
    return first, second, third


def states(*runs: Run) -> list[tuple[str, str | None]]:
    return [(run.status, run.conclusion) for run in runs]


async def test_of_those_that_wait_only_the_newest_is_kept(stage: Stage) -> None:
    runs = await three(stage)
    assert states(*runs) == [("queued", None), ("completed", "cancelled"), ("pending", None)]
    await stage.pass_time(seconds=600)
    assert states(*runs) == [("completed", "success"), ("completed", "cancelled"), ("completed", "success")]
    ended = runs[0].attempt.updated_at
    assert [job.started_at and job.started_at >= ended for job in runs[2].attempt.jobs] == [True, True]


async def test_a_run_that_gave_way_says_so_at_its_jobs_which_no_runner_had(stage: Stage) -> None:
    _, second, _ = await three(stage)
    jobs = (await stage.get(f"{RUNS}/{second.id}/attempts/1/jobs")).json()["jobs"]
    assert [job["name"] for job in jobs] == ["build", "publish"]
    for job in jobs:
        assert (job["conclusion"], job["runner_id"], job["steps"]) == ("cancelled", None, [])
        check = job["check_run_url"].rpartition("/")[2]
        notes = (await stage.get(f"/repos/acme/widget/check-runs/{check}/annotations")).json()
        assert [note["message"] for note in notes] == [CANCELED]


async def test_a_run_without_jobs_says_in_its_suite_why_it_gave_way(stage: Stage) -> None:
    stage.start.jobs_come_late = True
    _, second, third = await three(stage)
    assert (await stage.get(f"{RUNS}/{second.id}/jobs")).json()["jobs"] == []
    suite = (await stage.get(f"{RUNS}/{second.id}")).json()["check_suite_id"]
    (check,) = (await stage.get(f"/repos/acme/widget/check-suites/{suite}/check-runs")).json()["check_runs"]
    notes = (await stage.get(f"/repos/acme/widget/check-runs/{check['id']}/annotations")).json()
    assert [note["message"] for note in notes] == [CANCELED]
    await stage.pass_time(seconds=600)
    assert third.conclusion == "success"


async def test_waiting_and_giving_way_are_announced(stage: Stage) -> None:
    await three(stage)
    runs = [(each, action) for each, action in stage.heard if each == "workflow_run"]
    assert runs == [*[("workflow_run", "requested")] * 3, ("workflow_run", "completed")]
    assert stage.heard.count(("workflow_job", "completed")) == 2


async def test_groups_of_other_names_and_repositories_do_not_meet(stage: Stage) -> None:
    other = stage.world.add_workflow(stage.ee, "start.yml", inputs=["releaseVersion"])
    other.group = stage.start.group = "build-{releaseVersion}"
    runs = [
        stage.maya.starts(stage.start, releaseVersion="1"),
        stage.maya.starts(stage.start, releaseVersion="2"),
        stage.maya.starts(other, releaseVersion="1"),
    ]
    await stage.pass_time(seconds=6)
    assert [run.status for run in runs] == ["in_progress"] * 3


async def test_workflows_of_one_repository_share_a_group_whatever_its_letter_case(stage: Stage) -> None:
    stage.pre.group = "IMAGES"
    starts(stage)
    (run,) = stage.maya.pushes_tag(stage.oss, "v9")
    await stage.pass_time(seconds=6)
    assert run.status == "pending"


async def test_a_run_in_progress_is_cut_off_where_the_workflow_wants_it(stage: Stage) -> None:
    stage.start.cancels_in_progress = True
    stage.start.on_run().pushes_tag(None)
    first = starts(stage)
    await stage.pass_time(seconds=10)
    second = starts(stage)
    await stage.pass_time(seconds=6)
    assert states(first, second) == [("completed", "cancelled"), ("in_progress", None)]
    assert first.attempt.job("build").started_at is not None


async def test_a_pending_run_that_a_person_cancels_says_who(stage: Stage) -> None:
    first, _, third = await three(stage)
    stage.maya.cancels(third)
    await stage.pass_time(seconds=6)
    assert states(first, third) == [("in_progress", None), ("completed", "cancelled")]
    notes = [note.message for job in third.attempt.jobs for note in job.check_run.annotations]
    assert notes == ["The run was canceled by @maya."] * 2


async def test_a_re_run_waits_for_its_group_too(stage: Stage) -> None:
    _, second, third = await three(stage)
    await stage.pass_time(seconds=200)
    assert third.status == "in_progress"
    stage.maya.reruns(second)
    await stage.pass_time(seconds=1)
    assert second.status == "pending"
    await stage.pass_time(seconds=600)
    assert second.conclusion == "success"


@pytest.mark.parametrize("deleted", ["who goes", "who waits"])
async def test_a_run_that_is_deleted_holds_nobody_up(stage: Stage, deleted: str) -> None:
    first, _, third = await three(stage)
    stage.maya.deletes_run(first if deleted == "who goes" else third)
    fourth: Attempt = starts(stage, "4").attempt
    await stage.pass_time(seconds=900)
    assert fourth.conclusion == "success"
