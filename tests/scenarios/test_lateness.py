"""Nobody waits for nothing: a queue without a runner and a step that takes too long are said, each once."""

from bot.simulator.runs import Run, Workflow
from tests.scenarios.stage import ONE_STEP, Stage

NO_RUNNER = "attempt 1 waited more than 15m for a runner"
FOR_GROUP = "attempt 1 waited more than 15m for its concurrency group"
LATE = "late: nine of ten before it were over within"


def build(stage: Stage) -> Workflow:
    return stage.oss.workflows["build.yml"]


async def begins(stage: Stage) -> Run:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: build(stage).runs, hours=1)
    return build(stage).run


# -- the queue -------------------------------------------------------------------------------------------


async def test_a_run_that_no_runner_takes_is_told_after_a_quarter_of_an_hour(stage: Stage) -> None:
    build(stage).on_run().queues(hours=1)
    await begins(stage)
    await stage.passes(minutes=14)
    assert "for a runner" not in stage.status().body
    await stage.passes(minutes=2)
    assert NO_RUNNER in stage.status().body
    assert stage.step("build") == "queued"
    await stage.until(lambda: stage.state() == "released", hours=3)
    assert stage.status().body.count(NO_RUNNER) == 1
    assert not [said for said in stage.said() if "for a runner" in said]


async def test_a_long_queue_is_told_at_the_check_run_as_well(stage: Stage) -> None:
    build(stage).on_run().queues(hours=1)
    await begins(stage)
    await stage.passes(minutes=16)
    (check,) = stage.checks("build")
    assert NO_RUNNER in f"{check.summary}\n{check.text}"


async def test_a_slow_run_is_not_taken_for_one_without_a_runner(stage: Stage) -> None:
    build(stage).on_run().takes(hours=1)
    await begins(stage)
    await stage.passes(minutes=40)
    assert stage.step("build") == "running"
    assert "for a runner" not in stage.status().body


async def test_a_run_that_waits_for_its_concurrency_group_is_told_so(stage: Stage) -> None:
    build(stage).group = "images"
    build(stage).on_run().takes(hours=1)
    stage.world.hand("maya").starts(build(stage), version="0.9.0")
    await stage.passes(minutes=1)
    await begins(stage)
    await stage.passes(minutes=17)
    assert FOR_GROUP in stage.status().body
    assert "for a runner" not in stage.status().body


async def test_a_run_that_waits_for_an_environment_has_no_long_queue(stage: Stage) -> None:
    build(stage).on_run().jobs("build").waits_for_environment("production")
    run = await begins(stage)
    await stage.passes(minutes=40)
    assert stage.step("build") == "awaiting approval"
    assert "for a runner" not in stage.status().body
    stage.world.hand("ada").approves(run)
    await stage.until(lambda: stage.state() == "released", hours=1)


async def test_a_long_queue_is_told_once_whatever_becomes_of_the_process(stage: Stage) -> None:
    build(stage).on_run().queues(hours=1)
    await begins(stage)
    await stage.passes(minutes=10)
    await stage.bot_dies()
    await stage.opens()
    await stage.passes(minutes=7)
    await stage.bot_restarts()
    await stage.passes(minutes=20)
    assert stage.status().body.count(NO_RUNNER) == 1


# -- what is usual ---------------------------------------------------------------------------------------


async def releases(stage: Stage, versions: int) -> None:
    """So many releases, each with a step of ten minutes."""
    stage.pipeline(ONE_STEP)
    build(stage).on_run().jobs("build").takes(minutes=10)
    await stage.opens()
    for patch in range(versions):
        version = f"0.9.{patch}"
        await stage.says(f"/release {version}")
        await stage.until(lambda version=version: stage.state(version) == "released", hours=1)  # type: ignore[misc]


async def test_a_step_that_takes_longer_than_nine_of_ten_before_it_is_said_to_be_late_once(
    stage: Stage,
) -> None:
    await releases(stage, 10)
    build(stage).on_run(about="1.0.3").takes(hours=1)
    await stage.says("/release 1.0.3")
    await stage.passes(minutes=9)
    assert LATE not in stage.status().body
    await stage.passes(minutes=4)
    assert f"{LATE} 11m" in stage.status().body
    said = len(stage.said())
    await stage.passes(minutes=40)
    assert stage.status().body.count(LATE) == 1
    assert len(stage.said()) == said
    (check,) = stage.checks("build")
    assert f"{LATE} 11m" in f"{check.summary}\n{check.text}"
    await stage.until(lambda: stage.state() == "released", hours=1)


async def test_time_in_a_pause_does_not_make_a_step_late(stage: Stage) -> None:
    await releases(stage, 10)
    stage.world.trouble.answers("GET", r"workflows/build.yml/runs", 502, "Bad Gateway", times=6)
    await stage.says("/release 1.0.3")
    await stage.says("/release pause 1.0.3")
    await stage.passes(hours=2)
    assert stage.dispatches()[10:] == []
    await stage.says("/release resume 1.0.3")
    await stage.until(lambda: stage.state() == "released", hours=2)
    assert LATE not in stage.status().body


async def test_a_step_that_takes_as_long_as_ever_is_not_late(stage: Stage) -> None:
    await releases(stage, 11)
    assert LATE not in stage.status("0.9.10").body


async def test_a_pipeline_that_was_released_nine_times_does_not_know_what_is_usual(stage: Stage) -> None:
    await releases(stage, 9)
    build(stage).on_run(about="1.0.3").takes(hours=1)
    await stage.says("/release 1.0.3")
    await stage.passes(minutes=50)
    assert LATE not in stage.status().body
