"""Going on with a version that was begun before: after a cancel half-way, and after the database was lost."""

from collections import Counter

import pytest

from bot.core.present.words import date
from tests.scenarios.stage import EE, ONE_CHAIN, ONE_STEP, OSS, TWO_EDITIONS, Stage

DOCKER = "release-docker.yml"
START = "global-start-release.yml"
TWO_IMAGES = f"""\
pipelines:
  release:
    steps:
      slim: {{repo: {OSS}, dispatch: {DOCKER}, ref: "v{{{{ version }}}}"}}
      full: {{needs: slim, repo: {OSS}, dispatch: {DOCKER}, ref: "v{{{{ version }}}}"}}
"""
WITH_APPROVAL = f"""\
pipelines:
  release:
    steps:
      go: {{approval: "Publish the images?"}}
      images: {{needs: go, repo: {OSS}, dispatch: {DOCKER}, ref: "v{{{{ version }}}}"}}
"""
CHOICE = f"""\
pipelines:
  release:
    parameters: {{jdk: {{values: [17, 21], default: 21}}, edition: [community, full]}}
    steps:
      start:
        repo: {OSS}
        dispatch: {START}
        ref: develop
        inputs: {{releaseVersion: "{{{{ version }}}}"}}
        unless-tag: "v{{{{ version }}}}"
      images:
        needs: start
        repo: {OSS}
        dispatch: {DOCKER}
        ref: "v{{{{ version }}}}"
        inputs: {{jdk: "{{{{ jdk }}}}"}}
"""
MOVING = f"""\
pipelines:
  release:
    steps:
      images:
        repo: {OSS}
        dispatch: {DOCKER}
        ref: "v{{{{ version }}}}"
        one-at-a-time: images
        moves: [latest]
        inputs: {{latest: "{{{{ moves_latest }}}}"}}
      fine: {{needs: images, approval: "Fine?"}}
      again:
        needs: fine
        repo: {OSS}
        dispatch: {START}
        ref: "v{{{{ version }}}}"
        one-at-a-time: again
        moves: [again]
        inputs: {{releaseVersion: "{{{{ moves_again }}}}"}}
"""
IN_A_GROUP = f"""\
pipelines:
  release:
    concurrency: "{{{{ series }}}}"
    steps:
      build: {{repo: {OSS}, watch: pre-release.yml, ref: "v{{{{ version }}}}"}}
      images: {{repo: {OSS}, dispatch: {DOCKER}, ref: "v{{{{ version }}}}"}}
"""
DONE, REFUSED = ["eyes", "rocket"], ["eyes", "confused"]


async def cancelled_half_way(stage: Stage) -> None:
    """OSS is tagged and built, EE has no tag yet when somebody ends the release."""
    stage.workflow(stage.ee, START).on_run(runs=1).runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("oss") == "passed")
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")


async def cancelled_with_a_choice(stage: Stage) -> None:
    """Somebody chose what is not the default, and ended the release while its images were made."""
    stage.world.add_workflow(stage.oss, DOCKER, inputs=["jdk"])
    stage.pipeline(CHOICE)
    stage.workflow(stage.oss, DOCKER).on_run(runs=1).runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3 jdk=17 edition=full")
    await stage.until(lambda: stage.step("images") == "running")
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")


async def database_is_lost(stage: Stage) -> None:
    """In the middle of the day, and what was said before it is too long ago to be heard again."""
    await stage.passes(minutes=20)
    await stage.bot_dies()
    for file in stage.folder.glob("bot.db*"):
        file.unlink()
    await stage.opens()


# -- after a cancel ------------------------------------------------------------------------------------------


async def test_a_version_that_was_cancelled_half_way_is_brought_to_its_end_and_nothing_is_done_twice(
    stage: Stage,
) -> None:
    await cancelled_half_way(stage)
    built = stage.run_ids(OSS)
    comment = await stage.says("/release 1.0.3 --continue")

    assert stage.reactions(comment) == DONE
    assert stage.step("oss-start") == "skipped"
    assert stage.step("ee-start") in {"queued", "running"}

    await stage.until(lambda: stage.state() == "released")
    assert [status.state for status in stage.statuses()] == ["cancelled", "released"]
    assert stage.run_ids(OSS) == built
    assert f"/runs/{built[0]}" in stage.status().rows["oss"]
    assert Counter(stage.dispatches()) == {
        f"widget/{START}@develop": 1,
        f"widget-ee/{START}@develop": 2,
        f"widget/{DOCKER}@v1.0.3": 1,
        f"widget-ee/{DOCKER}@v1.0.3": 1,
    }


async def test_images_that_were_made_before_the_cancel_are_not_made_again(stage: Stage) -> None:
    stage.workflow(stage.ee, DOCKER).on_run(runs=1).runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("oss-docker") == "passed" and stage.step("ee-docker") == "running")
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")
    await stage.says("/release 1.0.3 --continue")
    await stage.until(lambda: stage.state() == "released")

    assert (stage.step("oss-start"), stage.step("oss-docker")) == ("skipped", "passed")
    assert stage.dispatches(DOCKER).count(f"widget/{DOCKER}@v1.0.3") == 1
    assert stage.dispatches(DOCKER).count(f"widget-ee/{DOCKER}@v1.0.3") == 2
    assert str(stage.run(stage.oss, DOCKER).id) in stage.status().rows["oss-docker"]


async def test_a_version_that_is_cancelled_once_more_can_be_gone_on_with_once_more(stage: Stage) -> None:
    stage.workflow(stage.ee, DOCKER).on_run(runs=2).runs_until_told()
    await cancelled_half_way(stage)
    for _ in range(2):
        await stage.says("/release 1.0.3 --continue")
        await stage.until(lambda: stage.step("ee-docker") == "running")
        assert "- **oss-start**: Skipped: its tag exists already." in stage.status().body
        await stage.says("/release cancel 1.0.3")
        await stage.until(lambda: stage.state() == "cancelled")
        await stage.passes(minutes=1)

        end = [said for said in stage.said() if "is cancelled, as" in said][-1]
        assert "`oss-start` was done before" in end
        assert "skipped by" not in end
        assert "`/release 1.0.3 --continue` starts it again" in end


async def test_a_run_that_was_cancelled_with_the_release_is_sent_anew(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    stage.workflow(stage.oss, DOCKER).on_run(runs=1).runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("images") == "running")
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")
    await stage.says("/release 1.0.3 --continue")
    await stage.until(lambda: stage.state() == "released")

    conclusions = [run.conclusion for run in stage.workflow(stage.oss, DOCKER).runs]
    assert conclusions == ["cancelled", "success"]


async def test_the_run_of_a_tag_that_was_cancelled_with_the_release_is_taken_up_and_run_again(
    stage: Stage,
) -> None:
    stage.pipeline(ONE_CHAIN)
    stage.workflow(stage.oss, "pre-release.yml").on_run(attempts=1).runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")
    await stage.says("/release 1.0.3 --continue")
    await stage.until(lambda: stage.state() == "released")

    assert len(stage.run_ids(OSS)) == 1
    assert len(stage.world.ledger.reruns) == 1
    assert not [said for said in stage.said() if "needs you" in said]


async def test_the_run_of_a_tag_that_a_person_cancelled_is_taken_up_and_a_person_asked(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    stage.workflow(stage.oss, "pre-release.yml").on_run(attempts=1).runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    stage.world.hand("ada").cancels(stage.run(stage.oss, "pre-release.yml"))
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")
    await stage.says("/release 1.0.3 --continue")
    await stage.until(lambda: stage.step("build") == "needs attention")

    assert stage.world.ledger.reruns == []


async def test_a_person_can_give_a_step_a_run_that_a_cancelled_release_has_left(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")
    left = stage.run(stage.oss, "build.yml")
    stage.workflow(stage.oss, "build.yml").on_run().job("build").fails(log="error: cannot find symbol")
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "needs attention")
    stage.workflow(stage.oss, "build.yml").on_run().job("build").succeeds()
    stage.world.hand("ada").reruns(left)
    await stage.passes(minutes=10)
    comment = await stage.says(f"/release adopt 1.0.3 build {left.id}")
    await stage.until(lambda: stage.state() == "released")

    assert stage.reactions(comment) == DONE
    assert str(left.id) in stage.status().rows["build"]


async def test_the_run_of_a_tag_that_a_person_pushed_is_taken_up(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    await stage.opens()
    await stage.passes(minutes=10)
    await stage.says("/release 1.0.3 --continue")
    await stage.until(lambda: stage.state() == "released")

    assert stage.step("start") == "skipped"
    assert stage.dispatches() == [f"widget/{DOCKER}@v1.0.3"]
    assert len(stage.run_ids(OSS)) == 1


async def test_a_dispatch_by_a_person_is_not_taken_for_ours(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    stage.world.hand("ada").starts(stage.workflow(stage.oss, DOCKER), "v1.0.3")
    await stage.opens()
    await stage.passes(minutes=10)
    await stage.says("/release 1.0.3 --continue")
    await stage.until(lambda: stage.state() == "released")

    assert stage.dispatches() == [f"widget/{DOCKER}@v1.0.3"]


async def test_runs_of_a_tag_that_was_moved_since_are_done_again(stage: Stage) -> None:
    stage.pipeline(TWO_IMAGES.partition("      full")[0])
    ada = stage.world.hand("ada")
    ada.pushes_tag(stage.oss, "v1.0.3")
    stage.workflow(stage.oss, DOCKER).on_run(runs=1).runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("slim") == "running")
    stage.run(stage.oss, DOCKER).finish()
    await database_is_lost(stage)
    ada.deletes_tag(stage.oss, "v1.0.3")
    ada.pushes(stage.oss)
    ada.pushes_tag(stage.oss, "v1.0.3")
    await stage.says("/release 1.0.3 --continue")
    await stage.until(lambda: stage.state() == "released")

    assert len(stage.dispatches()) == 2


async def test_a_live_run_that_waits_to_be_taken_up_is_cancelled_with_its_release(stage: Stage) -> None:
    stage.pipeline(WITH_APPROVAL)
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    stage.workflow(stage.oss, DOCKER).on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.says("/release approve 1.0.3")
    await stage.until(lambda: stage.step("images") == "running")
    await database_is_lost(stage)
    await stage.says("/release 1.0.3 --continue")
    await stage.until(lambda: stage.step("go") == "awaiting approval")
    assert stage.step("images") == "running"

    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")
    assert [run.conclusion for run in stage.workflow(stage.oss, DOCKER).runs] == ["cancelled"]


@pytest.mark.parametrize(("given", "second"), [("", "17"), (" JDK=21", "21")])
async def test_a_version_that_goes_on_keeps_what_was_chosen_unless_something_else_is(
    stage: Stage, given: str, second: str
) -> None:
    await cancelled_with_a_choice(stage)
    await stage.says(f"/release 1.0.3{given} --continue --dry-run")
    assert f"would go on with `jdk={second}` and `edition=full`." in stage.answer()

    await stage.says(f"/release 1.0.3{given} --continue")
    await stage.until(lambda: stage.state() == "released")
    assert [run.inputs["jdk"] for run in stage.workflow(stage.oss, DOCKER).runs] == ["17", second]


async def test_a_version_that_begins_anew_has_the_defaults(stage: Stage) -> None:
    await cancelled_with_a_choice(stage)
    stage.world.hand("ada").deletes_tag(stage.oss, "v1.0.3")
    await stage.says("/release 1.0.3 edition=full")
    await stage.until(lambda: stage.state() == "released")

    assert [run.inputs["jdk"] for run in stage.workflow(stage.oss, DOCKER).runs] == ["17", "21"]


async def test_what_was_chosen_and_is_not_allowed_any_more_has_to_be_chosen_anew(stage: Stage) -> None:
    await cancelled_with_a_choice(stage)
    stage.pipeline(CHOICE.replace("[17, 21]", "[21, 25]"))
    comment = await stage.says("/release 1.0.3 --continue")
    await stage.passes(minutes=2)

    assert stage.reactions(comment) == REFUSED
    assert "`1.0.3` was begun with `jdk=17`, which is not allowed any more" in stage.answer()
    assert len(stage.dispatches(DOCKER)) == 1

    await stage.says("/release 1.0.3 jdk=25 --continue")
    await stage.until(lambda: stage.state() == "released")


async def test_of_several_versions_only_that_one_is_refused_whose_parameter_has_to_be_chosen_anew(
    stage: Stage,
) -> None:
    await cancelled_with_a_choice(stage)
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.4")
    stage.pipeline(CHOICE.replace("[17, 21]", "[21, 25]"))
    await stage.says("/release 1.0.3 1.0.4 edition=full --continue --dry-run")
    assert "**release 1.0.4** would go on with `jdk=21` and `edition=full`" in stage.answer()
    assert "**release 1.0.3** would be refused.\n\n- `1.0.3` was begun with `jdk=17`, which" in stage.answer()

    comment = await stage.says("/release 1.0.3 1.0.4 edition=full --continue")
    await stage.until(lambda: stage.state("1.0.4") == "released")
    assert stage.reactions(comment) == DONE
    refusal = next(said for said in stage.said() if "Started: `1.0.4`. Refused: `1.0.3`." in said)
    assert "which is not allowed any more: give `jdk` anew, `21` or `25`." in refusal
    assert "when this is mended" not in refusal  # the same command would be refused again


async def test_of_several_versions_only_that_one_is_refused_of_which_a_parameter_is_missing(
    stage: Stage,
) -> None:
    await cancelled_with_a_choice(stage)
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.4")
    await stage.says("/release 1.0.3 1.0.4 --continue")
    await stage.until(lambda: stage.state("1.0.3") == "released")

    refusal = next(said for said in stage.said() if "Started: `1.0.3`. Refused: `1.0.4`." in said)
    assert "for example `/release 1.0.4 edition=community --continue`." in refusal


async def test_a_parameter_that_is_given_and_does_not_fit_refuses_all_versions_that_go_on(
    stage: Stage,
) -> None:
    await cancelled_with_a_choice(stage)
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.4")
    comment = await stage.says("/release 1.0.3 1.0.4 jdk=18 --continue")

    assert stage.reactions(comment) == REFUSED
    assert "The parameter `jdk` can be `17` or `21`, not `18`. Nothing was done." in stage.answer()


@pytest.mark.parametrize("dry", ["", " --dry-run"])
async def test_of_a_private_file_it_is_not_told_which_parameter_a_version_is_refused_for(
    stage: Stage, dry: str
) -> None:
    ops = stage.world.add_repository("acme/ops", visibility="private")
    stage.world.add_workflow(stage.oss, DOCKER, inputs=["jdk"])
    stage.pipeline(CHOICE, ops, path="all.yml")
    stage.oss.files.clear()
    stage.workflow(stage.oss, DOCKER).on_run(runs=1).runs_until_told()
    await stage.opens(PIPELINES="acme/ops:all.yml")
    await stage.says("/release 1.0.3 edition=full")
    await stage.until(lambda: stage.step("images") == "running")
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.4")
    await stage.says(f"/release 1.0.3 1.0.4 --continue{dry}")
    await stage.passes(minutes=2)

    assert any("A parameter that has to be given is missing; who can see" in said for said in stage.said())
    assert "edition" not in "\n".join(stage.said())


async def test_what_was_chosen_and_is_no_parameter_any_more_is_left_out(stage: Stage) -> None:
    await cancelled_with_a_choice(stage)
    stage.pipeline(CHOICE.replace(", edition: [community, full]", ""))
    await stage.says("/release 1.0.3 --continue --dry-run")

    assert "would go on with `jdk=17`." in stage.answer()


@pytest.mark.parametrize("gone", ["branch", "workflow"])
async def test_a_version_goes_on_whose_start_step_could_not_be_started_any_more(
    stage: Stage, gone: str
) -> None:
    stage.pipeline(ONE_CHAIN.replace("ref: develop", 'ref: "release/{{ series }}"'))
    stage.oss.branches["release/1.0"] = stage.oss.branches["develop"]
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    if gone == "branch":
        del stage.oss.branches["release/1.0"]
    else:
        stage.workflow(stage.oss, START).state = "disabled_manually"
    await stage.opens()
    await stage.says("/release 1.0.3 --continue")
    await stage.until(lambda: stage.state() == "released")

    assert stage.step("start") == "skipped"


async def test_a_start_step_that_still_has_to_be_started_needs_its_branch(stage: Stage) -> None:
    stage.oss.branches["release/1.0"] = stage.oss.branches["develop"]
    stage.pipeline(TWO_EDITIONS.replace("ref: develop", 'ref: "release/{{ series }}"'))
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    await stage.opens()
    comment = await stage.says("/release 1.0.3 --continue")

    assert stage.reactions(comment) == REFUSED
    assert "step `ee-start`: ref" in stage.answer()
    assert "`oss-start`" not in stage.answer()


async def test_going_on_is_not_offered_where_it_would_be_refused(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    stage.workflow(stage.oss, START).on_run().job("build").fails(log="error: cannot find symbol")
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.says("/release skip 1.0.3 start")
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")
    await stage.passes(minutes=1)

    assert "--continue" not in stage.answer()


# -- after a lost database -----------------------------------------------------------------------------------


async def test_a_database_lost_in_the_middle_of_the_day_costs_one_command(stage: Stage) -> None:
    stage.workflow(stage.ee, DOCKER).on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("oss-docker") == "passed" and stage.step("ee-docker") == "running")
    await database_is_lost(stage)

    refused = await stage.says("/release 1.0.3")
    assert stage.reactions(refused) == REFUSED
    assert "the tag `v1.0.3` exists already" in stage.answer()
    assert "`/release 1.0.3 --continue`" in stage.answer()

    await stage.says("/release 1.0.3 --continue")
    await stage.until(lambda: stage.step("ee-docker") == "running")
    stage.run(stage.ee, DOCKER).finish()
    await stage.until(lambda: stage.state() == "released")

    assert sorted(stage.dispatches(DOCKER)) == [f"widget-ee/{DOCKER}@v1.0.3", f"widget/{DOCKER}@v1.0.3"]
    assert len(stage.dispatches(START)) == 2
    assert stage.step("oss-start") == stage.step("ee-start") == "skipped"


async def test_of_a_database_lost_before_every_tag_exists_only_what_is_tagged_is_skipped(
    stage: Stage,
) -> None:
    stage.workflow(stage.ee, START).on_run(runs=1).job("publish").fails()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("oss") == "passed")
    await database_is_lost(stage)
    await stage.says("/release 1.0.3 --continue")
    await stage.until(lambda: stage.state() == "released")

    assert stage.step("oss-start") == "skipped"
    assert stage.step("ee-start") == "passed"
    assert stage.dispatches(START).count(f"widget/{START}@develop") == 1


# -- what is refused -----------------------------------------------------------------------------------------


async def test_a_version_of_which_no_tag_exists_has_nothing_to_go_on_with(stage: Stage) -> None:
    await stage.opens()
    comment = await stage.says("/release 1.0.3 --continue")
    await stage.passes(minutes=2)

    assert stage.reactions(comment) == REFUSED
    assert "nothing to continue – no tag of `1.0.3` exists; start it without `--continue`." in stage.answer()
    assert stage.dispatches() == []


async def test_of_several_versions_each_is_judged_by_its_own_tags(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    await stage.opens()
    await stage.says("/release 1.0.3 0.24.9 --continue")

    assert stage.answer().startswith("Started: `1.0.3`. Refused: `0.24.9`.")
    assert "no tag of `0.24.9` exists" in stage.answer()
    await stage.until(lambda: stage.state() == "released")


async def test_what_was_released_is_not_released_once_more(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    before = stage.dispatches()

    await stage.says("/release 1.0.3")
    assert stage.answer().startswith(
        "Refused for `1.0.3`, so nothing was done.\n\n"
        f"- `1.0.3` was released in issue #7 on {date(stage.clock.now())}.\n"
        "- step `start` in `acme/widget`: tag – the tag `v1.0.3` exists already.\n\nThere is nothing to do."
    )
    assert "--continue" not in stage.answer()
    comment = await stage.says("/release 1.0.3 --continue")
    await stage.passes(minutes=2)

    assert stage.reactions(comment) == REFUSED
    assert "- `1.0.3` was released in issue #7 on " in stage.answer()
    assert "There is nothing to do." in stage.answer()
    assert "when this is mended" not in stage.answer()
    assert stage.dispatches() == before


async def test_a_version_that_is_still_open_is_refused_as_ever(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    stage.workflow(stage.oss, DOCKER).on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("images") == "running")
    comment = await stage.says("/release 1.0.3 --continue")

    assert stage.reactions(comment) == REFUSED
    assert stage.answer().startswith(
        "Refused for `1.0.3`, so nothing was done.\n\n- open release – a release of 1.0.3 is already open in issue #7; "
        "`/release status 1.0.3` says where it stands."
    )
    assert "images" not in stage.answer()
    assert len(stage.statuses()) == 1


async def test_who_may_not_start_may_not_go_on_either(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    await stage.opens()
    comment = await stage.says("/release 1.0.3 --continue", by="walt")
    await stage.passes(minutes=2)

    assert stage.reactions(comment) == REFUSED
    assert "`maintain`" in stage.answer()
    assert stage.statuses() == []


async def test_nothing_is_left_when_every_step_is_one_whose_tag_exists(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN.partition("      build:")[0])
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    await stage.opens()
    await stage.says("/release 1.0.3 --continue")

    assert "every step of `1.0.3` is one whose tag exists" in stage.answer()
    assert stage.statuses() == []


async def two_runs_of_ours(stage: Stage) -> tuple[int, int]:
    """One of them has passed, the other is going on, and a lost database tells nothing of them."""
    docker = stage.workflow(stage.oss, DOCKER)
    stage.pipeline(TWO_IMAGES)
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    docker.on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("slim") == "running")
    docker.runs[0].finish()
    await stage.until(lambda: stage.step("full") == "running")
    await database_is_lost(stage)
    done, live = docker.runs
    return done.id, live.id


async def test_a_run_that_passed_beside_one_that_is_going_on_leaves_the_choice_to_a_person(
    stage: Stage,
) -> None:
    done, live = await two_runs_of_ours(stage)
    stage.pipeline(TWO_IMAGES.partition("      full")[0])
    comment = await stage.says("/release 1.0.3 --continue")
    await stage.passes(minutes=2)

    assert stage.reactions(comment) == REFUSED
    assert "run – more than one run of `release-docker.yml` on `v1.0.3` counts" in stage.answer()
    for run in (done, live):
        assert f"[run {run}](https://github.com/{OSS}/actions/runs/{run})" in stage.answer()
    assert len(stage.dispatches()) == 2

    stage.run(stage.oss, DOCKER).finish()
    await stage.passes(minutes=1)
    await stage.says("/release 1.0.3 --continue")
    await stage.until(lambda: stage.state() == "released")
    assert str(live) in stage.status().rows["slim"]
    assert len(stage.dispatches()) == 2


async def test_runs_that_may_be_of_either_of_two_steps_are_refused_when_nobody_knows_whose_they_are(
    stage: Stage,
) -> None:
    await two_runs_of_ours(stage)
    comment = await stage.says("/release 1.0.3 --continue")
    await stage.passes(minutes=2)

    assert stage.reactions(comment) == REFUSED
    assert "may be of any of the steps that start `release-docker.yml` on `v1.0.3`" in stage.answer()
    assert len(stage.dispatches()) == 2


async def test_of_two_steps_that_start_the_same_workflow_each_takes_up_its_own_run(stage: Stage) -> None:
    stage.pipeline(TWO_IMAGES)
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    stage.workflow(stage.oss, DOCKER).on_run().takes(minutes=5)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("full") == "running")
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")
    slim = stage.workflow(stage.oss, DOCKER).runs[0].id
    await stage.says("/release 1.0.3 --continue")
    await stage.until(lambda: stage.state() == "released")

    assert str(slim) in stage.status().rows["slim"]
    assert [run.conclusion for run in stage.workflow(stage.oss, DOCKER).runs] == [
        "success",
        "cancelled",
        "success",
    ]


async def test_a_step_whose_run_goes_on_is_not_skipped_while_its_release_waits_for_its_turn(
    stage: Stage,
) -> None:
    stage.pipeline(IN_A_GROUP)
    images = stage.oss.workflows[DOCKER]
    stage.oss.workflows["pre-release.yml"].on_run().runs_until_told()
    images.on_run().runs_until_told()
    await stage.opens()
    for version in ("1.0.2", "1.0.3"):
        stage.world.hand("ada").pushes_tag(stage.oss, f"v{version}")
    await stage.says("/release 1.0.2")
    tagged = stage.oss.resolve("v1.0.3") or ""
    stage.world.actions.start(
        images, event="workflow_dispatch", ref="v1.0.3", sha=tagged, actor=stage.world.bot, inputs={}
    )
    await stage.passes(seconds=30)
    await stage.says("/release 1.0.3 --continue")

    command = await stage.says("/release skip 1.0.3 images")
    await stage.passes(seconds=30)

    assert stage.reactions(command) == REFUSED
    assert "is not over" in stage.answer()


async def test_without_continue_nothing_of_it_happens(stage: Stage) -> None:
    stage.pipeline(TWO_IMAGES)
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    stage.workflow(stage.oss, DOCKER).on_run().takes(minutes=5)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("full") == "running")
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert len(stage.dispatches()) == 4


# -- dry, and private ----------------------------------------------------------------------------------------


async def test_a_dry_run_tells_what_would_be_skipped_and_what_taken_up(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    stage.workflow(stage.oss, DOCKER).on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("images") == "running")
    await database_is_lost(stage)
    before = len(stage.dispatches())
    await stage.says("/release 1.0.3 --continue --dry-run")
    await stage.passes(minutes=2)

    (built,), images = stage.run_ids(OSS), stage.run(stage.oss, DOCKER)
    assert "**release 1.0.3** would go on" in stage.answer()
    assert "It is **skipped**: its tag exists." in stage.answer()
    assert "must not exist" not in stage.answer()
    assert f"It takes up [run {built}](https://github.com/{OSS}/actions/runs/{built})" in stage.answer()
    assert f"/actions/runs/{images.id}), which is going on." in stage.answer()
    assert len(stage.dispatches()) == before


async def test_a_dry_run_tells_of_no_moving_name_where_a_run_is_taken_up(stage: Stage) -> None:
    stage.world.add_workflow(stage.oss, DOCKER, inputs=["latest"])
    stage.pipeline(MOVING)
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("fine") == "awaiting approval")
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")
    await stage.says("/release 1.0.3 --continue --dry-run")

    first, second = stage.answer().split("3. `again`")
    assert "It takes up [run" in first
    assert "moves" not in first
    assert "latest=" not in first
    assert "As things stand, `again` moves to `1.0.3`" in second


@pytest.mark.parametrize("dry", ["", " --dry-run"])
async def test_what_is_left_in_a_private_repository_is_not_told_in_public(stage: Stage, dry: str) -> None:
    stage.workflow(stage.ee, DOCKER).on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("ee-docker") == "running")
    await database_is_lost(stage)
    await stage.says(f"/release 1.0.3 --continue{dry}")
    await stage.passes(minutes=2)

    for text in (comment.body for comment in stage.world.comments_of_bot(stage.oss)):
        assert EE not in text
        assert str(stage.run(stage.ee, DOCKER).id) not in text
        assert str(stage.run_ids(EE)[0]) not in text


async def test_a_step_that_is_not_about_a_tag_is_never_skipped(stage: Stage) -> None:
    images = ONE_CHAIN.splitlines()[-1]
    stage.pipeline(f"{ONE_STEP}{images}\n")
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    await stage.opens()
    await stage.says("/release 1.0.3 --continue")
    await stage.until(lambda: stage.state() == "released")

    assert stage.dispatches() == ["widget/build.yml@develop", f"widget/{DOCKER}@v1.0.3"]
