"""A person has re-run a run on GitHub, and no webhook has told of it: commands are judged on what is true."""

import pytest

from bot.simulator.runs import Run, Workflow
from tests.scenarios.stage import ONE_STEP, Stage

TOLD = ["eyes", "confused"]
NO_RETRY = ONE_STEP.replace("ref: develop", "ref: develop, retry: 0")
LINE = ONE_STEP.replace("  release:\n", "  release:\n    concurrency: all\n")


async def rerun_unseen(stage: Stage) -> tuple[Workflow, Run]:
    """The step's run failed, a person re-ran it a moment ago, and no webhook has told of it yet."""
    stage.pipeline(NO_RETRY)
    build = stage.oss.workflows["build.yml"]
    build.on_run(attempts=1).job("publish").fails()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")
    build.on_run().takes(minutes=30)
    run = build.runs[-1]
    stage.world.hook.post.loses("workflow_run")
    stage.world.hook.post.loses("workflow_job")
    stage.world.hand("maya").reruns_failed_jobs(run)
    return build, run


async def test_cancelled_is_said_only_when_the_bound_run_is_over(stage: Stage) -> None:
    _, run = await rerun_unseen(stage)
    await stage.says("/release cancel")
    await stage.until(lambda: stage.state() == "cancelled")
    assert run.status == "completed"


async def test_a_freed_group_has_no_live_run(stage: Stage) -> None:
    stage.pipeline(LINE.replace("ref: develop", "ref: develop, retry: {any: 1, wait: 5m}"))
    build = stage.oss.workflows["build.yml"]
    build.on_run(about="1.0.3", attempts=1).job("publish").fails()
    await stage.opens()
    await stage.says("/release 1.0.3 1.0.4")
    await stage.until(lambda: stage.step("build") == "retrying")
    build.on_run().takes(minutes=30)
    stage.world.hook.post.loses("workflow_run")
    stage.world.hook.post.loses("workflow_job")
    stage.world.hand("maya").reruns_failed_jobs(build.runs[-1])
    await stage.says("/release cancel 1.0.3")
    await stage.passes(seconds=20)
    assert len([run for run in build.runs if run.status != "completed"]) == 1


@pytest.mark.parametrize("verb", ["redo", "skip", "adopt", "retry"])
async def test_a_live_run_refuses_the_command(stage: Stage, verb: str) -> None:
    build, run = await rerun_unseen(stage)
    more = ""
    if verb == "adopt":
        more = f" {stage.world.hand('maya').starts(build, 'develop', version='1.0.3').id}"
        await stage.passes(seconds=5)
    comment = await stage.says(f"/release {verb} build{more}")
    await stage.passes(seconds=10)
    assert stage.reactions(comment) == TOLD
    assert str(run.id) in stage.answer()


async def test_the_skip_button_leaves_a_live_run_alone(stage: Stage) -> None:
    await rerun_unseen(stage)
    stage.world.hand("maya").presses(stage.checks("build")[-1], "skip")
    await stage.passes(seconds=20)
    assert stage.state() != "released"


async def test_while_runs_cannot_be_read_a_command_is_judged_on_what_is_known(stage: Stage) -> None:
    build, _ = await rerun_unseen(stage)
    build.runs[-1].finish("failure")
    stage.world.trouble.answers("GET", r"/actions/runs/[0-9]+$", 502, "Server Error", times=None)
    comment = await stage.says("/release skip build")
    await stage.passes(seconds=20)
    assert stage.reactions(comment) == ["eyes", "rocket"]
