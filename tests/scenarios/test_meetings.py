"""Where several releases meet in odd ways: names, turns, and what people type on such a day."""

import re

import pytest

from tests.scenarios.stage import EE, OSS, START, Stage
from tests.scenarios.test_concurrency_groups import build, maya_builds, opens_with_a_group
from tests.scenarios.test_moving_names import begins as begins_with_names
from tests.scenarios.test_moving_names import names
from tests.scenarios.test_one_at_a_time import LINE, begins, sent

DOCKER = "release-docker.yml"
VERSION = 'inputs: {version: "{{ version }}"}'


def tagged(stage: Stage, *versions: str) -> None:
    for version in versions:
        stage.world.hand("ada").pushes_tag(stage.oss, f"v{version}")


def moving(stage: Stage, ref: str = "v{{ version }}", *, before: str = "", more: str = "") -> None:
    """A pipeline whose images move `latest`."""
    stage.world.add_workflow(stage.oss, DOCKER, inputs=["retag-latest"])
    stage.pipeline(f"""\
pipelines:
  release:
    steps:{before}
      images:
        repo: {OSS}
        dispatch: {DOCKER}
        ref: "{ref}"
        one-at-a-time: docker
        moves: latest
        inputs: {{retag-latest: "{{{{ moves_latest }}}}"}}{more}
""")


# -- names -----------------------------------------------------------------------------------------------


async def test_tags_that_cannot_be_found_for_a_moment_are_not_taken_for_none(stage: Stage) -> None:
    await begins_with_names(stage, "1.0.3", "1.1.0")
    stage.world.trouble.answers("GET", r"/git/matching-refs/", 404, "Not Found", times=2)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert "latest" not in names(stage.oss)
    assert "latest" not in names(stage.ee)


async def test_a_step_on_a_branch_of_its_version_knows_the_tags_that_the_start_step_makes(
    stage: Stage,
) -> None:
    start = f"\n      start: {{repo: {OSS}, dispatch: global-start-release.yml, ref: develop, {START}}}"
    tagged(stage, "1.1.0")
    stage.oss.branches["release-1.0.3"] = stage.oss.branches["develop"]
    moving(stage, "release-{{ version }}", before=start, more="\n        needs: start")
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert stage.run(stage.oss, DOCKER).inputs == {"retag-latest": "false"}


async def test_a_higher_version_of_another_pipeline_that_is_on_its_way_has_no_names_yet(stage: Stage) -> None:
    steps = f"""
      go: {{approval: "Publish?"}}
      images:
        needs: go
        repo: {OSS}
        dispatch: {DOCKER}
        ref: "v{{{{ version }}}}"
        one-at-a-time: docker
        moves: latest
        inputs: {{retag-latest: "{{{{ moves_latest }}}}"}}
"""
    stage.world.add_workflow(stage.oss, DOCKER, inputs=["retag-latest"])
    stage.pipeline(f"pipelines:\n  release:\n    steps:{steps}  hot:\n    steps:{steps}")
    tagged(stage, "1.0.3", "1.1.0")
    await stage.opens()
    await stage.says("/hot 1.1.0")
    await stage.says("/release 1.0.3")
    await stage.says("/release approve 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert stage.run(stage.oss, DOCKER).inputs == {"retag-latest": "true"}


async def test_a_name_is_not_said_to_be_at_a_version_that_never_had_it(stage: Stage) -> None:
    stage.world.add_workflow(stage.oss, DOCKER, inputs=["retag"])
    tagged(stage, "1.0.3", "1.1.0")
    stage.pipeline(f"""\
pipelines:
  release:
    parameters: {{jdk: {{values: [17, 21], default: 21}}}}
    steps:
      images:
        repo: {OSS}
        dispatch: {DOCKER}
        ref: "v{{{{ version }}}}"
        one-at-a-time: docker
        moves: "latest-{{{{ jdk }}}}"
        inputs: {{retag: "{{{{ moves_latest_jdk }}}}"}}
""")
    await stage.opens()
    await stage.says("/release 1.1.0 jdk=21")
    await stage.until(lambda: stage.state("1.1.0") == "released")
    await stage.says("/release 1.0.3 jdk=17")
    await stage.until(lambda: stage.state() == "released")

    assert not re.search(r"`latest-17` sta\w+ at 1\.1\.0", stage.status().body)


# -- one at a time ---------------------------------------------------------------------------------------


async def test_whoever_waits_for_a_stuck_release_of_somebody_else_is_told_so_within_a_day(
    stage: Stage,
) -> None:
    stage.workflow(stage.oss, "build.yml").on_run(about="0.24.9").job("build").fails(log="nothing known")
    await begins(stage, "/release 0.24.9")
    await stage.until(lambda: stage.state("0.24.9") == "needs attention")
    await stage.says("/release 1.0.3", by="ada")
    await stage.passes(hours=30)

    assert [said for said in stage.said() if "@ada" in said]


async def test_a_release_that_is_paused_while_it_gives_way_lets_the_others_pass(stage: Stage) -> None:
    await opens_with_a_group(stage)
    stage.pipeline(LINE)
    build(stage).on_run().takes(minutes=20)
    maya_builds(stage)
    await stage.passes(minutes=1)
    await stage.says("/release 1.0.3 1.1.0")
    await stage.until(lambda: build(stage).run.status == "pending", hours=1)
    maya_builds(stage, "9.9.8")
    await stage.until(lambda: stage.step("images") == "retrying", hours=1)
    await stage.says("/release pause 1.0.3")
    await stage.passes(hours=3)

    assert stage.state("1.1.0") == "released"


async def test_who_waits_for_a_release_that_is_paused_is_told_so(stage: Stage) -> None:
    log = "java.net.SocketTimeoutException: Connect timed out"
    stage.workflow(stage.oss, "build.yml").on_run(about="0.24.9").job("build").fails(log=log)
    await begins(stage, "/release 0.24.9 1.0.3", LINE.replace("retry: 0", "retry: {any: 3, wait: 10m}"))
    await stage.until(lambda: stage.step("images", "0.24.9") == "retrying", hours=1)
    await stage.says("/release pause 0.24.9")
    await stage.passes(hours=2)

    assert "paused" in stage.status("1.0.3").body


async def test_who_is_paused_in_line_is_not_said_to_wait_for_a_release_that_is_over(stage: Stage) -> None:
    stage.workflow(stage.oss, "build.yml").on_run(runs=1).runs_until_told()
    await begins(stage, "/release 0.24.9 1.0.3")
    await stage.passes(minutes=1)
    await stage.says("/release pause 1.0.3")
    stage.run(stage.oss, "build.yml").finish()
    await stage.until(lambda: stage.state("0.24.9") == "released")
    await stage.passes(minutes=10)

    assert "0.24.9" not in stage.status("1.0.3").body


async def test_names_of_a_line_that_differ_in_letter_case_only_are_one(stage: Stage) -> None:
    for repo in (stage.oss, stage.ee):
        stage.workflow(repo, "build.yml").on_run().runs_until_told()
    other = stage.world.add_issue(stage.ee, 3)
    stage.pipeline(LINE.replace(OSS, EE).replace("one-at-a-time: images", "one-at-a-time: Images"), stage.ee)
    await begins(stage, "/release 0.24.9")
    await stage.says("/release 1.0.3", issue=other)
    await stage.passes(minutes=1)

    assert sent(stage) == ["0.24.9"]


async def test_a_live_run_that_waits_to_be_taken_up_has_its_turn(stage: Stage) -> None:
    tagged(stage, "1.0.3", "1.1.0")
    stage.pipeline(f"""\
pipelines:
  release:
    steps:
      go: {{approval: "Publish?"}}
      images: {{needs: go, repo: {OSS}, dispatch: {DOCKER}, ref: "v{{{{ version }}}}", one-at-a-time: images}}
""")
    stage.workflow(stage.oss, DOCKER).on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.1.0")
    await stage.says("/release approve 1.1.0")
    await stage.until(lambda: stage.step("images", "1.1.0") == "running")
    await stage.passes(minutes=20)
    await stage.bot_dies()
    for file in stage.folder.glob("bot.db*"):
        file.unlink()
    await stage.opens()
    await stage.says("/release 1.1.0 --continue")
    await stage.says("/release 1.0.3")
    await stage.says("/release approve 1.0.3")
    await stage.passes(minutes=2)

    assert sum(run.status != "completed" for run in stage.workflow(stage.oss, DOCKER).runs) == 1


# -- going on, options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("--dry-run=1", "--dry-run"), ("--continue=true", "--continue"), ("--java=17", "java=17")],
)
async def test_an_option_with_a_value_is_understood_as_it_was_meant(
    stage: Stage, typed: str, meant: str
) -> None:
    await stage.opens()
    await stage.says(f"/release 1.0.3 {typed}")

    assert f"Did you mean `{meant}`?" in stage.answer()


async def test_a_version_that_begins_in_two_homes_at_once_is_refused_for_the_right_repository(
    stage: Stage,
) -> None:
    other = stage.world.add_issue(stage.ee, 3)
    for repo in (stage.oss, stage.ee):
        stage.pipeline(LINE, repo)
    await stage.opens()
    stage.world.hand("maya").comments(stage.issue, "/release 1.0.3")
    stage.world.hand("ada").comments(other, "/release 1.0.3")
    await stage.passes(minutes=1)
    (refused,) = (said for said in stage.said() if said.startswith("Refused"))

    assert f"step `images` in `{OSS}`" in refused


async def test_in_a_pause_nobody_is_told_whom_a_release_waited_for_before(stage: Stage) -> None:
    stage.pipeline(f"""\
pipelines:
  release:
    steps:
      build: {{repo: {OSS}, dispatch: build.yml, {VERSION}, one-at-a-time: line, retry: 0}}
""")
    stage.oss.workflows["build.yml"].on_run(runs=1).job("build").fails()
    await stage.opens()
    await stage.says("/release 1.0.3 1.0.4")
    await stage.until(lambda: stage.state("1.0.3") == "needs attention")
    await stage.passes(minutes=1)
    await stage.says("/release pause 1.0.4")
    await stage.says("/release skip 1.0.3 build")
    await stage.until(lambda: stage.state("1.0.3") == "released")
    before = len(stage.said())

    await stage.passes(hours=26)

    assert not [said for said in stage.said()[before:] if "1.0.3" in said]
