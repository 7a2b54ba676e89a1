"""Values that GitHub would refuse are told before anything starts; refs may be written in full."""

from bot.simulator.runs import Input
from tests.scenarios.stage import EE, ONE_STEP, OSS, Stage

CHOICE = {"version": Input(required=True, type="choice", options=("1.0.3", "1.0.4"))}


async def test_a_value_that_is_no_option_refuses_the_version_and_starts_nothing(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    stage.world.add_workflow(stage.oss, "build.yml", inputs=CHOICE)
    await stage.opens()
    comment = await stage.says("/release 1.1.0")
    await stage.passes(minutes=5)

    assert stage.reactions(comment) == ["eyes", "confused"]
    assert "`build`" in stage.answer()
    assert "the input `version` of `build.yml` takes `1.0.3` or `1.0.4`, not `1.1.0`." in stage.answer()
    assert stage.dispatches() == []


async def test_each_version_of_a_command_is_judged_by_its_own_values(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    stage.world.add_workflow(stage.oss, "build.yml", inputs=CHOICE)
    await stage.opens()
    await stage.says("/release 1.0.3 1.1.0")
    await stage.until(lambda: stage.state() == "released")

    assert any("takes `1.0.3` or `1.0.4`, not `1.1.0`." in comment for comment in stage.said())
    assert stage.dispatches() == ["widget/build.yml@develop"]


async def test_of_a_private_repository_a_refused_value_tells_step_and_kind_only(stage: Stage) -> None:
    stage.pipeline(ONE_STEP.replace(OSS, EE))
    stage.world.add_workflow(stage.ee, "build.yml", inputs=CHOICE)
    await stage.opens()
    await stage.says("/release 1.1.0")
    await stage.passes(minutes=5)

    assert "- step `build`: workflow\n" in stage.answer()
    assert not any(word in stage.answer() for word in ("build.yml", "widget-ee", "1.0.4", "input"))


async def test_a_ref_that_is_written_in_full_is_dispatched_and_its_run_is_found(stage: Stage) -> None:
    stage.pipeline(ONE_STEP.replace("ref: develop", "ref: refs/heads/develop"))
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert stage.dispatches() == ["widget/build.yml@refs/heads/develop"]
