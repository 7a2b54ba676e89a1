"""The main story: a dispatch, a tag, the run that the tag starts, and its re-runs."""

from datetime import timedelta

import pytest

from .stage import Stage

RUNS = "/repos/acme/widget/actions/runs"


async def test_a_dispatched_run_pushes_a_tag_that_starts_the_watched_run(stage: Stage) -> None:
    answer = await stage.dispatch()
    await stage.pass_time(hours=1)

    assert answer.json()["workflow_run_id"] == stage.start.run.id
    assert stage.start.run.actor.login == "release-bot[bot]"
    assert (stage.pre.run.event, stage.pre.run.head_branch) == ("push", "v1.0.3")
    assert stage.pre.run.head_sha == stage.oss.tags["v1.0.3"].commit != stage.start.run.head_sha
    assert stage.pre.run.conclusion == "success"


async def test_a_run_goes_through_its_states_as_time_passes(stage: Stage) -> None:
    run = (await stage.dispatch()).json()["workflow_run_id"]
    seen = []
    for seconds in (0, 6, 60, 120):
        await stage.pass_time(seconds=seconds)
        seen.append((await stage.get(f"{RUNS}/{run}")).json()["status"])

    assert seen == ["queued", "in_progress", "in_progress", "completed"]


async def test_a_rerun_of_failed_jobs_keeps_the_passed_ones(stage: Stage) -> None:
    stage.pre.on_run().jobs("compile", "build", "publish")
    run = await stage.failed_run()
    compiled = run.attempt.job("compile").completed_at

    answer = await stage.ask("POST", f"{RUNS}/{run.id}/rerun-failed-jobs")
    await stage.pass_time(hours=1)
    jobs = (await stage.get(f"{RUNS}/{run.id}/jobs")).json()["jobs"]

    assert answer.status_code == 201
    assert [(job["name"], job["conclusion"]) for job in jobs] == [
        ("compile", "success"),
        ("build", "success"),
        ("publish", "success"),
    ]
    assert run.attempt.number == 2
    assert run.attempt.job("compile").completed_at == compiled
    before = (await stage.get(f"{RUNS}/{run.id}/attempts/1/jobs")).json()["jobs"]
    assert [job["conclusion"] for job in before] == ["success", "failure", "skipped"]


async def test_requested_is_never_announced_for_a_rerun(stage: Stage) -> None:
    run = await stage.failed_run()
    stage.heard.clear()
    stage.maya.reruns_failed_jobs(run)
    await stage.pass_time(hours=1)

    about_run = [action for event, action in stage.heard if event == "workflow_run"]
    assert about_run == ["in_progress", "completed"]
    assert run.attempt.triggered_by.login == "maya"


async def test_the_log_of_a_failed_job_is_on_another_host_for_one_minute(stage: Stage) -> None:
    run = await stage.failed_run()
    job = run.attempt.job("build")
    answer = await stage.get(f"/repos/acme/widget/actions/jobs/{job.id}/logs")
    place = answer.headers["location"]

    assert answer.status_code == 302
    assert (await stage.client.get(place)).text == "503 from the registry"
    await stage.pass_time(seconds=61)
    assert (await stage.client.get(place)).status_code == 403


async def test_a_log_that_was_never_written_is_a_blob_not_found(stage: Stage) -> None:
    stage.pre.on_run().job("build").fails(log=None)
    stage.maya.pushes_tag(stage.oss, "v1")
    await stage.pass_time(hours=1)
    job = stage.pre.run.attempt.job("build")
    answer = await stage.get(f"/repos/acme/widget/actions/jobs/{job.id}/logs")

    log = await stage.client.get(answer.headers["location"])
    assert (log.status_code, "BlobNotFound" in log.text) == (404, True)


async def test_a_held_run_goes_on_when_it_is_told(stage: Stage) -> None:
    stage.pre.on_run().runs_until_told()
    (run,) = stage.maya.pushes_tag(stage.oss, "v1.0.3")
    await stage.pass_time(hours=30)
    assert run.status == "in_progress"

    run.finish("failure")
    assert run.conclusion == "failure"


async def test_an_environment_holds_the_run_until_a_reviewer_approves(stage: Stage) -> None:
    stage.pre.on_run().waits_for_environment("maven-central")
    (run,) = stage.maya.pushes_tag(stage.oss, "v1.0.3")
    await stage.pass_time(hours=30)
    waiting = (await stage.get(f"{RUNS}/{run.id}/pending_deployments")).json()

    assert run.status == "waiting"
    assert [each["environment"]["name"] for each in waiting] == ["maven-central"]
    assert ("workflow_job", "waiting") in stage.heard
    stage.maya.approves(run)
    await stage.pass_time(hours=1)
    assert run.conclusion == "success"
    (review,) = (await stage.get(f"{RUNS}/{run.id}/approvals")).json()
    assert review["user"]["login"] == "maya"


async def test_a_rejected_environment_fails_the_run(stage: Stage) -> None:
    stage.pre.on_run().waits_for_environment("maven-central")
    (run,) = stage.maya.pushes_tag(stage.oss, "v1.0.3")
    await stage.pass_time(hours=1)
    stage.maya.rejects(run)
    assert run.conclusion == "failure"


async def test_a_cancelled_run_ends_some_seconds_later_and_cannot_be_cancelled_twice(stage: Stage) -> None:
    (run,) = stage.maya.pushes_tag(stage.oss, "v1.0.3")
    answer = await stage.ask("POST", f"{RUNS}/{run.id}/cancel")
    await stage.pass_time(seconds=10)

    assert (answer.status_code, run.conclusion) == (202, "cancelled")
    assert (await stage.ask("POST", f"{RUNS}/{run.id}/cancel")).status_code == 409


async def test_only_force_cancel_ends_a_run_that_ignores_cancel(stage: Stage) -> None:
    stage.pre.on_run().runs_until_told().ignores_cancel()
    (run,) = stage.maya.pushes_tag(stage.oss, "v1.0.3")
    await stage.ask("POST", f"{RUNS}/{run.id}/cancel")
    await stage.pass_time(hours=1)
    assert run.status == "in_progress"

    await stage.ask("POST", f"{RUNS}/{run.id}/force-cancel")
    await stage.pass_time(seconds=10)
    assert run.conclusion == "cancelled"


async def test_a_live_run_cannot_be_rerun(stage: Stage) -> None:
    (run,) = stage.maya.pushes_tag(stage.oss, "v1.0.3")
    answer = await stage.ask("POST", f"{RUNS}/{run.id}/rerun-failed-jobs")
    assert (answer.status_code, answer.json()["message"]) == (403, "This workflow is already running")


async def test_a_run_older_than_a_month_cannot_be_rerun(stage: Stage) -> None:
    run = await stage.failed_run()
    await stage.pass_time(hours=24 * 31)
    answer = await stage.ask("POST", f"{RUNS}/{run.id}/rerun-failed-jobs")
    assert answer.json()["message"].startswith("Unable to retry this workflow run")


async def test_a_startup_failure_sends_no_webhook_and_has_no_jobs(stage: Stage) -> None:
    stage.pre.on_run().fails_at_startup()
    (run,) = stage.maya.pushes_tag(stage.oss, "v1.0.3")
    await stage.pass_time(hours=1)

    assert (await stage.get(f"{RUNS}/{run.id}")).json()["conclusion"] == "startup_failure"
    assert (await stage.get(f"{RUNS}/{run.id}/jobs")).json()["total_count"] == 0
    assert stage.heard == []


async def test_a_run_may_be_invisible_for_a_while(stage: Stage) -> None:
    stage.start.on_run().appears_after(seconds=90)
    run = (await stage.dispatch()).json()["workflow_run_id"]

    assert (await stage.get(f"{RUNS}/{run}")).status_code == 404
    assert (await stage.get(RUNS)).json()["total_count"] == 0
    await stage.pass_time(seconds=91)
    assert (await stage.get(f"{RUNS}/{run}")).status_code == 200


async def test_the_api_may_show_the_old_attempt_for_a_while_after_a_rerun(stage: Stage) -> None:
    run = await stage.failed_run()
    stage.world.rerun_lag = timedelta(seconds=30)
    await stage.ask("POST", f"{RUNS}/{run.id}/rerun-failed-jobs")
    stale = (await stage.get(f"{RUNS}/{run.id}")).json()
    await stage.pass_time(seconds=31)
    fresh = (await stage.get(f"{RUNS}/{run.id}")).json()

    assert (stale["run_attempt"], stale["status"]) == (1, "completed")
    assert (fresh["run_attempt"], fresh["status"]) == (2, "in_progress")


async def test_a_tag_that_exists_fails_the_job_that_pushes_it(stage: Stage) -> None:
    stage.maya.pushes_tag(stage.oss, "v1.0.3")
    await stage.dispatch()
    await stage.pass_time(hours=1)
    assert stage.start.run.conclusion == "failure"
    assert stage.start.run.attempt.job("publish").log == b"fatal: tag 'v1.0.3' already exists\n"


async def test_a_deleted_run_is_gone(stage: Stage) -> None:
    (run,) = stage.maya.pushes_tag(stage.oss, "v1.0.3")
    stage.maya.deletes_run(run)
    assert (await stage.get(f"{RUNS}/{run.id}")).status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("event=push", 1),
        ("event=workflow_dispatch", 1),
        ("branch=v1.0.3", 1),
        ("status=success", 2),
        ("status=completed", 2),
        ("status=failure", 0),
        ("actor=release-bot%5Bbot%5D", 2),
        ("created=%3E%3D2026-11-20T09:02:00Z", 1),
        ("created=%3E2026-11-20", 0),
        ("created=2026-11-20T09:00:00Z..2026-11-20T09:01:00Z", 1),
        ("created=2026-11-20", 2),
        ("created=*..2026-11-19", 0),
    ],
)
async def test_listings_are_filtered_as_github_filters_them(stage: Stage, query: str, found: int) -> None:
    await stage.dispatch()
    await stage.pass_time(hours=1)
    assert (await stage.get(f"{RUNS}?{query}")).json()["total_count"] == found


async def test_parallel_jobs_all_run_although_one_fails(stage: Stage) -> None:
    stage.pre.on_run().jobs("a", "b", parallel=True).job("a").fails()
    (run,) = stage.maya.pushes_tag(stage.oss, "v1.0.3")
    await stage.pass_time(hours=1)
    assert {job.name: job.conclusion for job in run.attempt.jobs} == {"a": "failure", "b": "success"}
    assert run.conclusion == "failure"


async def test_a_rule_may_be_about_one_version_only(stage: Stage) -> None:
    stage.pre.on_run(about="1.0.3").job("build").fails()
    (failed,) = stage.maya.pushes_tag(stage.oss, "v1.0.3")
    (fine,) = stage.maya.pushes_tag(stage.oss, "v1.0.4")
    await stage.pass_time(hours=1)
    assert (failed.conclusion, fine.conclusion) == ("failure", "success")


@pytest.mark.parametrize("same", [True, False])
async def test_jobs_that_are_not_rerun_may_or_may_not_keep_their_ids(stage: Stage, same: bool) -> None:
    stage.pre.on_run().jobs("compile", "build")
    stage.world.rerun_keeps_job_ids = same
    run = await stage.failed_run()
    stage.maya.reruns_failed_jobs(run)
    ids = [attempt.job("compile").id for attempt in run.attempts]
    assert (ids[0] == ids[1]) is same


async def test_a_run_whose_jobs_were_all_skipped_is_skipped_unless_it_says_otherwise(stage: Stage) -> None:
    stage.pre.on_run().skips_every_job()
    stage.pre.on_run(about="v2").concludes("success")
    (skipped,) = stage.maya.pushes_tag(stage.oss, "v1")
    (green,) = stage.maya.pushes_tag(stage.oss, "v2")
    await stage.pass_time(hours=1)
    assert (skipped.conclusion, green.conclusion) == ("skipped", "success")
