"""When and how often GitHub is asked for one and the same thing, and when a person is called instead."""

from datetime import timedelta
from itertools import pairwise

import pytest

from bot.simulator.faults import Break
from bot.simulator.ledger import Entry
from tests.scenarios.stage import ONE_STEP, OSS, Stage

DISPATCHES = r"/dispatches$"
RERUN = r"/rerun-failed-jobs$"
BRANCH = f"""\
pipelines:
  release:
    steps:
      build: {{repo: {OSS}, watch: pre-release.yml, ref: develop}}
"""
NETWORK = "Error: connect ETIMEDOUT 140.82.112.3:443"


async def begins(stage: Stage, pipeline: str = ONE_STEP, **settings: str) -> None:
    stage.pipeline(pipeline)
    await stage.opens(**settings)
    await stage.says("/release 1.0.3")


def seconds_between(entries: list[Entry]) -> list[int]:
    """Whole seconds between moments at which something was asked; twice at once is one moment."""
    moments = sorted({entry.at for entry in entries})
    return [round((later - at).total_seconds()) for at, later in pairwise(moments)]


async def test_a_run_that_does_not_obey_is_asked_once_more_and_then_cancelled_by_force(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().ignores_cancel().runs_until_told()
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")

    await stage.says("/release cancel")
    await stage.until(lambda: stage.state() == "cancelled", hours=0.1)

    asked = stage.world.ledger.matching("POST", "cancel$")
    assert [entry.path.rsplit("/", 1)[-1] for entry in asked] == ["cancel", "cancel", "force-cancel"]
    assert seconds_between(asked) == [1 + 2 + 5 + 15, 30 + 60]


async def test_the_end_of_a_cancelled_run_is_noticed_in_seconds_without_any_webhook(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await begins(stage, LOOK_SECONDS="600")
    await stage.until(lambda: stage.step("build") == "running")
    await stage.says("/release cancel")
    stage.world.hook.post.loses()

    await stage.until(lambda: stage.state() == "cancelled", hours=0.02)

    assert len(stage.world.ledger.matching("POST", "cancel$")) == 1


async def test_a_cancel_that_github_refuses_while_the_run_is_live_is_asked_for_again_within_seconds(
    stage: Stage,
) -> None:
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")
    stage.world.trouble.answers("POST", "/cancel$", 409, "Cannot cancel a workflow run", times=2)
    began = stage.clock.now()
    await stage.says("/release cancel")

    await stage.until(lambda: stage.state() == "cancelled", hours=0.1)
    assert stage.clock.now() - began < timedelta(seconds=30)


@pytest.mark.parametrize("status", [404, 409])
async def test_a_run_that_ended_before_it_could_be_cancelled_is_over(stage: Stage, status: int) -> None:
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")
    stage.world.trouble.answers("POST", "/cancel$", status, "Cannot cancel a workflow run", times=None)
    await stage.says("/release cancel")

    stage.run(stage.oss, "build.yml").finish("failure")

    await stage.until(lambda: stage.state() == "cancelled", hours=0.1)


async def test_a_limit_is_named_where_a_send_has_to_wait_for_it(stage: Stage) -> None:
    stage.world.trouble.answers("POST", DISPATCHES, 403, "You have exceeded a secondary rate limit")
    await begins(stage)
    await stage.until(lambda: len(stage.world.ledger.dispatches) == 2, hours=1)

    assert stage.bot is not None
    (stored,) = await stage.bot.store.releases.live()
    reasons = [
        reason
        for line in await stage.bot.store.releases.journal(stored.release.id)
        for reason in line.reasons
    ]
    assert any("certainly not done" in reason and "limits the rate" in reason for reason in reasons)


async def test_a_token_that_no_dispatch_can_use_is_tried_for_ten_minutes_with_growing_pauses(
    stage: Stage,
) -> None:
    stage.world.trouble.answers("POST", DISPATCHES, 401, "Bad credentials", times=None)
    await begins(stage)

    await stage.until(lambda: stage.state() == "needs attention", hours=0.5)

    pauses = seconds_between(stage.world.ledger.dispatches)
    assert len(pauses) == 7
    assert all(abs(pause - 5 * 2**number) <= 2 for number, pause in enumerate(pauses[:6]))
    assert abs(pauses[6] - 300) <= 2
    assert "8 sends in a row" in stage.said()[0]


async def test_a_token_that_no_re_run_can_use_calls_a_person_after_a_while(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run(attempts=1).job("build").fails(log=NETWORK)
    stage.world.trouble.answers("POST", RERUN, 401, "Bad credentials", times=None)
    await begins(stage)

    await stage.until(lambda: stage.state() == "needs attention", hours=0.5)

    asked = stage.world.ledger.matching("POST", RERUN)
    assert asked[-1].at - asked[0].at > timedelta(minutes=8)
    assert len({entry.at for entry in asked}) == 24
    assert "Bad credentials" in stage.said()[0]


async def test_of_a_branch_only_runs_since_shortly_before_the_step_became_due_are_read(stage: Stage) -> None:
    await begins(stage, BRANCH)
    due = stage.clock.now()
    await stage.passes(minutes=2)

    asked = stage.world.ledger.matching("GET", r"/workflows/pre-release.yml/runs$")

    since = {entry.query.get("created", "") for entry in asked}
    assert len(since) == 1
    began = due - timedelta(minutes=1, seconds=1)
    assert since == {f">={began:%Y-%m-%dT%H:%M:%SZ}"}


async def test_the_run_of_a_lost_dispatch_is_asked_for_as_precisely_as_github_lets_ask(stage: Stage) -> None:
    stage.world.trouble.breaks("POST", DISPATCHES, Break.RESET)
    before = stage.clock.now()
    await begins(stage)
    await stage.until(lambda: stage.world.ledger.dispatches)
    before_the_send = len(stage.world.ledger)

    await stage.passes(minutes=2)

    asked = [
        entry.query
        for entry in stage.world.ledger[before_the_send:]
        if entry.method == "GET" and entry.path.endswith("/workflows/build.yml/runs")
    ]
    assert asked
    for query in asked:
        assert (query["event"], query["branch"]) == ("workflow_dispatch", "develop")
        assert query["created"].startswith(f">={before:%Y-%m-%dT%H:%M}")


async def test_a_send_carries_its_id_in_the_input_that_the_file_names(stage: Stage) -> None:
    stage.world.add_workflow(stage.oss, "named.yml", inputs=["version", "ticket"])
    pipeline = ONE_STEP.replace("build.yml", "named.yml").replace("build: {", "build: {nonce: ticket, ")
    await begins(stage, pipeline)
    await stage.until(lambda: stage.world.ledger.dispatches)

    (sent,) = stage.world.ledger.dispatches

    assert stage.bot is not None
    (stored,) = await stage.bot.store.releases.live()
    (row,) = await stage.bot.store.sends.sends_of(stored.release.id, "build")
    assert sent.body is not None
    assert row.nonce
    assert sent.body["inputs"] == {"version": "1.0.3", "ticket": row.nonce}
