"""GitHub is down for six hours: no release fails, none calls a person for it, and soon after its return all go on."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bot.simulator.faults import Break, Trouble
from bot.simulator.ledger import Entry
from tests.scenarios.metrics_page import metrics
from tests.scenarios.stage import ONE_STEP, Stage

RELEASES = """\
pipelines:
  running: {steps: {build: {repo: acme/widget, dispatch: long.yml, ref: develop}}}
  cooling:
    steps: {build: {repo: acme/widget, dispatch: unlucky.yml, ref: develop, retry: {any: 3, wait: 30m}}}
  sending: {steps: {build: {repo: acme/widget, dispatch: lost.yml, ref: develop}}}
  awaiting: {steps: {build: {repo: acme/widget, watch: pre-release.yml, ref: "v{{ version }}"}}}
  approving:
    steps: {go: {approval: "Go?"}, build: {needs: go, repo: acme/widget, dispatch: calm.yml, ref: develop}}
  troubled: {steps: {build: {repo: acme/widget, dispatch: stopped.yml, ref: develop}}}
"""
NAMES = ("running", "cooling", "sending", "awaiting", "approving", "troubled")
OUTAGES: dict[str, Callable[[Trouble], object]] = {
    "502": lambda trouble: trouble.answers("*", "", 502, times=None),
    "503 and a unicorn": lambda trouble: trouble.answers_html("*", "", status=503, times=None),
    "no connection": lambda trouble: trouble.breaks("*", "", Break.CONNECT, times=None),
    "no answer": lambda trouble: trouble.breaks("*", "", Break.HANG, times=None),
}


def version(name: str) -> str:
    return f"1.0.{NAMES.index(name)}"


def states(stage: Stage) -> dict[str, str | None]:
    return {name: stage.state(version(name)) for name in NAMES}


async def six_releases(stage: Stage) -> None:
    """Each in another state when GitHub goes away."""
    for file in ("long.yml", "unlucky.yml", "lost.yml", "stopped.yml", "calm.yml"):
        stage.world.add_workflow(stage.oss, file)
    flows = stage.oss.workflows
    flows["long.yml"].on_run().takes(hours=2)
    flows["unlucky.yml"].on_run(attempts=1).job("build").fails()
    flows["lost.yml"].on_run().is_listed_after(minutes=8)
    flows["stopped.yml"].on_run(attempts=1).concludes("cancelled")
    stage.world.trouble.answers("POST", "lost.yml/dispatches", 502, when="after")
    stage.pipeline(RELEASES)
    await stage.opens()
    for name in NAMES:
        await stage.says(f"/{name} {version(name)}")
    await stage.until(lambda: stage.step("build", version("cooling")) == "retrying", hours=1)
    await stage.until(lambda: stage.state(version("troubled")) == "needs attention", hours=1)
    await stage.passes(minutes=1)
    assert stage.step("build", version("running")) == "running"
    assert stage.step("build", version("sending")) == "queued"
    assert stage.step("build", version("awaiting")) == "waiting"
    assert stage.step("go", version("approving")) == "awaiting approval"


def since(stage: Stage, when: datetime) -> list[Entry]:
    return [entry for entry in stage.world.ledger if entry.at >= when]


@pytest.mark.parametrize("outage", ["502", "no answer"])
async def test_six_hours_without_github_cost_no_release_anything(stage: Stage, outage: str) -> None:
    await six_releases(stage)
    before, calls, gone = states(stage), len(stage.said()), stage.clock.now()
    OUTAGES[outage](stage.world.trouble)
    await stage.passes(hours=6)
    in_vain = since(stage, gone)
    assert [entry for entry in in_vain if entry.writes and "access_tokens" not in entry.path][20:] == []
    assert len(in_vain) <= 6 * 3600 / 15 + 100

    stage.world.trouble.ends()
    back = stage.clock.now()
    await stage.passes(minutes=5)
    ended = dict.fromkeys(("running", "cooling", "sending"), "released")
    assert states(stage) == {**before, **ended}
    assert len(stage.said()) == calls + 3
    assert len(stage.world.ledger.matching("POST", "rerun-failed-jobs")) == 1

    stage.world.hand("maya").pushes_tag(stage.oss, f"v{version('awaiting')}")
    stage.world.hand("maya").reruns(stage.run(stage.oss, "stopped.yml"))
    await stage.says(f"/approving approve {version('approving')}")
    await stage.until(lambda: set(states(stage).values()) == {"released"}, hours=3)
    assert len(stage.dispatches()) == 5
    assert back - gone == timedelta(hours=6)


@pytest.mark.parametrize("outage", ["503 and a unicorn", "no connection"])
async def test_a_bot_that_starts_while_github_is_away_waits_for_it(stage: Stage, outage: str) -> None:
    await six_releases(stage)
    before = states(stage)
    await stage.bot_dies()
    OUTAGES[outage](stage.world.trouble)
    await stage.opens()
    await stage.passes(hours=2)
    stage.world.trouble.ends()
    await stage.passes(minutes=5)
    ended = dict.fromkeys(("cooling", "sending"), "released")
    assert states(stage) == {**before, **ended}
    await stage.until(lambda: states(stage)["running"] == "released", hours=3)


async def test_a_command_waits_while_the_visibility_of_its_repository_cannot_be_read(stage: Stage) -> None:
    """Nobody knows then what may be said there; that is no fault of the command, which is not set aside."""
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release help")
    await stage.passes(minutes=6)
    fault = stage.world.trouble.answers("GET", "/repos/acme/widget$", 502, times=None)
    await stage.says("/release 1.0.3")
    await stage.passes(minutes=5)
    assert fault.hits
    assert stage.dispatches() == []

    stage.world.trouble.ends()
    await stage.until(lambda: stage.state() == "released", hours=1)


async def test_a_command_given_right_after_the_return_is_carried_out(stage: Stage) -> None:
    """The bot does not know yet that GitHub is back, and a person's role is asked for no longer than some seconds."""
    stage.pipeline(ONE_STEP)
    await stage.opens(HOMES="acme/widget")
    OUTAGES["502"](stage.world.trouble)
    stage.world.hand("maya").comments(stage.issue, "/release 1.0.1")
    await stage.passes(hours=1)
    stage.world.trouble.ends()
    comment = await stage.says("/release 1.0.3")
    await stage.passes(seconds=40)
    assert stage.reactions(comment) == ["eyes", "rocket"]


async def test_the_metrics_page_says_that_github_is_left_alone_and_until_when(stage: Stage) -> None:
    await six_releases(stage)
    OUTAGES["502"](stage.world.trouble)
    await stage.passes(minutes=20)
    shown = await metrics(stage)
    until = shown["release_bot_circuit_open_until_seconds"]
    assert abs(until - stage.clock.now().timestamp()) <= 30
    assert shown["release_bot_steps_held{kind=rerun}"] == 1
    stage.world.trouble.ends()
    await stage.passes(minutes=1)
    assert (await metrics(stage))["release_bot_circuit_open_until_seconds"] == 0
