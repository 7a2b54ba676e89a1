"""Preflight: whatever can be known before the first dispatch refuses the version, and nothing is started anywhere."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bot.simulator.runs import Input
from tests.scenarios.stage import EE, ONE_CHAIN, ONE_STEP, OSS, PIPELINE_FILE, TWO_EDITIONS, Stage

OTHER_PIPELINES = f"""\
pipelines:
  release:
    steps:
      build: {{repo: {OSS}, dispatch: build.yml, inputs: {{version: "{{{{ version }}}}"}}}}
  hotfix:
    steps:
      compile: {{repo: {OSS}, dispatch: build.yml, inputs: {{version: "{{{{ version }}}}"}}}}
  images:
    steps:
      images: {{repo: {OSS}, dispatch: release-docker.yml}}
"""


@dataclass(frozen=True, slots=True)
class Case:
    """What is wrong in the public repository, and what the comment says about it."""

    breaks: Callable[[Stage], object]
    words: str


def _remove(stage: Stage) -> None:
    owner = stage.world.installation("acme")
    stage.world.hand("ada").removes_from_installation(owner, stage.oss)


def _needs_more(stage: Stage) -> None:
    inputs = {"releaseVersion": Input(required=True), "channel": Input(required=True)}
    stage.world.add_workflow(stage.oss, "global-start-release.yml", inputs=inputs)


CASES = {
    "a workflow that does not exist": Case(
        lambda stage: stage.oss.workflows.pop("release-docker.yml"), "`release-docker.yml` does not exist"
    ),
    "a watched workflow that does not exist": Case(
        lambda stage: stage.oss.workflows.pop("pre-release.yml"), "`pre-release.yml` does not exist"
    ),
    "a disabled workflow": Case(
        lambda stage: setattr(stage.oss.workflows["release-docker.yml"], "state", "disabled_manually"),
        "`release-docker.yml` is disabled",
    ),
    "a disabled watched workflow": Case(
        lambda stage: setattr(stage.oss.workflows["pre-release.yml"], "state", "disabled_inactivity"),
        "`pre-release.yml` was disabled by GitHub for inactivity",
    ),
    "a workflow without the dispatch trigger": Case(
        lambda stage: setattr(stage.oss.workflows["release-docker.yml"], "dispatchable", False),
        "`release-docker.yml` lacks the `workflow_dispatch` trigger",
    ),
    "a workflow without the dispatch trigger on that branch": Case(
        lambda stage: stage.oss.workflows["global-start-release.yml"].without_trigger.add("develop"),
        "`global-start-release.yml` lacks the `workflow_dispatch` trigger",
    ),
    "a workflow that this branch does not have": Case(
        lambda stage: stage.oss.workflows["global-start-release.yml"].missing_at.add("develop"),
        "`global-start-release.yml` does not exist at `develop`",
    ),
    "a workflow without an input that is given": Case(
        lambda stage: stage.world.add_workflow(stage.oss, "global-start-release.yml"),
        "`global-start-release.yml` has no input `releaseVersion`",
    ),
    "a workflow with a required input that is not given": Case(
        _needs_more, "`global-start-release.yml` requires the input `channel`"
    ),
    "a branch that does not exist": Case(
        lambda stage: stage.pipeline(ONE_CHAIN.replace("ref: develop", "ref: main")),
        "there is no branch or tag `main`",
    ),
    "a tag that exists already": Case(
        lambda stage: stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3"),
        "the tag `v1.0.3` exists already",
    ),
    "an annotated tag that exists already": Case(
        lambda stage: stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3", annotated=True),
        "the tag `v1.0.3` exists already",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_f30_f31_a_version_is_refused_and_nothing_is_started_because_of(
    stage: Stage, case: Case
) -> None:
    stage.pipeline(ONE_CHAIN)
    case.breaks(stage)
    await stage.opens()
    comment = await stage.says("/release 1.0.3")
    await stage.passes(minutes=5)

    assert stage.reactions(comment) == ["eyes", "confused"]
    assert stage.said() == [stage.answer()]
    assert case.words in stage.answer()
    assert stage.dispatches() == []
    assert stage.statuses() == []


async def test_nothing_refuses_a_good_version(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    await stage.opens()
    comment = await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert stage.reactions(comment) == ["eyes", "rocket"]


async def test_all_problems_of_all_repositories_stand_in_one_comment(stage: Stage) -> None:
    home = stage.world.add_repository("acme/ops", visibility="private")
    stage.world.give_role("maya", "maintain", home)
    stage.pipeline(stage.oss.files[PIPELINE_FILE], home)
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    stage.ee.workflows["pre-release.yml"].state = "disabled_manually"
    del stage.ee.workflows["release-docker.yml"]
    await stage.opens()
    await stage.says("/release 1.0.3", issue=stage.world.add_issue(home, 3))
    await stage.passes(minutes=2)

    assert len(stage.said()) == 1
    assert "step `oss-start` in `acme/widget`: tag – the tag `v1.0.3` exists already." in stage.answer()
    assert "step `ee` in `acme/widget-ee`: workflow – `pre-release.yml` is disabled." in stage.answer()
    assert (
        "step `ee-docker` in `acme/widget-ee`: workflow – `release-docker.yml` does not exist."
        in stage.answer()
    )
    assert stage.dispatches() == []


async def test_in_public_a_problem_of_a_private_repository_is_told_by_step_and_kind_alone(
    stage: Stage,
) -> None:
    stage.world.hand("ada").pushes_tag(stage.ee, "v1.0.3")
    stage.ee.workflows["pre-release.yml"].state = "disabled_manually"
    await stage.opens()
    await stage.says("/release 1.0.3")

    assert "- step `ee-start`: tag\n" in stage.answer()
    assert "- step `ee`: workflow\n" in stage.answer()
    assert EE not in stage.answer()
    assert "pre-release" not in stage.answer()
    assert "v1.0.3" not in stage.answer()
    assert stage.dispatches() == []


async def test_a_person_without_access_to_a_private_repository_hears_no_access_and_nothing_more(
    stage: Stage,
) -> None:
    stage.world.give_role("maya", "", stage.ee)
    stage.world.hand("ada").pushes_tag(stage.ee, "v1.0.3")
    stage.ee.workflows["pre-release.yml"].state = "disabled_manually"
    await stage.opens()
    await stage.says("/release 1.0.3")

    assert "no access" in stage.answer()
    assert EE not in stage.answer()
    assert "tag" not in stage.answer()
    assert "workflow" not in stage.answer()
    assert stage.dispatches() == []


async def test_a_dry_run_gives_no_glimpse_of_a_repository_the_person_cannot_read(stage: Stage) -> None:
    home = stage.world.add_repository("acme/ops", visibility="private")
    stage.world.give_role("walt", "write", home)
    stage.world.give_role("walt", "", stage.ee)
    stage.pipeline(stage.oss.files[PIPELINE_FILE], home)
    stage.world.hand("ada").pushes_tag(stage.ee, "v1.0.3")
    await stage.opens()
    await stage.says("/release 1.0.3 --dry-run", by="walt", issue=stage.world.add_issue(home, 3))

    assert "would be refused" in stage.answer()
    assert "no access" in stage.answer()
    assert "exists already" not in stage.answer()


async def test_a_repository_without_the_app_is_named_where_it_may_be_seen(stage: Stage) -> None:
    ops = stage.world.add_repository("acme/ops")
    stage.world.give_role("maya", "maintain", ops)
    stage.pipeline(ONE_STEP, ops)
    _remove(stage)
    await stage.opens()
    comment = await stage.says("/release 1.0.3", issue=stage.world.add_issue(ops, 3))
    await stage.passes(minutes=1)

    assert stage.reactions(comment) == ["eyes", "confused"]
    assert "installation" in stage.answer()
    assert stage.dispatches() == []


async def test_a_private_repository_without_the_app_is_not_named_in_public(stage: Stage) -> None:
    stage.world.hand("ada").removes_from_installation(stage.world.installation("acme"), stage.ee)
    await stage.opens()
    comment = await stage.says("/release 1.0.3")
    await stage.passes(minutes=1)

    assert stage.reactions(comment) == ["eyes", "confused"]
    assert EE not in stage.answer()
    assert "installation" in stage.answer() or "no access" in stage.answer()
    assert stage.dispatches() == []


# -- what is not asked before the start ----------------------------------------------------------------------


async def test_a_ref_that_comes_to_be_during_the_release_is_not_missed_before(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert stage.dispatches()[-1] == "widget/release-docker.yml@v1.0.3"


async def test_a_watched_workflow_needs_no_dispatch_trigger(stage: Stage) -> None:
    stage.oss.workflows["pre-release.yml"].dispatchable = False
    stage.pipeline(ONE_CHAIN)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")


async def test_a_ref_that_is_still_missing_right_before_its_dispatch_needs_a_person(stage: Stage) -> None:
    stage.pipeline(f"""\
pipelines:
  release:
    steps:
      build: {{repo: {OSS}, dispatch: build.yml, inputs: {{version: "{{{{ version }}}}"}}}}
      images: {{needs: build, repo: {OSS}, dispatch: release-docker.yml, ref: "v{{{{ version }}}}"}}
""")
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")

    assert stage.step("images") == "needs attention"
    assert "@maya" in stage.answer()
    assert "`v1.0.3`" in stage.answer()
    assert stage.dispatches() == ["widget/build.yml@develop"]

    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    await stage.says("/release retry images")
    await stage.until(lambda: stage.state() == "released")
    assert stage.dispatches("docker") == ["widget/release-docker.yml@v1.0.3"]


async def test_f33_a_tag_that_appears_during_the_release_stops_the_dispatch_it_forbids(stage: Stage) -> None:
    stage.pipeline(f"""\
pipelines:
  release:
    steps:
      build: {{repo: {OSS}, dispatch: build.yml, inputs: {{version: "{{{{ version }}}}"}}}}
      images: {{needs: build, repo: {OSS}, dispatch: release-docker.yml, unless-tag: "v{{{{ version }}}}"}}
""")
    await stage.opens()
    await stage.says("/release 1.0.3")
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")
    assert "tag `v1.0.3`" in stage.answer()
    assert stage.dispatches() == ["widget/build.yml@develop"]

    stage.world.hand("ada").deletes_tag(stage.oss, "v1.0.3")
    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released")
    assert stage.dispatches("docker") == ["widget/release-docker.yml@develop"]


# -- open releases -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", ["/release 1.0.3", "/hotfix 1.0.3"])
async def test_a_version_whose_workflow_an_open_release_uses_is_refused(stage: Stage, again: str) -> None:
    stage.pipeline(OTHER_PIPELINES)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    comment = await stage.says(again)
    await stage.passes(minutes=2)

    assert stage.reactions(comment) == ["eyes", "confused"]
    assert (
        "- open release – a release of 1.0.3 is already open in issue #7; `/release status 1.0.3` says"
        in (stage.answer())
    )
    assert "mended" not in stage.answer()
    assert stage.dispatches() == ["widget/build.yml@develop"]


async def test_an_open_release_of_a_home_that_was_renamed_refuses_the_same_work(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    stage.pipeline(ONE_STEP.replace(f"repo: {OSS}, ", ""))
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    stage.world.hand("ada").renames(stage.oss, "gadget")
    comment = await stage.says("/release 1.0.3")
    await stage.passes(minutes=10)

    assert stage.reactions(comment) == ["eyes", "confused"]
    assert "is already open" in stage.answer()
    assert len(stage.dispatches()) == 1


async def test_an_open_release_of_another_home_refuses_the_same_work(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    stage.pipeline(ONE_STEP, stage.ee)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    comment = await stage.says("/release 1.0.3", issue=stage.world.add_issue(stage.ee, 12))
    await stage.passes(minutes=1)

    assert stage.reactions(comment) == ["eyes", "confused"]
    assert "a release of 1.0.3 is already open from another repository" in stage.answer()
    assert stage.dispatches() == ["widget/build.yml@develop"]


async def test_of_an_open_release_nothing_is_told_about_a_repository_one_cannot_read(stage: Stage) -> None:
    stage.pipeline(TWO_EDITIONS)
    stage.oss.workflows["global-start-release.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    stage.world.give_role("ada", "", stage.ee)
    await stage.says("/release 1.0.3", by="ada")

    told = next(line for line in stage.answer().splitlines() if "is already open in issue #7" in line)
    assert "ee" not in re.findall(r"[a-z]+", told)


async def test_each_step_that_an_open_release_of_another_home_does_already_is_told_with_its_own_repository(
    stage: Stage,
) -> None:
    other = stage.world.add_repository("acme/day")
    stage.world.give_role("maya", "maintain", other)
    for home in (stage.oss, other):
        stage.pipeline(TWO_EDITIONS, home)
    stage.oss.workflows["global-start-release.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.says("/release 1.0.3", issue=stage.world.add_issue(other, 12))

    told = "open release – a release of 1.0.3 is already open from another repository"
    assert f"- steps `oss-start`, `oss` and `oss-docker` in `{OSS}`: {told}." in stage.answer()
    assert EE not in stage.answer()
    assert "- steps `ee-start`, `ee` and `ee-docker`: open release\n" in stage.answer()


async def test_only_the_versions_that_can_be_mended_are_to_be_given_again(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    stage.world.hand("walt").pushes_tag(stage.oss, "v1.0.3")
    await stage.opens()
    await stage.says("/release 1.0.3 1.0.5")

    assert stage.answer().startswith("Started: `1.0.5`. Refused: `1.0.3`.")
    assert "Give `/release 1.0.3` again when this is mended." in stage.answer()


async def test_the_same_version_of_a_pipeline_with_other_workflows_starts(stage: Stage) -> None:
    stage.pipeline(OTHER_PIPELINES)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.says("/images 1.0.3")
    await stage.passes(minutes=2)

    assert stage.dispatches() == ["widget/build.yml@develop", "widget/release-docker.yml@develop"]


@pytest.mark.parametrize(
    ("meanwhile", "first_ends"), [("/release status", "released"), ("/release cancel", "cancelled")]
)
async def test_a_version_can_be_started_again_when_the_first_release_is_over(
    stage: Stage, meanwhile: str, first_ends: str
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.says(meanwhile)
    await stage.until(lambda: stage.state() == first_ends)
    again = await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert stage.reactions(again) == ["eyes", "rocket"]
    assert len(stage.statuses()) == 2
    assert len(stage.dispatches()) == 2


async def test_of_two_commands_at_the_same_moment_one_starts_and_one_is_refused(stage: Stage) -> None:
    stage.pipeline(OTHER_PIPELINES)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    other = stage.world.add_issue(stage.oss, 8)
    comments = [
        stage.world.hand("maya").comments(stage.issue, "/release 1.0.3"),
        stage.world.hand("ada").comments(other, "/hotfix 1.0.3"),
    ]
    await stage.passes(minutes=2)

    assert sorted(stage.reactions(comment)[-1] for comment in comments) == ["confused", "rocket"]
    assert stage.dispatches() == ["widget/build.yml@develop"]
    assert len(stage.said()) == 1
