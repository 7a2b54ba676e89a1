"""What stands in the way for hours or for good: no release hangs on it, and nobody else waits for it."""

from pathlib import Path

import pytest

from bot.simulator.faults import Break, Failure, Fault
from bot.simulator.talk import react
from tests.scenarios.stage import EE, ONE_STEP, OSS, Stage

EE_STEP = ONE_STEP.replace(f"repo: {OSS}", f"repo: {EE}")
WATCHED = f"""\
pipelines:
  release:
    steps:
      build: {{repo: {OSS}, watch: pre-release.yml, ref: "v{{{{ version }}}}"}}
"""
TWO_PIPELINES = f"""\
pipelines:
  release:
    steps:
      tagged: {{repo: {OSS}, watch: pre-release.yml, ref: "v{{{{ version }}}}"}}
  other:
    steps:
      build: {{repo: {OSS}, dispatch: build.yml, ref: develop, inputs: {{version: "{{{{ version }}}}"}}}}
"""


# -- the repository refuses the bot --------------------------------------------------------------------


async def test_a_run_that_ended_while_the_app_was_suspended_counts_though_the_bot_died_meanwhile(
    stage: Stage,
) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().takes(minutes=20)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    ada, app = stage.world.hand("ada"), stage.world.installation("acme")

    ada.suspends(app)
    await stage.passes(minutes=15)
    await stage.bot_dies()
    ada.unsuspends(app)
    await stage.opens()

    await stage.until(lambda: stage.state() == "released", hours=1)


async def worked_for_hours(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.2")
    await stage.passes(hours=2)


async def test_a_command_given_while_the_app_was_suspended_is_answered_though_the_bot_died_meanwhile(
    stage: Stage,
) -> None:
    await worked_for_hours(stage)
    ada, app = stage.world.hand("ada"), stage.world.installation("acme")

    ada.suspends(app)
    comment = await stage.says("/release 1.0.3")
    await stage.passes(hours=3)
    await stage.bot_restarts()
    await stage.passes(minutes=1)
    ada.unsuspends(app)

    await stage.until(lambda: stage.reactions(comment) == ["eyes", "confused"], hours=0.5)
    assert "If it is still wanted, give it again" in stage.answer()
    assert len(stage.dispatches()) == 1


async def copied(stage: Stage) -> dict[Path, bytes]:
    """The database as it is now; the bot stands still for it."""
    await stage.bot_dies()
    older = {path: path.read_bytes() for path in stage.folder.glob("bot.db*")}
    await stage.opens()
    return older


async def put_back(stage: Stage, older: dict[Path, bytes]) -> None:
    await stage.bot_dies()
    for path in stage.folder.glob("bot.db*"):
        path.unlink()
    for path, content in older.items():
        path.write_bytes(content)
    await stage.opens()


async def test_what_was_carried_out_is_not_refused_after_an_older_copy_of_the_database_was_put_back(
    stage: Stage,
) -> None:
    await worked_for_hours(stage)
    older = await copied(stage)
    comment = await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(hours=1)
    said = stage.said()

    await put_back(stage, older)
    await stage.passes(hours=1)

    assert stage.reactions(comment) == ["eyes", "rocket"]
    assert stage.said() == said


async def test_what_was_refused_is_not_carried_out_after_an_older_copy_of_the_database_was_put_back(
    stage: Stage,
) -> None:
    await worked_for_hours(stage)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    older = await copied(stage)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    comment = await stage.says("/release skip 1.0.3 build")
    await stage.passes(minutes=1)
    assert stage.reactions(comment) == ["eyes", "confused"]

    await put_back(stage, older)
    await stage.passes(minutes=10)

    assert stage.reactions(comment) == ["eyes", "confused"]
    assert stage.step("build") == "needs attention"  # its run is there, and no step of the copy knows it


@pytest.mark.parametrize(
    ("content", "away", "answer"),
    [("confused", 5.0, ["eyes", "rocket"]), ("rocket", 20.0, ["eyes", "confused"])],
)
async def test_a_missed_command_to_which_somebody_else_reacted_is_answered(
    stage: Stage, content: str, away: float, answer: list[str]
) -> None:
    await worked_for_hours(stage)
    await stage.bot_dies()
    comment = await stage.says("/release 1.0.3")
    react(stage.world, comment, content, by=stage.world.people["ada"])
    await stage.passes(minutes=away)
    await stage.opens()
    await stage.passes(minutes=10)

    assert stage.reactions(comment) == answer


async def test_a_missed_command_whose_reactions_cannot_be_read_holds_no_other_one_up(stage: Stage) -> None:
    await worked_for_hours(stage)
    await stage.bot_dies()
    doubtful = await stage.says("/release 1.0.3")
    react(stage.world, doubtful, "confused", by=stage.world.people["ada"])
    comment = await stage.says("/release 1.0.4")
    stage.world.trouble.answers("GET", f"/comments/{doubtful.id}/reactions$", 500, times=None)
    stage.world.trouble.answers("GET", "^/app/hook/deliveries$", 500, times=None)
    await stage.opens()
    await stage.until(lambda: stage.reactions(comment) == ["eyes", "rocket"], hours=0.1)
    assert stage.reactions(doubtful) == []

    stage.world.trouble.ends()
    await stage.until(lambda: stage.reactions(doubtful) == ["eyes", "rocket"], hours=0.1)


async def test_a_repository_that_is_back_while_the_bot_is_down_is_noticed(stage: Stage) -> None:
    stage.pipeline(EE_STEP)
    stage.ee.workflows["build.yml"].on_run().takes(minutes=20)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    ada, app = stage.world.hand("ada"), stage.world.installation("acme")

    ada.removes_from_installation(app, stage.ee)
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.closes()
    ada.adds_to_installation(app, stage.ee)
    await stage.opens()

    await stage.until(lambda: stage.state() == "released", hours=1)


async def test_a_lost_send_that_a_cancelled_release_gave_up_stands_in_nobodys_way(stage: Stage) -> None:
    stage.pipeline(EE_STEP)
    await stage.opens()
    stage.world.trouble.breaks("POST", r"dispatches$", Break.RESET)
    ada, app = stage.world.hand("ada"), stage.world.installation("acme")
    await stage.says("/release 1.0.3")
    await stage.passes(seconds=20)
    ada.removes_from_installation(app, stage.ee)
    await stage.until(lambda: stage.state() == "needs attention")
    ada.adds_to_installation(app, stage.ee)
    await stage.says("/release cancel 1.0.3", by="ada")
    ada.removes_from_installation(app, stage.ee)
    await stage.until(lambda: stage.state() == "cancelled")
    ada.adds_to_installation(app, stage.ee)

    await stage.says("/release 1.0.4")

    await stage.until(lambda: stage.state("1.0.4") == "released", hours=1)


async def test_a_command_that_comes_while_its_repository_denies_itself_is_answered_when_that_is_over(
    stage: Stage,
) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().takes(hours=1)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.passes(minutes=10)
    denied = Failure(404, {"message": "Not Found"})
    fault = stage.world.trouble.add(Fault("GET", rf"^/repos/{OSS}$", failure=denied, times=None))

    command = await stage.says("/release pause 1.0.3")
    await stage.passes(minutes=2)
    stage.world.trouble.ends(fault)

    await stage.until(lambda: stage.reactions(command) == ["eyes", "rocket"])
    await stage.until(lambda: stage.state() == "paused")


# -- the workflow is gone ------------------------------------------------------------------------------


async def test_of_a_workflow_that_is_gone_no_run_appears_in_time_and_a_person_is_called(stage: Stage) -> None:
    stage.pipeline(WATCHED)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.passes(seconds=30)

    del stage.oss.workflows["pre-release.yml"]
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")

    await stage.until(lambda: stage.state() == "needs attention", hours=5)


async def test_a_lost_send_to_a_workflow_that_is_gone_is_looked_for_so_long_and_no_longer(
    stage: Stage,
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    stage.world.trouble.breaks("POST", r"dispatches$", Break.RESET)
    await stage.says("/release 1.0.3")
    await stage.passes(seconds=20)

    del stage.oss.workflows["build.yml"]

    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.says("/release cancel")
    await stage.until(lambda: stage.state() == "cancelled", hours=1)


# -- GitHub never tells everything ---------------------------------------------------------------------


async def test_a_success_whose_jobs_are_never_listed_needs_a_person(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    nothing = Failure(200, {"total_count": 0, "jobs": []})
    stage.world.trouble.add(Fault("GET", r"attempts/1/jobs", failure=nothing, times=None))

    await stage.says("/release 1.0.3")

    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert "not one of its jobs ran" in stage.said()[-1]


async def test_what_cannot_be_read_of_one_release_keeps_no_other_one_waiting(stage: Stage) -> None:
    stage.pipeline(TWO_PIPELINES)
    await stage.opens()
    build = stage.oss.workflows["build.yml"]
    build.on_run().takes(minutes=5).sends_no_webhooks()
    await stage.says("/release 1.0.3")
    await stage.says("/other 2.0.0")
    await stage.until(lambda: stage.step("build", "2.0.0") == "running")

    broken = Failure(500, {"message": "Server Error"})
    stage.world.trouble.add(Fault("GET", r"workflows/pre-release.yml/runs", failure=broken, times=None))
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")

    await stage.until(lambda: stage.state("2.0.0") == "released", hours=1)
