"""Runs that GitHub cancels of its own accord: of those that wait in a concurrency group it keeps only the newest."""

import pytest

from bot.simulator.faults import Break
from bot.simulator.runs import Run, Workflow
from tests.scenarios.stage import ONE_CHAIN, ONE_STEP, Stage
from tests.simulator.oracle import check_ledger

THREE = ("1.0.3", "1.0.4", "1.0.5")
IN_LINE = ONE_STEP.replace("build: {", "build: {one-at-a-time: line, ")


def build(stage: Stage) -> Workflow:
    return stage.oss.workflows["build.yml"]


async def opens_with_a_group(
    stage: Stage, group: str = "images", *, late: bool = False, pipeline: str = ONE_STEP
) -> None:
    stage.pipeline(pipeline)
    build(stage).group, build(stage).jobs_come_late = group, late
    await stage.opens()


def version_of(run: Run) -> str:
    return run.inputs["version"]


def retrying(stage: Stage) -> list[str]:
    return [version for version in THREE if stage.step("build", version) == "retrying"]


@pytest.mark.parametrize("late", [False, True], ids=["jobs are listed", "no job is listed"])
async def test_three_releases_that_meet_in_one_group_are_all_released(stage: Stage, late: bool) -> None:
    await opens_with_a_group(stage, late=late)
    build(stage).on_run().takes(minutes=20)
    await stage.says(f"/release {' '.join(THREE)}")
    await stage.until(lambda: retrying(stage), hours=1)
    (gave_way,) = retrying(stage)
    assert "GitHub cancelled attempt 1 before a job of it ran" in stage.status(gave_way).body
    await stage.until(lambda: {stage.state(version) for version in THREE} == {"released"}, hours=6)

    first, cancelled, second, third = build(stage).runs
    assert [run.conclusion for run in build(stage).runs] == ["success", "cancelled", "success", "success"]
    assert version_of(cancelled) == version_of(third) == gave_way
    assert {version_of(first), version_of(second), gave_way} == set(THREE)
    assert third.created_at >= second.attempt.updated_at
    for run in (first, second, third):
        assert str(run.id) in stage.status(version_of(run)).rows["build"]
    assert len(stage.dispatches()) == 4
    assert stage.world.ledger.reruns == []
    assert not [said for said in stage.said() if "needs" in said]
    check_ledger(stage.world.ledger)


async def test_however_many_meet_they_go_one_after_the_other(stage: Stage) -> None:
    """Sent again at the same moment, they would only push each other out once more."""
    await opens_with_a_group(stage)
    build(stage).on_run().takes(minutes=20)
    seven = [f"1.0.{patch}" for patch in range(7)]
    await stage.says(f"/release {' '.join(seven)}")
    await stage.until(lambda: {stage.state(version) for version in seven} == {"released"}, hours=12)
    assert [run.conclusion for run in build(stage).runs].count("cancelled") == 5
    assert len(stage.dispatches()) == 12
    assert not [said for said in stage.said() if "needs" in said]


# -- what a person did is a person's ---------------------------------------------------------------------


def maya_builds(stage: Stage, version: str = "9.9.9") -> Run:
    return stage.world.hand("maya").starts(build(stage), version=version)


async def waits_behind_maya(stage: Stage, *, late: bool = False) -> Run:
    """The run of 1.0.3, which waits in its group for a run of a person."""
    await opens_with_a_group(stage, late=late)
    build(stage).on_run().takes(minutes=20)
    maya_builds(stage)
    await stage.passes(minutes=1)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: build(stage).run.status == "pending", hours=1)
    return build(stage).run


async def gives_way(stage: Stage, *, rival: str = "9.9.9") -> Run:
    """The run of 1.0.3, which GitHub has cancelled because maya has started another one."""
    run = await waits_behind_maya(stage)
    maya_builds(stage, rival)
    await stage.until(lambda: stage.step("build") == "retrying", hours=1)
    assert run.conclusion == "cancelled"
    return run


@pytest.mark.parametrize("late", [False, True], ids=["jobs are listed", "no job is listed"])
async def test_a_pending_run_that_a_person_cancels_is_left_to_people(stage: Stage, late: bool) -> None:
    run = await waits_behind_maya(stage, late=late)
    await stage.passes(minutes=1)
    stage.world.hand("walt").cancels(run)
    await stage.passes(seconds=15)
    assert stage.state() == "needs attention"
    await stage.passes(hours=2)
    assert len(stage.dispatches()) == 1
    assert "was cancelled on GitHub" in stage.said()[0]


async def test_a_run_that_was_under_way_when_github_cancelled_it_is_left_to_people(stage: Stage) -> None:
    """What has begun may have done something already: nobody but a person can tell."""
    await opens_with_a_group(stage)
    build(stage).cancels_in_progress = True
    build(stage).on_run().takes(minutes=20)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: build(stage).run.status == "in_progress", hours=1)
    await stage.passes(minutes=1)
    maya_builds(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.passes(hours=2)
    assert len(stage.dispatches()) == 1
    assert "concurrency group `images`" in stage.said()[0]


async def test_a_run_that_gives_way_twice_is_left_to_people_who_can_send_it_again(stage: Stage) -> None:
    await gives_way(stage)
    third = maya_builds(stage)
    await stage.until(lambda: third.status != "pending", hours=2)
    await stage.until(lambda: len(stage.dispatches()) == 2, hours=2)
    await stage.passes(minutes=1)
    maya_builds(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.passes(hours=3)
    assert len(stage.dispatches()) == 2
    assert "concurrency group `images`" in stage.said()[0]

    await stage.says("/release redo 1.0.3 build")
    await stage.until(lambda: stage.state() == "released", hours=2)
    assert len(stage.dispatches()) == 3


@pytest.mark.parametrize("break_", [404, 500, Break.HANG])
async def test_a_cancel_that_cannot_be_explained_is_left_to_people(stage: Stage, break_: int | Break) -> None:
    await waits_behind_maya(stage)
    trouble = stage.world.trouble
    if isinstance(break_, int):
        trouble.answers("GET", r"annotations", break_, times=None)
    else:
        trouble.breaks("GET", r"annotations", break_, times=None)
    maya_builds(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.passes(hours=2)
    assert len(stage.dispatches()) == 1
    assert "was cancelled on GitHub" in stage.said()[0]


# -- while it waits for the others -----------------------------------------------------------------------


async def test_a_run_that_a_person_runs_again_meanwhile_is_adopted_and_nothing_is_sent(stage: Stage) -> None:
    run = await gives_way(stage)
    await stage.passes(minutes=1)
    stage.world.hand("walt").reruns(run)
    await stage.until(lambda: stage.state() == "released", hours=3)
    assert len(stage.dispatches()) == 1
    assert len(run.attempts) == 2


async def test_what_a_person_ran_again_a_moment_before_the_way_was_free_is_not_sent_as_well(
    stage: Stage,
) -> None:
    run = await gives_way(stage)
    rival = build(stage).run
    await stage.until(lambda: rival.status == "completed", hours=2)
    stage.world.hook.active = False
    stage.world.hand("walt").reruns(run)
    await stage.until(lambda: stage.state() == "released", hours=3)
    assert len(stage.dispatches()) == 1


async def test_a_run_whose_rivals_are_deleted_is_sent_again(stage: Stage) -> None:
    run = await gives_way(stage)
    for rival in build(stage).runs:
        if rival is not run:
            stage.world.hand("maya").deletes_run(rival)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 2


async def test_what_waits_for_its_rivals_is_not_forgotten_by_a_restart(stage: Stage) -> None:
    await gives_way(stage)
    await stage.bot_restarts()
    await stage.until(lambda: stage.state() == "released", hours=2)
    assert len(stage.dispatches()) == 2


async def test_a_release_that_is_cancelled_while_its_run_waits_sends_nothing_more(stage: Stage) -> None:
    await gives_way(stage)
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled", hours=1)
    await stage.passes(hours=2)
    assert len(stage.dispatches()) == 1


async def test_rivals_that_never_come_to_an_end_are_told_to_a_person(stage: Stage) -> None:
    build(stage).on_run(about="9.9.8").runs_until_told()
    await gives_way(stage, rival="9.9.8")
    await stage.until(lambda: stage.state() == "needs attention", hours=7)
    assert "concurrency group `images`" in stage.said()[0]
    build(stage).run.finish()
    await stage.passes(hours=1)
    assert len(stage.dispatches()) == 1


async def test_two_workflows_that_share_a_group_are_told_apart_and_both_come_to_their_end(
    stage: Stage,
) -> None:
    """The run that took the place is of another workflow, so it is found among those that wait for a group."""
    await opens_with_a_group(stage)
    other = stage.oss.workflows["release-docker.yml"]
    other.group = "Images"
    build(stage).on_run().takes(minutes=20)
    other.on_run().takes(minutes=20)
    maya = stage.world.hand("maya")
    maya.starts(other)
    await stage.passes(minutes=1)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: build(stage).run.status == "pending", hours=1)
    last = maya.starts(other)
    await stage.until(lambda: stage.state() == "released", hours=3)
    assert len(stage.dispatches()) == 2
    assert last.conclusion == "success"
    assert build(stage).run.created_at >= last.attempt.updated_at


async def test_a_rival_that_was_under_way_before_anybody_looked_is_awaited_too(stage: Stage) -> None:
    await waits_behind_maya(stage)
    await stage.bot_dies()
    rival = maya_builds(stage)
    await stage.until(lambda: rival.status == "in_progress", hours=1)
    await stage.opens()
    await stage.until(lambda: stage.state() == "released", hours=2)
    assert rival.conclusion == "success"
    assert build(stage).run.created_at >= rival.attempt.updated_at


async def test_a_run_that_somebody_else_started_is_run_again_when_its_way_is_free(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    awaited = stage.oss.workflows["pre-release.yml"]
    awaited.group = "build"
    awaited.on_run().takes(minutes=20)
    maya = stage.world.hand("maya")
    maya.pushes_tag(stage.oss, "v0.9.0")
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: awaited.run.status == "pending", hours=1)
    run = awaited.run
    maya.pushes_tag(stage.oss, "v0.9.1")
    await stage.until(lambda: stage.step("build") == "retrying", hours=1)
    await stage.until(lambda: stage.state() == "released", hours=3)
    assert len(run.attempts) == 2
    assert [entry.effect for entry in stage.world.ledger.reruns] == [True]


# -- in a pause ------------------------------------------------------------------------------------------


async def behind_a_run_of_maya(stage: Stage, pipeline: str) -> None:
    """The release's run waits in its group for one that maya started."""
    await opens_with_a_group(stage, pipeline=pipeline)
    build(stage).on_run().takes(minutes=20)
    stage.world.hand("maya").starts(build(stage), version="9.9.9")
    await stage.passes(minutes=1)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: build(stage).run.status == "pending", hours=1)


async def test_after_a_pause_what_gave_way_pushes_nobody_out(stage: Stage) -> None:
    await behind_a_run_of_maya(stage, IN_LINE)
    rival = stage.world.hand("maya").starts(build(stage), version="9.9.8")
    await stage.until(lambda: stage.step("build") == "retrying", hours=1)

    await stage.says("/release pause 1.0.3")
    await stage.says("/release resume 1.0.3")

    await stage.until(lambda: stage.state() == "released", hours=3)
    assert rival.conclusion == "success"


async def test_what_gave_way_in_a_pause_lets_the_others_of_its_line_pass(stage: Stage) -> None:
    await behind_a_run_of_maya(stage, IN_LINE)
    await stage.says("/release pause 1.0.3")
    stage.world.hand("maya").starts(build(stage), version="9.9.8")
    await stage.until(lambda: "is sent again after the pause" in stage.status("1.0.3").body, hours=1)

    await stage.says("/release 1.0.4")

    await stage.until(lambda: stage.state("1.0.4") == "released", hours=3)
    await stage.says("/release resume 1.0.3")
    await stage.until(lambda: stage.state("1.0.3") == "released", hours=3)


async def test_in_a_pause_the_time_of_what_gave_way_stands_still(stage: Stage) -> None:
    await behind_a_run_of_maya(stage, ONE_STEP.replace("build: {", "build: {timeout: 30m, "))
    stage.world.hand("maya").starts(build(stage), version="9.9.8")
    await stage.until(lambda: stage.step("build") == "retrying", hours=1)

    await stage.says("/release pause 1.0.3")
    await stage.passes(hours=2)
    assert stage.state() == "paused"
    await stage.says("/release resume 1.0.3")

    await stage.until(lambda: stage.state() == "released", hours=1)
