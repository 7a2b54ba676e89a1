"""The bot is a good guest: it keeps to its own pace, obeys GitHub's limits, and nothing waits behind a report."""

from datetime import datetime, timedelta

import pytest

from bot.github.limits import Rank
from bot.simulator.faults import Fault
from bot.simulator.ledger import Entry
from tests.scenarios.metrics_page import metrics
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


async def test_with_few_writes_no_reaction_and_no_report_goes_before_a_dispatch(stage: Stage) -> None:
    await stage.opens(WRITES_PER_MINUTE="6")
    await stage.says("/release 1.0.3")
    await stage.until(lambda: len(stage.world.ledger.writes) >= 4)

    first, *then = [entry.path.rpartition("/")[2] for entry in stage.world.ledger.writes]
    assert first == "reactions"
    assert then[:2] == ["dispatches", "dispatches"]
    await stage.until(lambda: stage.state() == "released", hours=6)
    assert not any("could not be reached" in line for line in await reasons(stage))


async def reasons(stage: Stage) -> list[str]:
    """Why each thing was done, as the journal says."""
    assert stage.bot is not None
    (stored,) = await stage.bot.store.releases.find("acme/widget", pipeline="release", version="1.0.3")
    journal = await stage.bot.store.releases.journal(stored.release.id)
    return [reason for line in journal for reason in line.reasons]


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


async def test_a_dispatch_that_is_limited_leaves_once_when_the_limit_is_over(stage: Stage) -> None:
    stage.world.trouble.secondary_limit("POST", "dispatches$", retry_after=300)
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    began = stage.clock.now()
    await stage.until(lambda: stage.state() == "released", hours=1)
    refused, done = stage.world.ledger.dispatches
    assert (refused.effect, done.effect) == (False, True)
    assert done.at >= began + timedelta(seconds=298)
    assert done.at <= began + timedelta(seconds=420)


async def test_the_limit_of_one_owner_keeps_no_other_owner_s_release_waiting(stage: Stage) -> None:
    tool = stage.world.add_repository("rival/tool")
    stage.world.add_workflow(tool, "build.yml", inputs=["version"])
    stage.world.give_role("maya", "maintain", tool)
    issue = stage.world.add_issue(tool, 3)
    stage.pipeline(ONE_STEP)
    stage.pipeline(ONE_STEP.replace("acme/widget", "rival/tool"), tool)
    await stage.opens()
    limit = stage.world.trouble.primary_limit("*", "^/repos/acme/widget/contents", reset_in=3000, times=None)
    stage.world.hand("maya").comments(stage.issue, "/release 1.0.1")
    await stage.until(lambda: limit.hits, hours=0.1)
    await stage.says("/release 1.0.3", issue=issue)
    await stage.until(lambda: stage.state("1.0.3") == "released", hours=0.5)


@pytest.mark.parametrize("renewed", [True, False], ids=["a new token helps", "no token helps"])
async def test_a_dispatch_answered_with_401_is_sent_again_and_calls_a_person_in_bounded_time(
    stage: Stage, renewed: bool
) -> None:
    refusal = stage.world.trouble.bad_credentials("POST", "dispatches$", times=3 if renewed else None)
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    began = stage.clock.now()
    if renewed:
        await stage.until(lambda: stage.state() == "released", hours=0.5)
        return
    await stage.until(lambda: stage.state() == "needs attention", hours=0.5)
    assert timedelta(minutes=5) <= stage.clock.now() - began <= timedelta(minutes=20)
    asked = len(refusal.hits)
    assert asked == 16
    await stage.passes(hours=2)
    assert len(refusal.hits) == asked
    assert "GitHub refused the dispatch" in stage.answer()

    stage.world.trouble.ends()
    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len([entry for entry in stage.world.ledger.dispatches if entry.effect]) == 1


async def test_a_re_run_answered_with_401_for_ever_calls_a_person_too(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run(attempts=1).job("build").fails()
    stage.world.trouble.bad_credentials("POST", "rerun-failed-jobs$", times=None)
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert "GitHub refused to run the failed jobs again" in stage.answer()
    before = len(stage.world.ledger)
    await stage.passes(hours=1)
    assert len(stage.world.ledger) - before < 200


@pytest.mark.parametrize(("verb", "word"), [("pause", "paused"), ("cancel", "cancelled")])
async def test_a_dispatch_that_waits_for_its_turn_stays_when_somebody_says_stop(
    stage: Stage, verb: str, word: str
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens(WRITES_PER_MINUTE="8")
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.bot is not None and stage.bot.github.waiting_by_rank[Rank.DRIVE] > 0)
    await stage.says(f"/release {verb} 1.0.3")
    await stage.until(lambda: stage.state() == word)
    assert stage.dispatches() == []
    if verb == "pause":
        await stage.says("/release resume 1.0.3")
        await stage.until(lambda: stage.state() == "released", hours=1)
        assert len(stage.dispatches()) == 1


async def test_the_metrics_page_says_what_is_waited_for_and_until_when(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens(WRITES_PER_MINUTE="6")
    shown = await metrics(stage)
    assert shown["release_bot_rate_limited_until_seconds"] == 0
    await stage.says(f"/release {MANY}")
    await stage.passes(seconds=10)
    shown = await metrics(stage)
    assert (
        sum(shown[f"release_bot_writes_waiting{{rank={rank}}}"] for rank in ("drive", "react", "report")) > 0
    )

    limit = stage.world.trouble.primary_limit("*", "/actions/", reset_in=1800, times=1)
    reset = await hit(stage, limit) + timedelta(seconds=1800)
    await stage.passes(seconds=2)
    shown = await metrics(stage)
    assert abs(shown["release_bot_rate_limited_until_seconds"] - reset.timestamp()) <= 2
    await stage.passes(hours=1)
    assert (await metrics(stage))["release_bot_rate_limited_until_seconds"] == 0


async def hit(stage: Stage, fault: Fault) -> datetime:
    """When a request met the fault; its reset counts from when it was staged, which is now."""
    staged = stage.clock.now()
    await stage.until(lambda: fault.hits)
    return staged


async def test_a_limit_is_told_in_the_log_once_with_its_end(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    limit = stage.world.trouble.primary_limit("GET", "/actions/", reset_in=1200, times=1)
    end = await hit(stage, limit) + timedelta(seconds=1200)
    await stage.until(lambda: stage.state() == "released", hours=2)
    told = [record.message for record in caplog.records if "nothing more is asked until" in record.message]
    assert len(told) == 1
    assert f"{end:%H:%M}" in told[0]


async def test_whoever_waits_for_a_turn_waits_quietly(stage: Stage) -> None:
    """Posts and dispatches that wait behind the write budget are not looked at again and again."""
    stage.pipeline(ONE_STEP)
    await stage.opens(WRITES_PER_MINUTE="1")
    await stage.says(f"/release {MANY}")
    before = len(stage.world.ledger)
    moments = set()

    def remember() -> bool:
        moments.add(stage.clock.now())
        return stage.clock.now() >= end

    end = stage.clock.now() + timedelta(minutes=5)
    await stage.until(remember)
    assert len(moments) <= 5 * 60 * 4
    assert len(stage.world.ledger) - before <= 5 * 60
