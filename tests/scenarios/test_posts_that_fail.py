"""Answers and notices that cannot be made: tried ever more seldom, never in a hurry, and given up after a day."""

from tests.scenarios.stage import ONE_STEP, Stage


async def test_what_cannot_be_said_while_the_app_is_suspended_costs_few_requests(stage: Stage) -> None:
    """Without access nothing can be posted, and every try would cost two requests of the app's own limit."""
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    stage.world.hand("ada").suspends(stage.world.installation("acme"))
    await stage.passes(minutes=30)
    before = len(stage.world.ledger)
    await stage.passes(hours=1)

    assert len(stage.world.ledger) - before < 600
    stage.world.hand("ada").unsuspends(stage.world.installation("acme"))
    stage.run(stage.oss, "build.yml").finish()
    await stage.until(lambda: stage.state() == "released", hours=0.3)


async def test_an_answer_that_nobody_lets_in_is_given_up_after_a_day(stage: Stage) -> None:
    await stage.opens()
    refused = stage.world.trouble.answers("POST", "/issues/7/comments$", 403, "Blocked", times=None)
    await stage.says("/release help")
    await stage.passes(hours=25)
    tries = len(refused.hits)
    await stage.passes(hours=6)

    assert 5 < tries < 30 + 24 * 4 + 5  # about every minute for half an hour, then every 15 minutes
    assert len(refused.hits) == tries
