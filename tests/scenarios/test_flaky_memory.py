"""Memory: what failed and passed on the same commit is known as a flake afterwards; what fails for good is not."""

from bot.simulator.runs import Run, Workflow
from tests.scenarios.stage import ONE_STEP, Stage

OBSERVE = """\
    observe:
      - workflows: nightly.yml
        branches: [develop, "release/*"]
"""
OBSERVING = ONE_STEP.replace("    steps:", f"{OBSERVE}    steps:")


def red(*tests: str) -> str:
    lines = "".join(f"FAILED tests/test_cart.py::{test} - AssertionError\n" for test in tests)
    return f"{lines}=== {len(tests)} failed, 20 passed in 3.10s ===\n##[error]Process completed with exit code 1.\n"


def build(stage: Stage) -> Workflow:
    return stage.oss.workflows["build.yml"]


def nightly(stage: Stage) -> Workflow:
    return stage.oss.workflows.get("nightly.yml") or stage.world.add_workflow(
        stage.oss, "nightly.yml", on_branches=("develop",)
    )


async def runs_at_night(stage: Stage) -> Run:
    """The nightly run of a new commit on `develop`, to its end."""
    hand = stage.world.hand("ada")
    (run,) = [run for run in hand.pushes(stage.oss, "develop") if run.workflow.file == "nightly.yml"]
    await stage.passes(minutes=5)
    return run


async def released(stage: Stage, version: str) -> None:
    """A release of a commit that no other release has, to its end or until a person is needed."""
    stage.world.hand("ada").pushes(stage.oss, "develop")
    await stage.says(f"/release {version}")
    await stage.until(lambda: stage.state(version) in {"released", "needs attention"})


async def test_a_test_that_failed_and_passed_in_one_release_is_known_as_flaky_in_the_next(
    stage: Stage,
) -> None:
    build(stage).on_run(attempts=1, about="1.0.3").job("build").fails(log=red("test_empty"))
    build(stage).on_run(attempts=2, about="1.0.4").job("build").fails(log=red("test_empty"))
    stage.pipeline(ONE_STEP)
    await stage.opens()

    await released(stage, "1.0.3")
    await stage.passes(hours=2)
    await released(stage, "1.0.4")

    # An unknown failure is run again once: the second time it was the memory that allowed it.
    assert (stage.state("1.0.3"), stage.state("1.0.4")) == ("released", "released")
    assert "is known to be flaky" in stage.status("1.0.4").body
    assert "seen once in 30 days, passed on re-run once" in stage.status("1.0.4").body


async def test_memory_outlives_the_process(stage: Stage) -> None:
    build(stage).on_run(attempts=1, about="1.0.3").job("build").fails(log=red("test_empty"))
    build(stage).on_run(attempts=2, about="1.0.4").job("build").fails(log=red("test_empty"))
    stage.pipeline(ONE_STEP)
    await stage.opens()

    await released(stage, "1.0.3")
    await stage.bot_restarts()
    await released(stage, "1.0.4")

    assert stage.state("1.0.4") == "released"


async def test_another_test_that_fails_beside_a_known_flake_makes_the_failure_unknown(stage: Stage) -> None:
    build(stage).on_run(attempts=1, about="1.0.3").job("build").fails(log=red("test_empty"))
    build(stage).on_run(attempts=2, about="1.0.4").job("build").fails(log=red("test_empty", "test_full"))
    stage.pipeline(ONE_STEP)
    await stage.opens()

    await released(stage, "1.0.3")
    await released(stage, "1.0.4")

    assert stage.state("1.0.4") == "needs attention"


async def test_flakes_of_the_nightly_runs_are_known_on_release_day(stage: Stage) -> None:
    nightly(stage).on_run(attempts=1, runs=1).job("build").fails(log=red("test_empty"))
    build(stage).on_run(attempts=2).job("build").fails(log=red("test_empty"))
    stage.pipeline(OBSERVING)
    await stage.opens(HOMES="acme/widget")

    run = await runs_at_night(stage)
    await stage.passes(minutes=15)
    stage.world.hand("ada").reruns_failed_jobs(run)
    await stage.passes(minutes=15)
    await released(stage, "1.0.3")

    assert stage.state("1.0.3") == "released"
    assert len(stage.world.ledger.reruns) == 2


async def test_a_test_that_failed_in_the_last_nightly_runs_is_no_flake_whatever_it_was_before(
    stage: Stage,
) -> None:
    nightly(stage).on_run(attempts=1, runs=1).job("build").fails(log=red("test_empty"))
    stage.pipeline(OBSERVING)
    await stage.opens(HOMES="acme/widget")
    run = await runs_at_night(stage)
    stage.world.hand("ada").reruns_failed_jobs(run)
    await stage.passes(minutes=15)

    nightly(stage).on_run().job("build").fails(log=red("test_empty"))
    for _ in range(2):
        await runs_at_night(stage)
        await stage.passes(minutes=15)
    build(stage).on_run().job("build").fails(log=red("test_empty"))
    await released(stage, "1.0.3")

    # It is tried again once, as any unknown failure, and not twice, as a flake would be.
    assert stage.state("1.0.3") == "needs attention"
    assert len(stage.world.ledger.reruns) == 1


async def test_nightly_runs_are_found_though_every_delivery_is_lost(stage: Stage) -> None:
    nightly(stage).on_run(attempts=1).job("build").fails(log=red("test_empty"))
    stage.pipeline(OBSERVING)
    stage.world.hook.post.loses("workflow_run")
    await stage.opens(HOMES="acme/widget")

    run = await runs_at_night(stage)
    stage.world.hand("ada").reruns_failed_jobs(run)
    await stage.passes(minutes=25)
    await stage.says("/release flakes")
    await stage.passes(minutes=5)

    assert "test_empty" in stage.answer()


async def test_branches_that_are_not_observed_teach_nothing(stage: Stage) -> None:
    nightly(stage).on_run(attempts=1).job("build").fails(log=red("test_empty"))
    stage.pipeline(OBSERVING.replace('[develop, "release/*"]', "other"))
    await stage.opens(HOMES="acme/widget")

    await runs_at_night(stage)
    await stage.passes(minutes=25)

    assert not stage.world.ledger.matching("GET", r"/attempts/1/jobs")


async def test_what_flaked_longer_ago_than_a_month_counts_no_more(stage: Stage) -> None:
    build(stage).on_run(attempts=1, about="1.0.3").job("build").fails(log=red("test_empty"))
    build(stage).on_run(attempts=2, about="1.0.4").job("build").fails(log=red("test_empty"))
    stage.pipeline(ONE_STEP)
    await stage.opens()

    await released(stage, "1.0.3")
    await stage.closes_first()
    await stage.passes(hours=24 * 31)
    await stage.opens()
    await released(stage, "1.0.4")

    assert stage.state("1.0.4") == "needs attention"


async def test_runs_of_pull_requests_teach_nothing_whatever_their_branch_is_called(stage: Stage) -> None:
    """The branch of a fork can be called `develop` too, and what runs there is written by anybody."""
    nightly(stage).on_run(attempts=1).job("build").fails(log=red("test_empty"))
    stage.pipeline(OBSERVING)
    await stage.opens(HOMES="acme/widget")
    sha = stage.oss.resolve("develop")
    assert sha is not None
    eve = stage.world.account("eve")
    stage.world.actions.start(nightly(stage), event="pull_request", ref="develop", sha=sha, actor=eve)

    await stage.passes(minutes=25)

    assert not stage.world.ledger.matching("GET", r"/attempts/1/jobs")
