"""A dispatch leaves once: what the bot does when GitHub's answer is an error, is lost, or never comes."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.simulator.faults import Break, BrokenConnectionError
from bot.simulator.runs import Run, Workflow
from bot.simulator.world import OLD_VERSION
from tests.scenarios.stage import ONE_CHAIN, ONE_STEP, Stage

DISPATCH = r"dispatches$"
NONCE_STEP = ONE_STEP.replace("build: {", "build: {nonce: ticket, ")

Trouble = Callable[[Stage], object]

LOST_AFTER: dict[str, Trouble] = {
    "server error": lambda stage: stage.world.trouble.answers("POST", DISPATCH, 502, when="after"),
    "unicorn": lambda stage: stage.world.trouble.answers_html("POST", DISPATCH, when="after"),
    "reset": lambda stage: stage.world.trouble.breaks("POST", DISPATCH, Break.RESET, when="after"),
    "silence": lambda stage: stage.world.trouble.breaks("POST", DISPATCH, Break.HANG, when="after"),
    "very late": lambda stage: stage.world.trouble.is_slow("POST", DISPATCH, seconds=300, times=1),
}
LOST_BEFORE: dict[str, Trouble] = {
    "server error": lambda stage: stage.world.trouble.answers("POST", DISPATCH, 502),
    "unavailable": lambda stage: stage.world.trouble.answers("POST", DISPATCH, 503),
    "reset": lambda stage: stage.world.trouble.breaks("POST", DISPATCH, Break.RESET),
    "silence": lambda stage: stage.world.trouble.breaks("POST", DISPATCH, Break.HANG),
}
PASSING: dict[str, Trouble] = {
    "no connection": lambda stage: stage.world.trouble.breaks("POST", DISPATCH, Break.CONNECT, times=3),
    "bad credentials": lambda stage: stage.world.trouble.bad_credentials("POST", DISPATCH, times=1),
}
LIMITS: dict[str, tuple[Trouble, timedelta]] = {
    "secondary, 403": (
        lambda stage: stage.world.trouble.secondary_limit("POST", DISPATCH, retry_after=90),
        timedelta(seconds=90),
    ),
    "secondary, 429": (
        lambda stage: stage.world.trouble.secondary_limit("POST", DISPATCH, retry_after=90, status=429),
        timedelta(seconds=90),
    ),
    "secondary without a time": (
        lambda stage: stage.world.trouble.secondary_limit("POST", DISPATCH, retry_after=None),
        timedelta(seconds=60),
    ),
    "primary": (
        lambda stage: stage.world.trouble.primary_limit("POST", DISPATCH, reset_in=600),
        timedelta(seconds=600),
    ),
}


def build(stage: Stage) -> Workflow:
    return stage.oss.workflows["build.yml"]


def own_run(stage: Stage, workflow: Workflow, ref: str = "develop", **inputs: str) -> Run:
    """A run that GitHub says the bot has dispatched, and the bot knows nothing of."""
    sha = stage.oss.resolve(ref)
    assert sha is not None
    return stage.world.actions.start(
        workflow, event="workflow_dispatch", ref=ref, sha=sha, actor=stage.world.bot, inputs=inputs
    )


async def begins(stage: Stage, pipeline: str = ONE_STEP) -> None:
    stage.pipeline(pipeline)
    await stage.opens()
    await stage.says("/release 1.0.3")


def done(stage: Stage) -> int:
    """Dispatches that took effect."""
    return sum(entry.effect for entry in stage.world.ledger.dispatches)


@pytest.mark.parametrize("how", LOST_AFTER)
async def test_f23_f24_a_dispatch_whose_answer_is_lost_is_found_and_not_sent_again(
    stage: Stage, how: str
) -> None:
    LOST_AFTER[how](stage)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released")
    assert len(stage.dispatches()) == 1
    assert len(build(stage).runs) == 1


@pytest.mark.parametrize("how", LOST_BEFORE)
async def test_f25_a_dispatch_that_may_have_been_made_is_never_repeated_without_a_person(
    stage: Stage, how: str
) -> None:
    LOST_BEFORE[how](stage)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")
    assert len(stage.dispatches()) == 1
    assert "may have been sent" in stage.said()[0]
    assert "@maya" in stage.said()[0]

    await stage.passes(hours=3)
    assert len(stage.dispatches()) == 1

    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released")
    assert (len(stage.dispatches()), done(stage)) == (2, 1)


@pytest.mark.parametrize("how", PASSING)
async def test_a_dispatch_that_certainly_was_not_made_is_sent_again_by_itself(stage: Stage, how: str) -> None:
    PASSING[how](stage)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert done(stage) == 1
    assert not [said for said in stage.said() if "needs you" in said]


@pytest.mark.parametrize("how", LIMITS)
async def test_f49_a_rate_limit_is_waited_out_and_then_the_dispatch_is_sent(stage: Stage, how: str) -> None:
    limit, wait = LIMITS[how]
    limit(stage)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=2)
    first, second = stage.world.ledger.dispatches
    assert second.at - first.at >= wait - timedelta(seconds=1)
    assert done(stage) == 1


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "Not Found"),
        (422, "Unexpected inputs provided: [version]"),
        (403, "Resource not accessible by integration"),
    ],
)
async def test_f30_a_dispatch_that_github_refuses_needs_a_person_who_can_have_it_sent_again(
    stage: Stage, status: int, message: str
) -> None:
    stage.world.trouble.answers("POST", DISPATCH, status, message)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert len(stage.dispatches()) == 1
    assert "refused the dispatch" in stage.said()[0]

    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released")
    assert (len(stage.dispatches()), done(stage)) == (2, 1)


async def test_an_old_github_that_tells_no_run_id_is_served_as_well(stage: Stage) -> None:
    stage.world.api_versions = (OLD_VERSION,)
    stage.world.knows_return_run_details = False
    await begins(stage)
    await stage.until(lambda: stage.state() == "released")
    assert [entry.status for entry in stage.world.ledger.dispatches] == [204]


async def test_a_run_that_appears_minutes_after_its_lost_answer_is_still_found(stage: Stage) -> None:
    build(stage).on_run().appears_after(minutes=10)
    LOST_AFTER["reset"](stage)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 1


async def test_a_run_that_appears_after_the_person_was_called_is_still_taken(stage: Stage) -> None:
    build(stage).on_run().appears_after(minutes=25)
    LOST_AFTER["reset"](stage)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 1


async def test_two_runs_that_could_be_the_one_are_both_named_and_a_person_chooses(stage: Stage) -> None:
    def twin() -> None:
        own_run(stage, build(stage), version="1.0.3")
        raise BrokenConnectionError(Break.RESET)

    stage.world.trouble.calls("POST", DISPATCH, twin, when="after")
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    first, second = build(stage).runs
    assert str(first.id) in stage.said()[0]
    assert str(second.id) in stage.said()[0]

    await stage.says(f"/release adopt 1.0.3 build {second.id}")
    await stage.until(lambda: stage.state() == "released")
    assert len(stage.dispatches()) == 1
    assert f"/runs/{second.id})" in stage.status().rows["build"]


async def test_a_run_of_the_bot_that_no_step_knows_stops_the_next_dispatch(stage: Stage) -> None:
    stage.oss.workflows["pre-release.yml"].on_run().takes(minutes=10)
    await begins(stage, ONE_CHAIN)
    await stage.until(lambda: stage.step("build") == "running")
    stray = own_run(stage, stage.oss.workflows["release-docker.yml"], "v1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")
    assert stage.dispatches("docker") == []
    assert str(stray.id) in stage.said()[0]

    await stage.says(f"/release adopt 1.0.3 images {stray.id}")
    await stage.until(lambda: stage.state() == "released")
    assert stage.dispatches("docker") == []


async def test_a_persons_own_run_is_never_taken_for_the_bots(stage: Stage) -> None:
    LOST_BEFORE["reset"](stage)
    await begins(stage)
    run = stage.world.hand("maya").starts(build(stage), version="1.0.3")
    await stage.until(lambda: stage.state() == "needs attention", hours=1)

    await stage.says(f"/release adopt 1.0.3 build {run.id}")
    await stage.until(lambda: stage.state() == "released")
    assert len(stage.dispatches()) == 1


async def test_a_second_release_waits_while_the_run_of_the_first_ones_dispatch_is_unknown(
    stage: Stage,
) -> None:
    build(stage).on_run(runs=1).appears_after(minutes=5)
    LOST_AFTER["reset"](stage)
    await begins(stage)
    await stage.says("/release 1.0.4")
    await stage.passes(minutes=4)
    assert len(stage.dispatches()) == 1
    assert stage.step("build", "1.0.4") == "queued"

    await stage.until(lambda: stage.state("1.0.4") == "released" and stage.state("1.0.3") == "released")
    first, second = build(stage).runs
    assert f"/runs/{first.id})" in stage.status("1.0.3").rows["build"]
    assert f"/runs/{second.id})" in stage.status("1.0.4").rows["build"]


async def test_runs_that_show_the_bots_id_in_their_name_need_not_wait_for_each_other(stage: Stage) -> None:
    workflow = stage.world.add_workflow(
        stage.oss, "named.yml", inputs=["version", "ticket"], run_name="Build {version} {ticket}"
    )
    workflow.on_run().appears_after(minutes=5)
    stage.world.trouble.breaks("POST", DISPATCH, Break.RESET, when="after", times=2)
    await begins(stage, NONCE_STEP.replace("build.yml", "named.yml"))
    await stage.says("/release 1.0.4")
    await stage.passes(seconds=30)
    assert len(stage.dispatches()) == 2

    await stage.until(lambda: stage.state("1.0.4") == "released" and stage.state("1.0.3") == "released")
    for run in workflow.runs:
        assert f"/runs/{run.id})" in stage.status(run.inputs["version"]).rows["build"]
    assert len(stage.dispatches()) == 2


async def test_a_run_that_shows_late_is_not_taken_by_an_earlier_send_that_was_given_up(stage: Stage) -> None:
    """Without an id and a nonce nobody could tell them apart: the later send may have made it, the earlier one not."""
    build(stage).on_run().is_listed_after(minutes=40)
    stage.world.trouble.answers("POST", DISPATCH, 502, times=1)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")

    stage.world.trouble.answers("POST", DISPATCH, 502, when="after", times=1)
    await stage.says("/release 1.0.4")
    await stage.until(lambda: stage.state("1.0.4") == "needs attention")
    await stage.passes(hours=1)

    assert (stage.state("1.0.3"), stage.state("1.0.4")) == ("needs attention", "released")
