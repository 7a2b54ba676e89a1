"""The bot is a good guest: it keeps to its own pace, obeys GitHub's limits, and nothing waits behind a report."""

from datetime import timedelta

import pytest

from bot.simulator.ledger import Entry
from tests.scenarios.stage import ONE_STEP, Stage

MANY = " ".join(f"1.0.{number}" for number in range(6))


def most_in_a_minute(writes: list[Entry]) -> int:
    """The most writes that any sixty seconds saw."""
    times = [entry.at for entry in writes]
    return max(sum(start <= at < start + timedelta(minutes=1) for at in times) for start in times)


async def test_writes_keep_to_the_pace_of_the_setting_and_dispatches_go_before_reports(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens(WRITES_PER_MINUTE="12")
    await stage.says(f"/release {MANY}")
    await stage.until(lambda: all(stage.state(v) == "released" for v in MANY.split()), hours=6)
    assert len(stage.dispatches()) == 6
    assert most_in_a_minute(stage.world.ledger.writes) <= 12 + 2 + 1

    # Dispatches went first when there was too much to write.
    last_dispatch = stage.world.ledger.dispatches[-1].at
    reports = stage.world.ledger.matching("PATCH") + stage.world.ledger.matching("POST", "check-runs$")
    assert sum(entry.at > last_dispatch for entry in reports) > sum(
        entry.at <= last_dispatch for entry in reports
    )


@pytest.mark.parametrize("status", [403, 429])
async def test_a_secondary_limit_on_reports_delays_them_and_nothing_else(stage: Stage, status: int) -> None:
    stage.world.trouble.secondary_limit("PATCH", "issues/comments", retry_after=120, status=status)
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 1


async def test_nobody_asks_again_before_the_reset_of_a_limit_that_is_used_up(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    reset = stage.clock.now() + timedelta(seconds=1200)
    limit = stage.world.trouble.primary_limit("GET", "/actions/", reset_in=1200, times=1)
    await stage.until(lambda: limit.hits)
    hit = limit.hits[0]
    await stage.until(lambda: stage.state() == "released", hours=2)

    meanwhile = [
        entry for entry in stage.world.ledger[hit.number :] if entry.at < reset - timedelta(seconds=1)
    ]
    assert [entry.path for entry in meanwhile] == []


async def test_a_day_of_looking_stays_far_below_githubs_limit(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    stage.pipeline(ONE_STEP.replace("build: {", "build: {timeout: 2d, "))
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    before = len(stage.world.ledger)
    await stage.passes(hours=4)
    asked = stage.world.ledger[before:]
    assert len(asked) <= 4 * 200
    assert sum(entry.status == 304 for entry in asked) > len(asked) / 2
    assert [entry.method for entry in asked if entry.writes] == []
