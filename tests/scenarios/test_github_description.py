"""Every request the bot made, and every answer it got, held against GitHub's own description of its API."""

from datetime import timedelta

from tests.scenarios.stage import Stage
from tests.simulator.oracle import check_ledger

NETWORK = "npm error code ECONNRESET\nnpm error network request failed\n"
COMPILER = "/home/runner/work/widget/core/Flow.java:42: error: cannot find symbol\n"


async def test_a_long_and_troubled_story_speaks_as_github_describes_it(stage: Stage) -> None:
    stage.oss.workflows["pre-release.yml"].on_run(attempts=1).job("build").fails(log=NETWORK)
    stage.ee.workflows["pre-release.yml"].on_run(attempts=1).job("build").fails(log=COMPILER)
    stage.oss.workflows["release-docker.yml"].on_run().waits_for_environment("production")
    stage.ee.workflows["release-docker.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3 --dry-run")
    await stage.says("/release help")
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.says("/release status")
    await stage.says("/release pause")
    await stage.says("/release resume")
    await stage.says("/release retry 1.0.3 ee")
    await stage.until(lambda: stage.step("oss-docker") == "awaiting approval")
    await stage.passes(hours=1)
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")
    await stage.passes(minutes=10)

    assert len(stage.world.ledger.reruns) == 2
    check_ledger(stage.world.ledger)


async def test_a_new_attempt_that_is_shown_late_changes_nothing_in_how_the_bot_speaks(stage: Stage) -> None:
    stage.world.rerun_lag = timedelta(minutes=2)
    stage.oss.workflows["pre-release.yml"].on_run(attempts=1).job("build").fails(log=NETWORK)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    check_ledger(stage.world.ledger)
