"""Driving: which step starts when, which run it is bound to, and what counts as its end."""

import pytest

from bot.simulator.runs import Run, Workflow
from tests.scenarios.stage import ONE_CHAIN, ONE_STEP, OSS, Stage


def watching(ref: str, more: str = "") -> str:
    return f"""\
pipelines:
  release:
    steps:
      build: {{repo: {OSS}, watch: pre-release.yml, ref: "{ref}"{more}}}
"""


def flow(stage: Stage, file: str = "build.yml") -> Workflow:
    return stage.oss.workflows[file]


async def begins(stage: Stage, pipeline: str = ONE_STEP) -> None:
    stage.pipeline(pipeline)
    await stage.opens()
    await stage.says("/release 1.0.3")


def bound(stage: Stage, run: Run) -> bool:
    return f"/runs/{run.id})" in stage.status().rows["build"]


def a_tag_without_a_run(stage: Stage) -> None:
    watched = flow(stage, "pre-release.yml")
    watched.on_tag = False
    stage.world.hand("maya").pushes_tag(stage.oss, "v1.0.3")
    watched.on_tag = True


# -- the order of steps ------------------------------------------------------------------------------------------


async def test_both_editions_start_at_once_and_neither_waits_for_the_other(stage: Stage) -> None:
    stage.ee.workflows["global-start-release.yml"].on_run().takes(hours=1)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("oss") == "passed")
    assert stage.step("ee-start") == "running"
    assert len(stage.dispatches("global-start")) == 2


async def test_the_images_wait_for_both_editions(stage: Stage) -> None:
    stage.ee.workflows["pre-release.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("oss") == "passed" and stage.step("ee") == "running")
    await stage.passes(hours=2)
    assert stage.dispatches("docker") == []
    assert stage.step("oss-docker") == "waiting"

    stage.run(stage.ee, "pre-release.yml").finish()
    await stage.until(lambda: stage.state() == "released")
    assert len(stage.dispatches("docker")) == 2


async def test_nothing_follows_a_start_workflow_that_failed(stage: Stage) -> None:
    flow(stage, "global-start-release.yml").on_run().pushes_tag(None).job("build").fails()
    await begins(stage, ONE_CHAIN)
    await stage.until(lambda: stage.state() == "needs attention")
    assert (stage.step("start"), stage.step("build")) == ("needs attention", "waiting")
    assert stage.dispatches() == ["widget/global-start-release.yml@develop"]


async def test_a_workflow_that_forgot_the_tag_is_told_when_the_time_is_over(stage: Stage) -> None:
    flow(stage, "global-start-release.yml").on_run().pushes_tag(None)
    await begins(stage, ONE_CHAIN)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert (stage.step("start"), stage.step("build")) == ("passed", "needs attention")
    assert "appeared within 15m" in stage.said()[0]

    stage.world.hand("maya").pushes_tag(stage.oss, "v1.0.3")
    await stage.until(lambda: stage.state() == "released", hours=1)


# -- how a run ends -----------------------------------------------------------------------------------------------


async def test_a_run_in_which_every_job_was_skipped_is_no_success(stage: Stage) -> None:
    flow(stage).on_run().skips_every_job().concludes("success")
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")
    assert "not one of its jobs ran" in stage.said()[0]
    assert stage.world.ledger.reruns == []


async def test_f41_a_workflow_that_github_cannot_start_needs_a_person_and_is_not_re_run(stage: Stage) -> None:
    flow(stage).on_run().fails_at_startup()
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert "could not start" in stage.said()[0]
    assert stage.world.ledger.reruns == []


@pytest.mark.parametrize("conclusion", ["neutral", "stale", "action_required"])
async def test_an_end_that_is_neither_success_nor_failure_needs_a_person(
    stage: Stage, conclusion: str
) -> None:
    flow(stage).on_run().concludes(conclusion)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert conclusion in stage.said()[0]


async def test_f59_a_run_over_its_time_calls_a_person_and_a_later_success_still_counts(stage: Stage) -> None:
    flow(stage).on_run().runs_until_told()
    await begins(stage, ONE_STEP.replace("build: {", "build: {timeout: 1h, "))
    await stage.until(lambda: stage.state() == "needs attention", hours=2)
    assert "not over after 1h" in stage.said()[0]

    stage.run(stage.oss, "build.yml").finish()
    await stage.until(lambda: stage.state() == "released")
    assert len(stage.dispatches()) == 1


async def test_time_in_the_queue_counts(stage: Stage) -> None:
    flow(stage).on_run().queues(hours=3)
    await begins(stage, ONE_STEP.replace("build: {", "build: {timeout: 1h, "))
    await stage.until(lambda: stage.state() == "needs attention", hours=2)


async def test_f43_time_stands_still_while_github_waits_for_somebody_to_approve_an_environment(
    stage: Stage,
) -> None:
    flow(stage).on_run().waits_for_environment("production")
    await begins(stage, ONE_STEP.replace("build: {", "build: {timeout: 1h, "))
    await stage.until(lambda: stage.step("build") == "awaiting approval")
    assert stage.state() == "running"
    await stage.passes(hours=8)
    assert stage.step("build") == "awaiting approval"
    assert len(stage.said()) == 1
    assert "@maya" in stage.said()[0]
    assert "awaiting approval" in stage.said()[0]

    stage.world.hand("ada").approves(stage.run(stage.oss, "build.yml"))
    await stage.until(lambda: stage.state() == "released")


async def test_an_environment_that_somebody_rejects_is_a_failure_for_a_person(stage: Stage) -> None:
    flow(stage).on_run().waits_for_environment("production")
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "awaiting approval")
    stage.world.hand("ada").rejects(stage.run(stage.oss, "build.yml"))
    await stage.until(lambda: stage.state() == "needs attention", hours=1)


# -- which run a watch step binds ----------------------------------------------------------------------------------


async def test_a_tag_that_was_pushed_before_the_command_is_found_with_its_run(stage: Stage) -> None:
    (run,) = stage.world.hand("walt").pushes_tag(stage.oss, "v1.0.3")
    await stage.passes(hours=5)
    await begins(stage, watching("v{{ version }}"))
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert bound(stage, run)


@pytest.mark.parametrize("annotated", [False, True], ids=["lightweight", "annotated"])
async def test_a_run_of_a_tag_counts_only_on_the_commit_the_tag_has_now(
    stage: Stage, annotated: bool
) -> None:
    maya = stage.world.hand("maya")
    (old,) = maya.pushes_tag(stage.oss, "v1.0.3", annotated=annotated)
    await stage.passes(minutes=30)
    maya.pushes(stage.oss)
    maya.deletes_tag(stage.oss, "v1.0.3")
    await stage.passes(minutes=1)
    (new,) = maya.pushes_tag(stage.oss, "v1.0.3", annotated=annotated)
    await begins(stage, watching("v{{ version }}"))
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert old.head_sha != new.head_sha
    assert bound(stage, new)


async def test_of_a_branch_the_first_run_after_the_step_became_due_is_taken(stage: Stage) -> None:
    flow(stage, "pre-release.yml").on_branches = ("develop",)
    maya = stage.world.hand("maya")
    maya.pushes(stage.oss)
    await stage.passes(minutes=30)
    await begins(stage, watching("develop"))
    await stage.passes(minutes=3)
    assert stage.step("build") == "waiting"
    (first,) = maya.pushes(stage.oss)
    await stage.passes(seconds=30)
    maya.pushes(stage.oss)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert bound(stage, first)


async def test_a_run_that_something_else_started_is_not_taken(stage: Stage) -> None:
    a_tag_without_a_run(stage)
    stage.world.hand("maya").starts(flow(stage, "pre-release.yml"), "v1.0.3")
    await begins(stage, watching("v{{ version }}"))
    await stage.passes(minutes=10)
    assert stage.step("build") == "waiting"
    await stage.until(lambda: stage.state() == "needs attention", hours=1)


async def test_the_event_of_the_file_decides_which_run_is_taken(stage: Stage) -> None:
    a_tag_without_a_run(stage)
    run = stage.world.hand("maya").starts(flow(stage, "pre-release.yml"), "v1.0.3")
    await begins(stage, watching("v{{ version }}", ", event: workflow_dispatch"))
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert bound(stage, run)


async def test_two_runs_of_one_tag_are_both_named_and_a_person_chooses(stage: Stage) -> None:
    maya = stage.world.hand("maya")
    (first,) = maya.pushes_tag(stage.oss, "v1.0.3")
    maya.deletes_tag(stage.oss, "v1.0.3")
    (second,) = maya.pushes_tag(stage.oss, "v1.0.3")
    await begins(stage, watching("v{{ version }}"))
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert str(first.id) in stage.said()[0]
    assert str(second.id) in stage.said()[0]

    await stage.says(f"/release adopt 1.0.3 build {first.id}")
    await stage.until(lambda: stage.state() == "released")
    assert bound(stage, first)
