"""Starting: from a version in a comment to the first dispatch, and what the pipeline file says about it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from bot.simulator.faults import Break
from bot.simulator.runs import Input
from bot.store import StoreUnavailable
from tests.scenarios.stage import EE, ONE_STEP, OSS, Stage

V, SERIES = "{{ version }}", "{{ series }}"
IN_GROUPS = f"""\
pipelines:
  release:
    concurrency: "{{{{ series }}}}"
    steps:
      build: {{repo: {OSS}, dispatch: build.yml, inputs: {{version: "{V}"}}}}
  nightly:
    concurrency: "{{{{ series }}}}"
    steps:
      build: {{repo: {EE}, dispatch: build.yml, inputs: {{version: "{V}"}}}}
"""
DEFAULTS = 'pipelines: {release: {steps: {build: {dispatch: build.yml, inputs: {version: "{{ version }}"}}}}}'
MOVING = f"""\
pipelines:
  release:
    names: {{"0.24": series 0.24}}
    steps:
      images:
        repo: {OSS}
        dispatch: release-docker.yml
        ref: "v{V}"
        one-at-a-time: images
        moves: [latest, "0.24"]
        inputs: {{latest: "{{{{ moves_latest }}}}", lts: "{{{{ moves_0_24 }}}}"}}
"""
FOR_1_ALONE = f"""\
pipelines:
  release:
    steps:
      build:
        repo: {OSS}
        dispatch: build.yml
        inputs: {{version: "{V}"}}
        unless-tag: "{{% if major == '1' %}}v{V}{{% endif %}}"
"""
TWO_BUILDS = f"""\
pipelines:
  release:
    steps:
      build: {{repo: {OSS}, dispatch: build.yml, inputs: {{version: "{V}"}}}}
      images: {{needs: build, repo: {OSS}, dispatch: release-docker.yml}}
"""


async def test_a_workflow_file_is_read_once_for_a_command(stage: Stage) -> None:
    step = f'{{repo: {OSS}, dispatch: build.yml, inputs: {{version: "{V}"}}}}'
    steps = "\n".join(f"      build-{number}: {step}" for number in range(20))
    stage.pipeline(f"pipelines:\n  release:\n    steps:\n{steps}\n")
    await stage.opens()
    comment = await stage.says("/release 1.0.3 1.0.4 1.0.5 --dry-run")

    assert stage.reactions(comment) == ["eyes", "rocket"]
    assert len(stage.world.ledger.matching("GET", "/contents/.github/workflows/build.yml$")) == 1


# -- the plan without the deed -------------------------------------------------------------------------------


async def test_a_dry_run_answers_with_the_plan_and_changes_nothing(stage: Stage) -> None:
    await stage.opens()
    comment = await stage.says("/release 1.0.3 --dry-run")
    await stage.passes(minutes=5)

    assert stage.reactions(comment) == ["eyes", "rocket"]
    assert stage.statuses() == []
    assert stage.dispatches() == []
    assert stage.checks("oss-start") == []
    assert "nothing was started" in stage.answer()
    assert "would start" in stage.answer()
    assert (
        "`global-start-release.yml` in `acme/widget` on `develop` with `releaseVersion=1.0.3`"
        in stage.answer()
    )
    assert "The tag `v1.0.3` must not exist" in stage.answer()
    assert "`pre-release.yml` in `acme/widget` on `v1.0.3`" in stage.answer()


async def test_a_dry_run_in_public_shows_of_a_private_repository_the_names_of_the_steps_alone(
    stage: Stage,
) -> None:
    await stage.opens()
    await stage.says("/release 1.0.3 --dry-run")

    assert "`ee-start`: dispatch." in stage.answer()
    assert "`ee`: watch." in stage.answer()
    assert EE not in stage.answer()


async def test_a_dry_run_in_a_private_home_shows_everything(stage: Stage) -> None:
    stage.pipeline(stage.oss.files[".github/release-bot.yml"], stage.ee)
    issue = stage.world.add_issue(stage.ee, 12)
    await stage.opens()
    await stage.says("/release 1.0.3 --dry-run", issue=issue)

    assert "`global-start-release.yml` in `acme/widget-ee`" in stage.answer()
    assert "`pre-release.yml` in `acme/widget` on `v1.0.3`" in stage.answer()


async def test_a_dry_run_of_what_would_be_refused_says_why(stage: Stage) -> None:
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    await stage.opens()
    comment = await stage.says("/release 1.0.3 --dry-run")

    assert stage.reactions(comment) == ["eyes", "rocket"]
    assert "would be refused" in stage.answer()
    assert "the tag `v1.0.3` exists already" in stage.answer()


async def test_a_dry_run_of_several_versions_tells_each_plan(stage: Stage) -> None:
    await stage.opens()
    await stage.says("/release 1.0.3 0.24.9 --dry-run")

    assert "**release 1.0.3** would start" in stage.answer()
    assert "**release 0.24.9** would start" in stage.answer()
    assert len(stage.said()) == 1


async def test_a_dry_run_tells_of_a_version_that_would_be_refused_beside_those_that_would_start(
    stage: Stage,
) -> None:
    stage.pipeline(FOR_1_ALONE)
    await stage.opens()
    await stage.says("/release 1.0.3 2.0.0 --dry-run")

    first, second = stage.answer().split("**release 2.0.0**")
    assert "**release 1.0.3** would start" in first
    assert (
        " would be refused.\n\n- in `acme/widget`: pipeline file – step `build`, `unless-tag`: the" in second
    )


async def test_of_a_local_file_a_dry_run_in_public_does_not_quote_what_a_version_is_refused_for(
    stage: Stage,
) -> None:
    (stage.folder / "plans.yml").write_text(FOR_1_ALONE)
    await stage.opens(PIPELINES="plans.yml")
    await stage.says("/release 1.0.3 2.0.0 --dry-run")

    _, refused = stage.answer().split("**release 2.0.0** would be refused.")
    assert "pipeline file: it has a text that cannot be used for this version" in refused
    assert "unless-tag" not in refused


async def test_a_dry_run_tells_where_moving_names_are_and_where_they_go(stage: Stage) -> None:
    stage.world.add_workflow(stage.oss, "release-docker.yml", inputs=["latest", "lts"])
    stage.pipeline(MOVING)
    for tag in ("v0.24.9", "v1.0.2", "v1.0.3"):
        stage.world.hand("ada").pushes_tag(stage.oss, tag)
    await stage.opens()
    await stage.says("/release 1.0.3 0.24.10 --dry-run")

    newer, older = stage.answer().split("**release 0.24.10**")
    assert (
        "`latest` moves from `1.0.2` to `1.0.3`; `0.24` stays; "
        "it is given `latest=true` and `lts=false`" in newer
    )
    assert (
        "`latest` stays, since `1.0.2` is higher; `0.24` moves from `0.24.9` to `0.24.10`; "
        "it is given `latest=false` and `lts=true`" in older
    )


async def test_a_dry_run_foretells_what_the_command_then_does(stage: Stage) -> None:
    stage.world.add_workflow(stage.oss, "release-docker.yml", inputs=["latest", "lts"])
    stage.pipeline(MOVING)
    for tag in ("v0.24.9", "v1.0.3", "v1.1.0"):
        stage.world.hand("ada").pushes_tag(stage.oss, tag)
    await stage.opens()
    await stage.says("/release 1.1.0 1.0.3 --dry-run")

    first, second = stage.answer().split("**release 1.0.3**")
    assert "`latest` moves from `1.0.3` to `1.1.0`; `0.24` stays; it is given `latest=true`" in first
    assert "`latest` moves from `0.24.9` to `1.0.3`; `0.24` stays; it is given `latest=true`" in second

    await stage.says("/release 1.1.0 1.0.3")
    await stage.until(lambda: {stage.state("1.1.0"), stage.state("1.0.3")} == {"released"})
    runs = stage.oss.workflows["release-docker.yml"].runs
    assert [(run.head_branch, run.inputs["latest"]) for run in runs] == [
        ("v1.0.3", "true"),
        ("v1.1.0", "true"),
    ]


async def test_a_dry_run_foretells_that_releases_of_one_group_go_in_the_order_of_the_command(
    stage: Stage,
) -> None:
    stage.world.add_workflow(stage.oss, "release-docker.yml", inputs=["latest", "lts"])
    stage.pipeline(MOVING.replace("    steps:", f'    concurrency: "{SERIES}"\n    steps:'))
    for tag in ("v0.24.9", "v1.0.2", "v1.0.3", "v1.0.4"):
        stage.world.hand("ada").pushes_tag(stage.oss, tag)
    await stage.opens()
    await stage.says("/release 1.0.4 1.0.3 0.24.9 --dry-run")

    _, newer, older, oldest = stage.answer().split("**release ")
    assert "it is given `latest=true` and `lts=false`" in newer
    assert "`latest` stays at `1.0.4`; " in older
    assert "it is given `latest=false` and `lts=true`" in oldest

    await stage.says("/release 1.0.4 1.0.3 0.24.9")
    await stage.until(lambda: {stage.state(v) for v in ("1.0.4", "1.0.3", "0.24.9")} == {"released"})
    runs = stage.oss.workflows["release-docker.yml"].runs
    assert {(run.head_branch, run.inputs["latest"]) for run in runs} == {
        ("v1.0.4", "true"),
        ("v1.0.3", "false"),
        ("v0.24.9", "false"),
    }


async def test_a_dry_run_tells_nothing_of_the_moving_names_of_a_private_repository(stage: Stage) -> None:
    stage.world.add_workflow(stage.ee, "release-docker.yml", inputs=["latest", "lts"])
    stage.pipeline(MOVING.replace(OSS, EE))
    stage.world.hand("ada").pushes_tag(stage.ee, "v0.24.8")
    stage.world.hand("ada").pushes_tag(stage.ee, "v1.0.3")
    await stage.opens()
    await stage.says("/release 1.0.3 --dry-run")

    assert "`images`: dispatch." in stage.answer()
    assert "latest" not in stage.answer()
    assert "0.24" not in stage.answer()


# -- several versions ----------------------------------------------------------------------------------------


async def test_two_versions_are_two_releases_each_with_its_status_comment(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    comment = await stage.says("/release 1.0.3 0.24.9")
    await stage.until(lambda: stage.state("1.0.3") == stage.state("0.24.9") == "released")

    assert stage.reactions(comment) == ["eyes", "rocket"]
    assert sorted(status.version for status in stage.statuses()) == ["0.24.9", "1.0.3"]
    assert sorted(run.inputs["version"] for run in stage.oss.workflows["build.yml"].runs) == [
        "0.24.9",
        "1.0.3",
    ]


async def test_the_same_version_twice_is_one_release(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert stage.dispatches() == ["widget/build.yml@develop"]


async def test_a_version_that_is_refused_does_not_hold_up_the_others(stage: Stage) -> None:
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    await stage.opens()
    comment = await stage.says("/release 1.0.3 0.24.9")
    await stage.until(lambda: bool(stage.dispatches()))

    assert stage.reactions(comment) == ["eyes", "rocket"]
    assert [status.version for status in stage.statuses()] == ["0.24.9"]
    assert stage.answer().startswith("Started: `0.24.9`. Refused: `1.0.3`.")
    assert "the tag `v1.0.3` exists already" in stage.answer()


async def test_one_badly_formed_version_refuses_the_whole_command(stage: Stage) -> None:
    await stage.opens()
    comment = await stage.says("/release 1.0.3 1.0")
    await stage.passes(minutes=2)

    assert stage.reactions(comment) == ["eyes", "confused"]
    assert "`1.0`" in stage.answer()
    assert "Nothing was done" in stage.answer()
    assert stage.dispatches() == []


@pytest.mark.parametrize("version", ["1.0.3-rc.1", "0.0.0", "10.20.30-SNAPSHOT"])
async def test_a_version_reaches_the_workflow_as_it_was_typed(stage: Stage, version: str) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says(f"/RELEASE {version}")
    await stage.until(lambda: stage.state(version) == "released")

    assert stage.run(stage.oss, "build.yml").inputs == {"version": version}


async def test_of_two_homes_that_start_one_version_in_the_same_second_one_wins(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    stage.pipeline(ONE_STEP, stage.ee)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    maya, there = stage.world.hand("maya"), stage.world.add_issue(stage.ee, 12)
    comments = [maya.comments(stage.issue, "/release 1.0.3"), maya.comments(there, "/release 1.0.3")]
    await stage.passes(minutes=2)

    assert sorted(stage.reactions(comment)[-1] for comment in comments) == ["confused", "rocket"]
    assert stage.dispatches() == ["widget/build.yml@develop"]
    assert "a release of 1.0.3 " in stage.answer()
    assert len(stage.statuses()) == len(stage.said()) == 1


# -- defaults and templates ----------------------------------------------------------------------------------


async def test_without_repo_and_ref_a_step_runs_in_the_home_repository_on_its_default_branch(
    stage: Stage,
) -> None:
    stage.pipeline(DEFAULTS, stage.ee)
    issue = stage.world.add_issue(stage.ee, 12)
    await stage.opens()
    await stage.says("/release 1.0.3", issue=issue)
    await stage.until(lambda: stage.state() == "released")

    assert stage.dispatches() == ["widget-ee/build.yml@develop"]


async def test_inputs_are_sent_as_text_with_the_parts_of_the_version_filled_in(stage: Stage) -> None:
    stage.world.add_workflow(
        stage.oss,
        "build.yml",
        inputs={name: Input() for name in ("line", "next", "flag", "number", "loud", "plain")},
    )
    stage.pipeline("""\
pipelines:
  release:
    steps:
      build:
        dispatch: build.yml
        inputs:
          line: "{{ series }}"
          next: "{{ major }}.{{ minor }}.{{ (patch | int) + 1 }}-SNAPSHOT"
          flag: yes
          number: 1.10
          loud: "{{ version | upper }}"
          plain: "{ not a template }"
""")
    await stage.opens()
    await stage.says("/release 1.0.3-rc1")
    await stage.until(lambda: bool(stage.dispatches()))

    assert stage.run(stage.oss, "build.yml").inputs == {
        "line": "1.0",
        "next": "1.0.4-SNAPSHOT",
        "flag": "yes",
        "number": "1.10",
        "loud": "1.0.3-RC1",
        "plain": "{ not a template }",
    }


# -- where the file is, and whose comments count -------------------------------------------------------------


async def test_one_local_file_serves_every_repository(stage: Stage) -> None:
    stage.oss.files.clear()
    (stage.folder / "pipelines.yml").write_text(DEFAULTS)
    issue = stage.world.add_issue(stage.ee, 12)
    await stage.opens(PIPELINES="pipelines.yml")
    await stage.says("/release 1.0.3")
    await stage.says("/release 1.0.4", issue=issue)
    await stage.until(lambda: stage.state("1.0.3") == stage.state("1.0.4") == "released")

    assert stage.dispatches() == ["widget/build.yml@develop", "widget-ee/build.yml@develop"]


async def test_one_file_in_a_private_repository_serves_every_repository(stage: Stage) -> None:
    stage.oss.files.clear()
    ops = stage.world.add_repository("acme/ops", visibility="private")
    stage.pipeline(DEFAULTS, ops, path="release/all.yml")
    await stage.opens(PIPELINES="acme/ops:release/all.yml")
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert stage.dispatches() == ["widget/build.yml@develop"]


async def test_a_home_repository_outside_of_homes_is_not_listened_to(stage: Stage) -> None:
    stage.pipeline(DEFAULTS)
    stage.pipeline(DEFAULTS, stage.ee)
    issue = stage.world.add_issue(stage.ee, 12)
    await stage.opens(HOMES=OSS)
    elsewhere = await stage.says("/release 1.0.4", issue=issue)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert stage.reactions(elsewhere) == []
    assert stage.dispatches() == ["widget/build.yml@develop"]


async def test_the_file_is_read_afresh_for_every_command(stage: Stage) -> None:
    stage.pipeline("pipelines: {}")
    await stage.opens()
    first = await stage.says("/release 1.0.3")
    stage.pipeline(ONE_STEP)
    second = await stage.says("/release 1.0.3")

    assert stage.reactions(first) == ["eyes", "confused"]
    assert stage.reactions(second) == ["eyes", "rocket"]


# -- a frozen plan -------------------------------------------------------------------------------------------


async def test_f72_a_changed_file_touches_new_releases_only(stage: Stage) -> None:
    stage.pipeline(TWO_BUILDS)
    await stage.opens()
    await stage.says("/release 1.0.3")
    stage.pipeline(ONE_STEP)
    await stage.says("/release 1.0.4")
    await stage.until(lambda: stage.state("1.0.3") == stage.state("1.0.4") == "released")

    assert list(stage.status("1.0.3").steps) == ["build", "images"]
    assert list(stage.status("1.0.4").steps) == ["build"]


async def test_a_default_branch_that_changes_later_does_not_move_a_started_release(stage: Stage) -> None:
    stage.pipeline(TWO_BUILDS)
    await stage.opens()
    await stage.says("/release 1.0.3")
    stage.world.hand("ada").pushes(stage.oss, "next")
    stage.oss.default_branch = "next"
    await stage.until(lambda: stage.state() == "released")

    assert stage.dispatches() == ["widget/build.yml@develop", "widget/release-docker.yml@develop"]


# -- one after the other -------------------------------------------------------------------------------------


async def test_a_release_of_the_same_series_waits_for_the_one_before(stage: Stage) -> None:
    stage.pipeline(IN_GROUPS)
    await stage.opens()
    await stage.says("/release 1.0.3")
    second = await stage.says("/release 1.0.4")

    assert stage.reactions(second) == ["eyes", "rocket"]
    assert stage.state("1.0.4") == "waiting"
    assert "`1.0.3`" in stage.status("1.0.4").sentence
    assert stage.dispatches() == ["widget/build.yml@develop"]

    await stage.until(lambda: stage.state("1.0.4") == "released")
    assert stage.state("1.0.3") == "released"
    assert len(stage.dispatches()) == 2


async def test_a_cancelled_release_frees_its_group(stage: Stage) -> None:
    stage.pipeline(IN_GROUPS)
    stage.oss.workflows["build.yml"].on_run(about="1.0.3").runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3 1.0.4")
    await stage.passes(hours=1)
    assert stage.state("1.0.4") == "waiting"

    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state("1.0.4") == "released")
    assert stage.state("1.0.3") == "cancelled"


async def test_a_waiting_release_can_be_cancelled_and_starts_nothing(stage: Stage) -> None:
    stage.pipeline(IN_GROUPS)
    await stage.opens()
    await stage.says("/release 1.0.3 1.0.4")
    await stage.says("/release cancel 1.0.4")
    await stage.until(lambda: stage.state("1.0.3") == "released" and stage.state("1.0.4") == "cancelled")
    await stage.passes(minutes=5)

    assert stage.dispatches() == ["widget/build.yml@develop"]


async def test_other_series_and_other_pipelines_do_not_wait(stage: Stage) -> None:
    stage.pipeline(IN_GROUPS)
    stage.oss.workflows["build.yml"].on_run(about="1.0.3").runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3 1.1.0")
    await stage.says("/nightly 1.0.4")
    await stage.until(lambda: stage.state("1.1.0") == stage.state("1.0.4") == "released")

    assert stage.state("1.0.3") == "running"


async def test_a_group_belongs_to_one_home_repository(stage: Stage) -> None:
    stage.pipeline(IN_GROUPS)
    stage.pipeline(IN_GROUPS, stage.ee)
    issue = stage.world.add_issue(stage.ee, 12)
    stage.oss.workflows["build.yml"].on_run(about="1.0.3").runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.says("/release 1.0.4", issue=issue)
    await stage.until(lambda: stage.state("1.0.4") == "released")

    assert stage.state("1.0.3") == "running"


# -- the bot's own id for a send -----------------------------------------------------------------------------


async def test_with_a_nonce_the_run_of_a_lost_answer_is_told_from_one_that_a_person_started(
    stage: Stage,
) -> None:
    build = stage.world.add_workflow(
        stage.oss, "build.yml", inputs={"version": Input(), "id": Input()}, run_name="Build {id}"
    )
    stage.pipeline(ONE_STEP.replace("dispatch: build.yml,", "dispatch: build.yml, nonce: id,"))
    await stage.opens()
    stage.world.trouble.breaks("POST", "dispatches$", Break.RESET, when="after", times=1)
    await stage.says("/release 1.0.3")
    byhand = stage.world.hand("ada").starts(build, version="1.0.3", id="by hand")
    await stage.until(lambda: stage.state() == "released")

    ours = next(run for run in build.runs if run is not byhand)
    assert ours.inputs["id"]
    assert len(stage.dispatches()) == 1
    assert str(ours.id) in stage.status().rows["build"]


def loses_the_next_answer(
    monkeypatch: pytest.MonkeyPatch, table: object, name: str, *, then: Callable[[], object]
) -> None:
    """The next commit of this kind is carried out, and the connection to the database is lost in it."""
    commit = getattr(table, name)

    async def lost(*args: Any, **more: Any) -> None:
        monkeypatch.undo()
        await commit(*args, **more)
        then()
        raise StoreUnavailable("the connection was lost in the commit")

    monkeypatch.setattr(table, name, lost)


async def test_a_start_whose_commit_was_answered_by_silence_is_neither_refused_nor_forgotten(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection to the database is lost in the commit, and a moment later nobody can read roles."""
    stage.pipeline(ONE_STEP)
    await stage.opens()
    assert stage.bot is not None
    gone = partial(stage.world.trouble.answers, "GET", r"/permission$", 502, times=200)
    loses_the_next_answer(monkeypatch, stage.bot.store.releases, "start", then=gone)

    command = await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released", hours=1)

    assert stage.reactions(command) == ["eyes", "rocket"]
    assert len(stage.dispatches()) == 1


async def test_a_refusal_whose_commit_was_answered_by_silence_is_not_followed_by_a_start(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection to the database is lost in the commit, and a moment later GitHub can tell roles again."""
    stage.pipeline(ONE_STEP)
    await stage.opens()
    stage.world.trouble.answers("GET", r"/permission$", 502, times=None)
    assert stage.bot is not None
    loses_the_next_answer(monkeypatch, stage.bot.store.posts, "add", then=stage.world.trouble.ends)

    command = await stage.says("/release 1.0.3")
    await stage.passes(minutes=2)

    assert stage.reactions(command) == ["eyes", "confused"]
    assert stage.dispatches() == []
