"""What GitHub fails to tell for good, while it answers everything else: a person is called, and what was asked for is
asked on."""

import re

import pytest

from bot.simulator.runs import Workflow
from tests.scenarios.stage import ONE_CHAIN, ONE_STEP, Stage

NETWORK = "npm error code ECONNRESET\nnpm error network read ECONNRESET\n"
RERUN, JOBS, RUN, RUNS_OF_IMAGES = (
    r"rerun-failed-jobs$",
    r"/jobs$",
    r"/actions/runs/\d+$",
    r"docker\.yml/runs$",
)
AN_HOUR = ONE_STEP.replace("build: {", "build: {timeout: 1h, ")


def build(stage: Stage) -> Workflow:
    return stage.oss.workflows["build.yml"]


async def begins(stage: Stage, pipeline: str = ONE_STEP) -> None:
    stage.pipeline(pipeline)
    await stage.opens()
    await stage.says("/release 1.0.3")


async def calls_somebody_once(stage: Stage, *, within: float = 2) -> str:
    """What the bot says when it needs somebody, which it says once."""
    await stage.until(lambda: stage.state() == "needs attention", hours=within)
    before = len(stage.world.ledger)
    await stage.passes(hours=2)
    assert stage.state() == "needs attention"
    assert len(stage.world.ledger) - before < 2 * 60 * 4, "that is more than a look a minute and a bit"
    (said,) = (said for said in stage.said() if "needs you" in said)
    return said


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_f42_a_failed_run_whose_jobs_cannot_be_read_calls_a_person_and_goes_on_when_they_can(
    stage: Stage, status: int
) -> None:
    build(stage).on_run(attempts=1).job("build").fails(log=NETWORK)
    stage.world.trouble.answers("GET", JOBS, status, "something odd", times=None)
    await begins(stage)
    said = await calls_somebody_once(stage)
    assert "goes on by itself when there is an answer" in said
    assert f"(HTTP {status})" in said or f"with HTTP {status}" in said
    assert re.search(r"/release retry .*\n.*/release redo .*\n.*/release skip ", said)
    stage.world.trouble.ends()
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(build(stage).run.attempts) == 2


@pytest.mark.parametrize(("verb", "attempts", "runs"), [("retry", 2, 1), ("redo", 1, 2), ("skip", 1, 1)])
async def test_f42_a_person_need_not_wait_until_its_jobs_can_be_read(
    stage: Stage, verb: str, attempts: int, runs: int
) -> None:
    build(stage).on_run(attempts=1, runs=1).job("build").fails(log=NETWORK)
    stage.world.trouble.answers("GET", JOBS, 500, times=None)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    stage.world.trouble.ends()
    await stage.says(f"/release {verb} build")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(build(stage).runs[0].attempts) == attempts
    assert len(build(stage).runs) == runs


@pytest.mark.parametrize("status", [404, 500])
async def test_f42_a_cancelled_run_whose_jobs_cannot_be_read_calls_a_person(
    stage: Stage, status: int
) -> None:
    build(stage).on_run().concludes("cancelled").job("build").is_cancelled()
    stage.world.trouble.answers("GET", JOBS, status, times=None)
    await begins(stage)
    await calls_somebody_once(stage)


@pytest.mark.parametrize("status", [500, 502])
async def test_f36_a_re_run_that_github_never_takes_calls_a_person_and_is_not_asked_for_any_more(
    stage: Stage, status: int
) -> None:
    build(stage).on_run().job("build").fails(log=NETWORK)
    stage.world.trouble.answers("POST", RERUN, status, times=None)
    await begins(stage)
    said = await calls_somebody_once(stage)
    assert f"HTTP {status}" in said
    assert len(stage.world.ledger.reruns) < 60


async def test_f49_a_re_run_that_only_a_rate_limit_keeps_back_calls_nobody(stage: Stage) -> None:
    build(stage).on_run(attempts=1).job("build").fails(log=NETWORK)
    stage.world.trouble.secondary_limit("POST", RERUN, retry_after=5, times=1_000)
    await begins(stage)
    await stage.passes(hours=3)
    assert stage.step("build") == "retrying"
    stage.world.trouble.ends()
    await stage.until(lambda: stage.state() == "released", hours=6)
    assert sum(entry.effect for entry in stage.world.ledger.reruns) == 1
    assert not [said for said in stage.said() if "needs you" in said]


@pytest.mark.parametrize("path", [JOBS, RUN])
async def test_f42_a_success_that_github_does_not_confirm_calls_a_person_and_counts_later(
    stage: Stage, path: str
) -> None:
    stage.world.trouble.answers("GET", path, 500, times=None)
    await begins(stage)
    await calls_somebody_once(stage)
    stage.world.trouble.ends()
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 1


async def test_f42_a_run_that_is_over_its_time_calls_a_person_though_only_listings_show_it(
    stage: Stage,
) -> None:
    build(stage).on_run().runs_until_told()
    await begins(stage, AN_HOUR)
    await stage.until(lambda: stage.step("build") == "running", hours=1)
    stage.world.trouble.answers("GET", RUN, 500, times=None)
    assert "not over after 1h" in await calls_somebody_once(stage)


@pytest.mark.parametrize("status", [403, 500])
async def test_f42_a_send_before_which_something_cannot_be_read_calls_a_person_and_goes_on_when_it_can(
    stage: Stage, status: int
) -> None:
    """The word of the step does not change to and fro meanwhile, though looks at the repository succeed."""
    await begins(stage, ONE_CHAIN)
    stage.world.trouble.answers("GET", RUNS_OF_IMAGES, status, times=None)
    said = await calls_somebody_once(stage)
    assert "/release skip 1.0.3 images" in said
    assert "/release retry" not in said
    assert "/release redo" not in said
    stage.world.trouble.ends()
    await stage.until(lambda: stage.state() == "released", hours=2)
    assert len(stage.dispatches("release-docker.yml")) == 1


async def test_f31_a_run_whose_workflow_is_deleted_while_it_goes_on_is_judged_all_the_same(
    stage: Stage,
) -> None:
    build(stage).on_run().takes(minutes=10)
    build(stage).on_run().job("build").fails(log="who knows why")
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running", hours=1)
    del stage.oss.workflows["build.yml"]
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert "The run failed" in stage.said()[0]


async def test_f34_a_run_that_gives_way_though_its_workflow_is_deleted_comes_to_an_end(stage: Stage) -> None:
    workflow = build(stage)
    workflow.group = "images"
    workflow.on_run().takes(minutes=20)
    maya = stage.world.hand("maya")
    maya.starts(workflow, version="0.9.0")
    await begins(stage)
    await stage.until(lambda: workflow.run.status == "pending", hours=1)
    maya.starts(workflow, version="0.9.1")
    del stage.oss.workflows["build.yml"]
    await stage.until(lambda: stage.state() == "needs attention", hours=2)


async def test_f42_a_release_is_cancelled_though_its_run_cannot_be_read(stage: Stage) -> None:
    build(stage).on_run().runs_until_told()
    await begins(stage, AN_HOUR)
    await stage.until(lambda: stage.step("build") == "running", hours=1)
    stage.world.trouble.answers("GET", RUN, 500, times=None)
    await stage.says("/release cancel")
    await stage.until(lambda: stage.state() == "cancelled", hours=3)
