"""Webhooks are hints: lost, doubled, late or in any order, they change nothing; and GitHub may be away for hours."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest

from bot.simulator.faults import Break
from bot.simulator.post import Post
from bot.store import StoreUnavailable
from tests.scenarios.stage import ONE_CHAIN, ONE_STEP, OSS, Stage

POST_OF_A_BAD_DAY: dict[str, Callable[[Post], object]] = {
    "all lost after the command": lambda post: post.loses(skip=1),
    "runs lost": lambda post: post.loses("workflow_run"),
    "every second lost": lambda post: post.loses("workflow_run", chance=0.5),
    "all doubled": lambda post: post.doubles(),
    "all doubled as new deliveries": lambda post: post.doubles(same_guid=False),
    "all doubled an hour later": lambda post: post.doubles(late=timedelta(hours=1)),
    "all late": lambda post: post.delays("workflow_run", by=timedelta(minutes=7)),
    "all in disorder": lambda post: post.shuffles(within=timedelta(minutes=3)),
}


async def ends_well(stage: Stage, dispatches: int = 4) -> None:
    await stage.until(lambda: stage.state() == "released", hours=6)
    await stage.passes(hours=2)
    assert len(stage.dispatches()) == dispatches
    assert set(stage.status().steps.values()) == {"passed"}
    assert len(stage.statuses()) == 1
    assert len(stage.said()) == 1
    assert "is released" in stage.said()[0]


@pytest.mark.parametrize("post", POST_OF_A_BAD_DAY)
async def test_whatever_the_post_does_the_release_ends_the_same(stage: Stage, post: str) -> None:
    POST_OF_A_BAD_DAY[post](stage.world.hook.post)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await ends_well(stage)


async def test_a_command_whose_own_delivery_is_lost_is_found_within_five_looks(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens(HOMES="acme/widget")
    stage.world.hook.post.loses()
    comment = await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.reactions(comment) == ["eyes", "rocket"], hours=0.1)
    await ends_well(stage, dispatches=1)


async def test_an_issue_of_an_owner_called_pull_is_no_pull_request(stage: Stage) -> None:
    home = stage.world.add_repository("pull/tools")
    stage.world.give_role("maya", "maintain", home)
    stage.pipeline(ONE_STEP, home)
    await stage.opens(HOMES="pull/tools")
    stage.world.hook.post.loses()
    comment = await stage.says("/release 1.0.3", issue=stage.world.add_issue(home, 3))
    await stage.until(lambda: stage.reactions(comment) == ["eyes", "rocket"], hours=0.1)


async def test_a_command_given_while_the_bot_was_down_is_carried_out_when_it_is_back(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens(HOMES="acme/widget")
    await stage.bot_dies()
    comment = await stage.says("/release 1.0.3")
    await stage.passes(minutes=5)
    await stage.opens()
    await stage.until(lambda: stage.reactions(comment) == ["eyes", "rocket"], hours=0.2)
    await ends_well(stage, dispatches=1)


async def test_runs_that_end_while_the_bot_is_down_are_seen_when_it_is_back(stage: Stage) -> None:
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("oss-start") == "running")
    await stage.bot_dies()
    await stage.passes(hours=3)
    await stage.opens()
    await ends_well(stage)


@pytest.mark.parametrize("how", ["unavailable", "no connection", "silence"])
async def test_github_may_be_away_for_hours_and_then_the_release_goes_on(stage: Stage, how: str) -> None:
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("oss") == "running")
    trouble = stage.world.trouble
    match how:
        case "unavailable":
            trouble.answers("*", "", 503, "Service unavailable", times=None)
        case "no connection":
            trouble.breaks("*", "", Break.CONNECT, times=None)
        case _:
            trouble.breaks("*", "", Break.HANG, times=None)
    await stage.passes(hours=4)
    trouble.ends()
    await ends_well(stage)


async def test_time_in_which_github_is_away_does_not_count_against_a_run_that_is_awaited(
    stage: Stage,
) -> None:
    stage.oss.workflows["global-start-release.yml"].on_run().pushes_tag(None)
    stage.pipeline(ONE_CHAIN)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("start") == "passed")
    stage.world.trouble.answers("*", "", 503, times=None)
    await stage.passes(hours=2)
    stage.world.trouble.ends()
    await stage.passes(minutes=5)
    assert stage.state() == "running"
    stage.world.hand("maya").pushes_tag(stage.oss, "v1.0.3")
    await stage.until(lambda: stage.state() == "released", hours=1)


async def test_a_suspended_installation_calls_a_person_and_everything_goes_on_when_it_is_back(
    stage: Stage,
) -> None:
    tool = stage.world.add_repository("rival/tool")
    stage.world.add_workflow(tool, "build.yml", inputs=["version"]).on_run().takes(minutes=40)
    stage.world.give_role("maya", "maintain", tool)
    stage.pipeline(ONE_STEP.replace("acme/widget", "rival/tool"))
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    installation = stage.world.installation("rival")
    stage.world.hand("ada").suspends(installation)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.passes(hours=3)
    assert len(stage.said()) == 1
    assert "@maya" in stage.said()[0]

    stage.world.hand("ada").unsuspends(installation)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 1


def will_say(stage: Stage, text: str) -> None:
    stage.world.hand("maya").comments(stage.issue, text)


async def test_without_any_webhook_the_end_of_a_run_is_noticed_within_three_minutes(stage: Stage) -> None:
    """Twelve runs, whose ends fall at all times between two looks."""
    stage.pipeline(ONE_STEP)
    stage.world.hook.post.loses()
    versions = [f"1.{number}.0" for number in range(12)]
    build = stage.oss.workflows["build.yml"]
    for number, version in enumerate(versions):
        build.on_run(about=version).takes(seconds=100 + 37 * number)
        stage.world.after(timedelta(seconds=50 * number), partial(will_say, stage, f"/release {version}"))
    await stage.opens(HOMES="acme/widget", WRITES_PER_MINUTE="600")
    noticed: dict[str, datetime] = {}

    def all_noticed() -> bool:
        for version in versions:
            if stage.state(version) == "released":
                noticed.setdefault(version, stage.clock.now())
        return len(noticed) == len(versions)

    await stage.until(all_noticed, hours=2)
    ended = [max(filter(None, (job.completed_at for job in run.attempt.jobs))) for run in build.runs]
    waits = [at - end for at, end in zip(sorted(noticed.values()), sorted(ended), strict=True)]
    assert max(waits) <= timedelta(minutes=3)


async def test_every_command_is_found_within_five_looks_however_many_homes_there_are(stage: Stage) -> None:
    """Some homes answer slowly, one not at all: none of them keeps the others waiting."""
    homes = [stage.world.add_repository(f"acme/home-{number}") for number in range(12)]
    issues = [stage.world.add_issue(home, 1) for home in homes]
    stage.pipeline(ONE_STEP)
    stage.world.hook.post.loses()
    stage.world.trouble.breaks("GET", "^/repos/acme/home-0/issues/comments", Break.HANG, times=None)
    stage.world.trouble.is_slow("GET", "^/repos/acme/home-[1-5]/issues/comments", seconds=12, times=None)
    for home in homes:
        stage.pipeline(ONE_STEP, home)
        stage.world.give_role("maya", "maintain", home)
    await stage.opens(HOMES=",".join(home.full_name for home in homes))
    await stage.passes(minutes=7)
    comments = [stage.world.hand("maya").comments(issue, "/release help") for issue in issues[1:]]
    await stage.passes(minutes=5)
    assert {tuple(stage.reactions(comment)) for comment in comments} == {("eyes", "rocket")}


async def test_a_command_that_is_found_while_the_database_cannot_be_written_is_not_forgotten(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens(HOMES="acme/widget")
    assert stage.bot is not None

    async def is_full(_arrival: object) -> bool:
        raise StoreUnavailable("the disk is full")

    stage.world.hook.post.loses()
    with monkeypatch.context() as full:
        full.setattr(stage.bot.store.deliveries, "accept", is_full)
        command = await stage.says("/release 1.0.3")
        await stage.passes(minutes=3)
    await stage.passes(minutes=5)

    assert stage.reactions(command) == ["eyes", "rocket"]


@pytest.mark.parametrize("broken", [None, "pipelines: {}"])
async def test_a_home_is_one_where_a_command_was_answered(stage: Stage, broken: str | None) -> None:
    if broken is None:
        stage.oss.files.clear()
    else:
        stage.pipeline(broken)
    await stage.opens()
    assert stage.reactions(await stage.says("/release 1.0.3")) == ["eyes", "confused"]
    stage.pipeline(ONE_STEP)
    stage.world.hook.post.loses("issue_comment")
    comment = await stage.says("/release 1.0.3")
    await stage.passes(minutes=10)
    assert stage.reactions(comment) == ["eyes", "rocket"]


FOLLOWED = f"""\
pipelines:
  release:
    steps:
      build: {{repo: {OSS}, dispatch: build.yml, ref: develop, inputs: {{version: "{{{{ version }}}}"}}}}
      after: {{needs: build, repo: {OSS}, watch: after.yml, ref: develop}}
"""


async def test_what_follows_a_run_is_found_though_the_end_of_that_run_was_noticed_later(stage: Stage) -> None:
    stage.pipeline(FOLLOWED)
    stage.world.add_workflow(stage.oss, "after.yml", on_branches=("develop",))
    await stage.opens()
    stage.world.hand("ada").pushes(stage.oss)  # long before: a run that nobody waits for
    await stage.passes(minutes=2)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    stage.world.hook.post.loses()
    build = stage.run(stage.oss, "build.yml")
    while build.status != "completed":
        await stage.passes(seconds=1)
    assert stage.step("build") == "running"
    stage.world.hand("ada").pushes(stage.oss)
    await stage.until(lambda: stage.state() in {"released", "needs attention"}, hours=2)

    assert stage.state() == "released"


async def test_a_command_while_the_app_is_taken_away_for_a_minute_is_answered_when_it_is_back(
    stage: Stage,
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    installation = stage.world.installation("acme")
    command = stage.world.hand("maya").comments(stage.issue, "/release 1.0.3")
    installation.repositories.remove(stage.oss)
    await stage.passes(minutes=1)
    installation.repositories.append(stage.oss)
    await stage.passes(minutes=5)

    assert stage.reactions(command)[-1] in {"rocket", "confused"}
    assert stage.statuses() or stage.said()
