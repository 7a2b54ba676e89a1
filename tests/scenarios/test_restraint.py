"""Restraint: jobs that must not be run again by themselves, and services that are away for everybody."""

from collections.abc import Sequence

from bot.simulator.runs import Run, Workflow
from tests.scenarios.stage import ONE_STEP, Stage

CENTRAL = (
    "> Could not GET 'https://repo.maven.apache.org/maven2/org/acme/core-1.pom'. "
    "Received status code 503 from server: Service Unavailable\n"
    "##[error]Process completed with exit code 1.\n"
)
PUBLISHED = (
    "npm error code ECONNRESET\nnpm error network request failed\n"
    "##[error]Process completed with exit code 1.\n"
)
TAG_AND_PUBLISH = """\
pipelines:
  release:
    steps:
      start:
        repo: acme/widget
        dispatch: global-start-release.yml
        ref: develop
        inputs: {releaseVersion: "{{ version }}"}
        unless-tag: "v{{ version }}"
      build: {needs: start, repo: acme/widget, watch: pre-release.yml, ref: "v{{ version }}", never-rerun: publish}
"""
VERSIONS = ("1.0.3", "0.24.9", "0.23.12", "0.22.20")


def build(stage: Stage) -> Workflow:
    return stage.oss.workflows["build.yml"]


def guarded(patterns: str) -> str:
    return ONE_STEP.replace("build: {", f"build: {{never-rerun: {patterns}, ")


async def test_a_job_that_must_not_be_run_again_and_was_cut_off_by_a_cancel_is_not_run_again_by_continue(
    stage: Stage,
) -> None:
    stage.pipeline(TAG_AND_PUBLISH)
    published = stage.workflow(stage.oss, "pre-release.yml").on_run(attempts=1)
    published.jobs("build", "publish").job("publish").runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    await stage.passes(minutes=30)
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")

    await stage.says("/release 1.0.3 --continue")

    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert "`publish` failed and is named by `never-rerun`, so nothing was run again" in stage.answer()
    assert "it was cut off half-way" in stage.answer()
    assert stage.world.ledger.reruns == []


async def test_a_job_that_must_not_be_run_again_by_itself_calls_a_person_with_the_facts(stage: Stage) -> None:
    build(stage).on_run().jobs("build", "publish-central").job("publish-central").fails(log=PUBLISHED)
    stage.pipeline(guarded("[publish-*]"))
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.passes(hours=1)

    assert stage.world.ledger.reruns == []
    for text in (stage.said()[0], stage.status().body):
        assert "`publish-central` failed and is named by `never-rerun`, so nothing was run again" in text
        assert "/release retry 1.0.3 build" in text


async def test_a_guarded_job_that_was_cancelled_with_the_failed_one_would_run_again_too(stage: Stage) -> None:
    rule = build(stage).on_run().jobs("build", "publish", parallel=True)
    rule.job("build").fails(log=PUBLISHED).job("publish").is_cancelled()
    stage.pipeline(guarded("publish"))
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")

    assert stage.world.ledger.reruns == []


async def test_a_person_may_run_a_guarded_job_again(stage: Stage) -> None:
    build(stage).on_run(attempts=1).jobs("build", "publish").job("publish").fails(log=PUBLISHED)
    build(stage).on_run().jobs("build", "publish")
    stage.pipeline(guarded("publish"))
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released")

    assert len(stage.world.ledger.reruns) == 1


async def test_other_jobs_of_a_guarded_step_are_run_again_as_usual(stage: Stage) -> None:
    build(stage).on_run(attempts=1).jobs("build", "publish").job("build").fails(log=PUBLISHED)
    build(stage).on_run().jobs("build", "publish")
    stage.pipeline(guarded("publish"))
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert len(stage.world.ledger.reruns) == 1


# -- the outage brake ------------------------------------------------------------------------------------


def rerun_times(stage: Stage) -> list[float]:
    """Minutes since the first re-run, for every one that left the bot."""
    times = [entry.at for entry in stage.world.ledger.reruns]
    return [(at - times[0]).total_seconds() / 60 for at in times]


def runs(stage: Stage) -> Sequence[Run]:
    return build(stage).runs


async def all_fail(stage: Stage, *, attempts: int) -> None:
    """Four releases, whose first attempts all fail within a minute because a registry is away."""
    build(stage).on_run(attempts=attempts).jobs("build").takes(minutes=5).job("build").fails(log=CENTRAL)
    build(stage).on_run().jobs("build").takes(minutes=10)
    build(stage).rules.reverse()
    stage.pipeline(
        ONE_STEP.replace("ref: develop", "ref: develop, nonce: version").replace(
            ', inputs: {version: "{{ version }}"}', ""
        )
    )
    await stage.opens()
    await stage.says(f"/release {' '.join(VERSIONS)}")
    await stage.until(lambda: all(stage.step("build", version) == "retrying" for version in VERSIONS))


async def test_when_a_registry_is_away_one_re_run_tries_it_and_the_others_wait(stage: Stage) -> None:
    await all_fail(stage, attempts=1)
    await stage.passes(minutes=2)

    assert len(stage.world.ledger.reruns) == 1
    waiting = [stage.status(version).body for version in VERSIONS]
    assert sum("repo.maven.apache.org is failing in 4 releases" in body for body in waiting) == 3


async def test_when_the_registry_is_back_the_others_follow_one_after_the_other(stage: Stage) -> None:
    await all_fail(stage, attempts=1)
    await stage.until(lambda: all(stage.state(version) == "released" for version in VERSIONS))

    assert len(stage.world.ledger.reruns) == 4
    assert len({round(minutes, 1) for minutes in rerun_times(stage)}) == 4


async def test_what_the_brake_holds_goes_on_after_a_restart(stage: Stage) -> None:
    await all_fail(stage, attempts=1)
    await stage.passes(minutes=2)
    await stage.bot_restarts()
    await stage.passes(minutes=1)
    held = len(stage.world.ledger.reruns)
    await stage.until(lambda: all(stage.state(version) == "released" for version in VERSIONS))

    assert held == 1


async def test_an_outage_is_told_once_and_nobody_is_called_for_it(stage: Stage) -> None:
    await all_fail(stage, attempts=1)
    await stage.until(lambda: all(stage.state(version) == "released" for version in VERSIONS))

    assert not [said for said in stage.said() if "needs you" in said]
    assert not [said for said in stage.said() if "is failing" in said]


async def test_an_outage_beside_a_flaky_test_is_an_outage_all_the_same(stage: Stage) -> None:
    flaky = (
        "a.FlowTest > twice FAILED\na.FlowTest > twice PASSED\n##[error]Process completed with exit code 1.\n"
    )
    rule = build(stage).on_run(attempts=1).takes(minutes=5).jobs("build", "test", parallel=True)
    rule.job("build").fails(log=CENTRAL).job("test").fails(log=flaky)
    build(stage).on_run().jobs("build", "test", parallel=True).takes(minutes=10)
    build(stage).rules.reverse()
    stage.pipeline(ONE_STEP.replace(', inputs: {version: "{{ version }}"}', ", nonce: version"))
    await stage.opens()
    await stage.says(f"/release {' '.join(VERSIONS)}")
    await stage.until(lambda: all(stage.step("build", version) == "retrying" for version in VERSIONS))
    await stage.passes(minutes=2)

    assert len(stage.world.ledger.reruns) == 1
