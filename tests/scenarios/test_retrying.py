"""Retrying: what fails is judged, the failed jobs are run again within the budget, and then a person is called."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from bot.simulator.runs import Run, Workflow
from tests.scenarios.stage import ONE_STEP, Stage

NETWORK = "npm error code ECONNRESET\nnpm error network request failed\n"
COMPILER = "/home/runner/work/widget/core/Flow.java:42: error: cannot find symbol\n"
RIDDLE = "the gears ground to a halt\n##[error]Process completed with exit code 3.\n"
FLAKE = (
    "io.acme.FlowTest > startsTwice FAILED\n"
    "io.acme.FlowTest > startsTwice PASSED\n"
    "##[error]Process completed with exit code 1.\n"
)
RETRY = "retry: {transient: 3, flaky: 2, unknown: 1, broken: 0, wait: 30s}, "


def step(retry: str) -> str:
    return ONE_STEP.replace("build: {", "build: {" + retry)


def build(stage: Stage) -> Workflow:
    return stage.oss.workflows["build.yml"]


def only_run(stage: Stage) -> Run:
    (run,) = build(stage).runs
    return run


async def begins(stage: Stage, pipeline: str = ONE_STEP) -> None:
    stage.pipeline(pipeline)
    await stage.opens()
    await stage.says("/release 1.0.3")


@pytest.mark.parametrize(
    ("log", "reruns"),
    [(NETWORK, 3), (FLAKE, 2), (RIDDLE, 1), (COMPILER, 0)],
    ids=["transient", "flaky", "unknown", "broken"],
)
async def test_each_cause_is_re_run_as_often_as_its_budget_says_and_then_a_person_is_called(
    stage: Stage, log: str, reruns: int
) -> None:
    build(stage).on_run().job("build").fails(log=log)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.passes(hours=1)
    assert len(stage.world.ledger.reruns) == reruns
    assert all(entry.path.endswith("/rerun-failed-jobs") for entry in stage.world.ledger.reruns)
    assert len(only_run(stage).attempts) == reruns + 1
    assert [said.startswith("@maya") for said in stage.said()] == [True]
    assert len(stage.dispatches()) == 1


async def test_many_jobs_that_run_again_at_once_cost_a_few_questions(stage: Stage) -> None:
    jobs = [f"test ({number})" for number in range(120)]
    build(stage).on_run().jobs(*jobs, parallel=True)
    for job in jobs:
        build(stage).on_run(attempts=1).job(job).fails(log=NETWORK)
    stage.world.trouble.is_slow("GET", r"/actions/runs/\d+$", seconds=0.3, times=None)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released")

    asked = Counter(
        entry.at.replace(microsecond=0) for entry in stage.world.ledger.matching("GET", r"/actions/runs/\d+$")
    )
    assert len(stage.world.ledger.reruns) == 1
    assert max(asked.values()) <= 25


async def test_a_failure_of_the_network_heals_by_itself_and_nobody_is_called(stage: Stage) -> None:
    build(stage).on_run(attempts=2).job("build").fails(log=NETWORK)
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "retrying")
    assert stage.state() == "running"
    await stage.until(lambda: stage.state() == "released")
    assert "| 3 |" in stage.status().rows["build"]
    assert not [said for said in stage.said() if "needs you" in said]
    assert "needed 2 re-runs" in stage.said()[0]


async def test_the_pause_before_a_re_run_doubles_each_time(stage: Stage) -> None:
    build(stage).on_run().job("build").fails(log=NETWORK)
    await begins(stage, step(RETRY))
    await stage.until(lambda: stage.state() == "needs attention")
    attempts = only_run(stage).attempts
    pauses = [later.started_at - earlier.updated_at for earlier, later in pairwise(attempts)]
    for pause, seconds in zip(pauses, (30, 60, 120), strict=True):
        assert timedelta(seconds=seconds) <= pause <= timedelta(seconds=seconds + 15)


async def test_one_broken_job_makes_the_whole_failure_broken(stage: Stage) -> None:
    rule = build(stage).on_run().jobs("build", "publish", parallel=True)
    rule.job("build").fails(log=NETWORK).job("publish").fails(log=COMPILER)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")
    assert stage.world.ledger.reruns == []


async def test_a_pipeline_without_budget_calls_a_person_at_once(stage: Stage) -> None:
    build(stage).on_run().job("build").fails(log=NETWORK)
    await begins(stage, step("retry: 0, "))
    await stage.until(lambda: stage.state() == "needs attention")
    assert stage.world.ledger.reruns == []


async def test_f37_never_more_than_ten_re_runs_are_made_by_themselves(stage: Stage) -> None:
    build(stage).on_run().takes(seconds=5).job("build").fails(log=NETWORK)
    await begins(stage, step("retry: {any: 10, transient: 10, wait: 0s}, "))
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.passes(hours=1)
    assert len(stage.world.ledger.reruns) == 10


async def test_the_comment_shows_the_failed_job_its_last_lines_and_what_can_be_typed(stage: Stage) -> None:
    build(stage).on_run().job("build").fails(log=COMPILER)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.passes(minutes=1)
    for text in (stage.said()[0], stage.status().body):
        assert "Flow.java:42: error: cannot find symbol" in text
        assert f"/actions/runs/{only_run(stage).id}" in text
        assert "/release retry 1.0.3 build" in text
    check = stage.checks("build")[-1]
    assert check.conclusion == "action_required"
    assert "cannot find symbol" in f"{check.title} {check.summary}"


async def test_a_failure_without_any_log_is_judged_all_the_same(stage: Stage) -> None:
    build(stage).on_run().job("build").fails(log=None)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")
    assert "build" in stage.said()[0]


async def test_a_person_gets_one_more_re_run_beyond_the_budget(stage: Stage) -> None:
    build(stage).on_run(attempts=1).job("build").fails(log=COMPILER)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released")
    assert len(stage.world.ledger.reruns) == 1
    assert len(stage.dispatches()) == 1


async def test_f42_failed_jobs_that_a_person_re_runs_on_github_are_followed_to_their_end(
    stage: Stage,
) -> None:
    build(stage).on_run(attempts=1).job("build").fails(log=COMPILER)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")
    stage.world.hand("walt").reruns_failed_jobs(only_run(stage))
    await stage.until(lambda: stage.state() == "released")
    assert stage.world.ledger.reruns == []
    assert "| 2 |" in stage.status().rows["build"]


async def test_a_person_who_is_quicker_than_the_bot_is_adopted_and_uses_no_budget(stage: Stage) -> None:
    build(stage).on_run(attempts=2).job("build").fails(log=RIDDLE)
    await begins(stage, step("retry: {unknown: 1, wait: 10m}, "))
    await stage.until(lambda: stage.step("build") == "retrying")
    stage.world.hand("walt").reruns(only_run(stage))
    await stage.until(lambda: len(only_run(stage).attempts) == 2)
    assert stage.world.ledger.reruns == []

    await stage.until(lambda: stage.state() == "released")
    assert len(stage.world.ledger.reruns) == 1
    assert len(only_run(stage).attempts) == 3


async def test_a_re_run_that_is_asked_for_in_the_pause_before_the_automatic_one_uses_no_budget(
    stage: Stage,
) -> None:
    build(stage).on_run(attempts=2).job("build").fails(log=RIDDLE)
    await begins(stage, step("retry: {unknown: 1, wait: 10m}, "))
    await stage.until(lambda: stage.step("build") == "retrying")
    await stage.says("/release retry")
    await stage.until(lambda: len(only_run(stage).attempts) == 2)

    await stage.until(lambda: stage.state() == "released")
    assert len(only_run(stage).attempts) == 3


async def test_a_re_run_that_a_redo_made_needless_is_not_counted(stage: Stage) -> None:
    build(stage).on_run(runs=1).job("build").fails(log=RIDDLE)
    await begins(stage, step("retry: {unknown: 1, wait: 10m}, "))
    await stage.until(lambda: stage.step("build") == "retrying")
    await stage.says("/release redo build")
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=1)

    assert stage.world.ledger.reruns == []
    assert "re-run" not in stage.answer()


async def test_f42_a_run_that_a_person_cancels_is_not_fought_over(stage: Stage) -> None:
    build(stage).on_run(attempts=1).runs_until_told()
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")
    stage.world.hand("maya").cancels(only_run(stage))
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.passes(hours=1)
    assert stage.world.ledger.reruns == []
    assert "cancelled on GitHub" in stage.said()[0]

    stage.world.hand("maya").reruns(only_run(stage))
    await stage.until(lambda: stage.state() == "released")


async def test_f42_a_run_that_a_person_deletes_needs_a_person(stage: Stage) -> None:
    build(stage).on_run(runs=1).runs_until_told()
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")
    stage.world.hand("maya").deletes_run(only_run(stage))
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert "deleted" in stage.said()[0]

    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released")
    assert len(stage.dispatches()) == 2


async def test_f38_a_re_run_that_github_refuses_needs_a_person(stage: Stage) -> None:
    build(stage).on_run().job("build").fails(log=NETWORK)
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "retrying")
    only_run(stage).retryable = False
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert "refused to run the failed jobs again" in stage.said()[0]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_f36_a_re_run_whose_answer_is_lost_happens_once(stage: Stage, when: str) -> None:
    build(stage).on_run(attempts=1).job("build").fails(log=NETWORK)
    stage.world.trouble.answers("POST", "rerun-failed-jobs$", 502, when=when)  # type: ignore[arg-type]
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(only_run(stage).attempts) == 2
    assert sum(entry.effect for entry in stage.world.ledger.reruns) == 1


async def test_f08_a_new_attempt_that_github_shows_late_is_not_asked_for_twice(stage: Stage) -> None:
    build(stage).on_run(attempts=1).job("build").fails(log=NETWORK)
    stage.world.rerun_lag = timedelta(minutes=3)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.world.ledger.reruns) == 1


async def test_what_passed_when_it_was_run_again_does_not_use_up_the_budget_of_what_fails_next(
    stage: Stage,
) -> None:
    """`build` was flaky by proof; that `publish` fails afterwards for reasons of its own is another story."""
    build(stage).on_run(attempts=3).jobs("build", "publish").job("publish").fails(log=RIDDLE)
    build(stage).on_run(attempts=1).jobs("build", "publish").job("build").fails(log=RIDDLE)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")
    assert len(stage.world.ledger.reruns) == 2


async def test_what_fails_again_has_used_up_its_budget_though_another_job_passed(stage: Stage) -> None:
    rule = build(stage).on_run(attempts=1).jobs("build", "publish", parallel=True)
    rule.job("build").fails(log=RIDDLE).job("publish").fails(log=RIDDLE)
    again = build(stage).on_run().jobs("build", "publish", parallel=True)
    again.job("publish").fails(log=RIDDLE)
    build(stage).rules.reverse()
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")
    assert len(stage.world.ledger.reruns) == 1


async def test_a_release_that_waits_for_its_turn_re_runs_nothing(stage: Stage) -> None:
    stage.pipeline(ONE_STEP.replace("  release:\n", "  release:\n    concurrency: all\n"))
    build = stage.oss.workflows["build.yml"]
    build.on_run(about="1.0.3").runs_until_told()
    build.on_run(about="1.0.4", attempts=1).job("publish").fails()
    await stage.opens()
    await stage.says("/release 1.0.3 1.0.4")
    await stage.until(lambda: stage.step("build") == "running")
    run = stage.world.hand("maya").starts(build, "develop", version="1.0.4")
    await stage.passes(minutes=3)
    await stage.says(f"/release adopt 1.0.4 build {run.id}")
    await stage.passes(minutes=5)
    assert stage.state("1.0.3") == "running"
    assert not stage.world.ledger.reruns
