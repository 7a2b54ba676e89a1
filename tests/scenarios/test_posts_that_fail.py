"""Answers and notices that cannot be made: tried ever more seldom, never in a hurry, and given up after a day."""

from datetime import datetime

import pytest
from structlog.testing import capture_logs

from bot.store import PostRow, StoreUnavailable
from tests.scenarios.stage import ONE_STEP, Stage

SPAM = "Validation failed, or the endpoint has been spammed."


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


async def test_a_call_for_a_person_that_github_takes_for_spam_once_is_made_all_the_same(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    stage.world.trouble.answers("POST", "/issues/7/comments$", 422, SPAM, times=1)

    stage.run(stage.oss, "build.yml").finish("cancelled")
    await stage.passes(minutes=5)

    assert any("@maya" in said for said in stage.said())


@pytest.mark.parametrize("seconds", [1, 5])
async def test_a_status_comment_that_is_deleted_while_it_is_edited_is_made_once_more(
    stage: Stage, seconds: float
) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    await stage.passes(minutes=2)
    status = next(c for c in stage.world.comments_of_bot() if "<!-- release-bot:" in c.body)
    stage.world.trouble.is_slow("PATCH", f"/issues/comments/{status.id}$", seconds=seconds)

    stage.run(stage.oss, "build.yml").finish()
    await stage.until(lambda: "released" in status.body, hours=1)
    stage.world.hand("ada").deletes(status)

    await stage.passes(minutes=5)
    assert stage.state() == "released"


async def test_a_database_that_is_away_once_an_hour_never_makes_answers_wait_longer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.opens()
    assert stage.bot is not None
    todo, away = stage.bot.store.posts.todo_posts, [False]

    async def sometimes(now: datetime) -> tuple[PostRow, ...]:
        if away.pop() if away else False:
            raise StoreUnavailable("the connection was lost")
        return await todo(now)

    monkeypatch.setattr(stage.bot.store.posts, "todo_posts", sometimes)
    with capture_logs():
        for hour in range(8):
            away.append(True)
            await stage.says("/release help")
            await stage.passes(seconds=5)
            assert len(stage.said()) == hour + 1
            await stage.passes(hours=1)
