"""Check runs when work goes on after a problem: what is completed stays, and the newest counts."""

from tests.scenarios.stage import ONE_STEP, Stage

COMPILER = "/home/runner/work/widget/core/Flow.java:42: error: cannot find symbol\n"
RIDDLE = "the gears ground to a halt\n##[error]Process completed with exit code 3.\n"


async def begins(stage: Stage, pipeline: str = ONE_STEP) -> None:
    stage.pipeline(pipeline)
    await stage.opens()
    await stage.says("/release 1.0.3")


async def test_each_problem_has_a_check_run_of_its_own_whose_button_works(stage: Stage) -> None:
    stage.world.trouble.answers("POST", "dispatches$", 422, "Unexpected inputs provided", times=None)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.passes(minutes=1)
    for press in range(1, 4):
        stage.world.hand("maya").presses(stage.checks("build")[-1], "retry")
        await stage.passes(minutes=1)

        assert len(stage.dispatches()) == 1 + press
        assert [check.conclusion for check in stage.checks("build")] == ["action_required"] * (1 + press)


async def test_a_re_run_that_is_over_at_once_does_not_turn_the_completed_check_run_into_another(
    stage: Stage,
) -> None:
    build = stage.oss.workflows["build.yml"]
    build.on_run(attempts=1).job("build").fails(log=COMPILER)
    build.on_run().takes(seconds=1)
    build.on_run().queues(seconds=0.5)
    await begins(stage)
    await stage.until(lambda: any(check.conclusion for check in stage.checks("build")))
    await stage.passes(seconds=2)
    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=1)

    assert [check.conclusion for check in stage.checks("build")] == ["action_required", "success"]


async def test_a_run_that_succeeds_after_its_time_completes_the_same_check_run(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().takes(hours=7)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=1)

    assert stage.checks("build")[-1].conclusion == "success"


async def test_a_check_run_in_progress_is_never_queued_again(stage: Stage) -> None:
    build = stage.oss.workflows["build.yml"]
    build.on_run(attempts=1).job("build").fails(log=RIDDLE)
    build.on_run().queues(seconds=40)
    build.on_run().takes(minutes=1)
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "retrying")
    stage.world.hand("walt").reruns_failed_jobs(stage.run(stage.oss, "build.yml"))
    seen = []
    for _ in range(60):
        await stage.passes(seconds=1)
        seen.append(stage.checks("build")[-1].status)
    await stage.until(lambda: stage.state() == "released")

    assert set(seen) == {"in_progress"}
    assert len(stage.checks("build")) == 1


async def test_a_check_run_asks_for_nobody_while_a_new_dispatch_is_looked_for(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")
    await stage.passes(minutes=2)
    stage.run(stage.oss, "build.yml").finish("cancelled")
    await stage.until(lambda: stage.step("build") == "needs attention")
    await stage.passes(minutes=2)
    stage.world.trouble.answers("POST", "/dispatches$", 502, times=None)
    await stage.says("/release redo build")
    await stage.passes(minutes=5)

    assert stage.step("build") == "queued"
    newest = stage.checks("build")[-1]
    assert (newest.status, newest.conclusion, newest.actions) == ("queued", None, [])
    assert stage.checks("build")[-2].conclusion == "action_required"


async def test_a_check_run_whose_answer_was_lost_is_ended_when_another_commit_is_shown(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    stage.world.trouble.answers("POST", "/dispatches$", 422, "No", times=1)
    stage.world.trouble.answers("POST", "/check-runs$", 502, "Server Error", when="after", times=1)
    stage.world.hand("maya").comments(stage.issue, "/release 1.0.3")
    await stage.until(lambda: bool(stage.checks("build")))
    stage.world.hand("ada").pushes(stage.oss, stage.oss.default_branch)
    await stage.passes(minutes=5)
    await stage.says("/release retry 1.0.3")
    await stage.passes(minutes=2)
    stage.run(stage.oss, "build.yml").finish()
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=5)

    assert [check.conclusion for check in stage.checks("build")] == [
        "cancelled",
        "action_required",
        "success",
    ]
