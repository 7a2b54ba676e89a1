"""Which version ends with `latest`, and who tells the workflow."""

import re
from itertools import permutations

import pytest

from bot.simulator.repositories import Repository
from tests.scenarios.stage import EE, OSS, Stage

_DOCKER = (
    'dispatch: release-docker.yml, ref: "v{{ version }}", one-at-a-time: "docker-%s", moves: [latest, "{{ series }}"],'
    ' inputs: {retag-latest: "{{ moves_latest }}", retag-series: "{{ moves_series }}"}'
)
FILE = f"""\
pipelines:
  release:
    steps:
      oss-docker: {{repo: {OSS}, {_DOCKER % "oss"}}}
      ee-docker: {{repo: {EE}, {_DOCKER % "ee"}}}
"""
EDITIONS = f"""\
pipelines:
  release:
    parameters: {{edition: [community, full]}}
    steps:
      docker:
        repo: {OSS}
        dispatch: release-docker.yml
        ref: "v{{{{ version }}}}"
        one-at-a-time: docker
        moves: ["latest-{{{{ edition }}}}"]
        inputs: {{retag-latest: "{{{{ moves_latest_edition }}}}", retag-series: "false"}}
"""
VERSIONS = ("0.24.9", "1.0.3", "1.0.4", "1.1.0")


async def begins(stage: Stage, *tags: str) -> None:
    """`tags`: versions, or other words, that are tagged before the bot comes."""
    for repo in (stage.oss, stage.ee):
        stage.world.add_workflow(repo, "release-docker.yml", inputs=["retag-latest", "retag-series"])
    tagged(stage, *tags)
    stage.pipeline(FILE)
    await stage.opens()


def tagged(stage: Stage, *versions: str) -> None:
    for repo in (stage.oss, stage.ee):
        for version in versions:
            stage.world.hand("walt").pushes_tag(repo, f"v{version}")


def names(repo: Repository) -> dict[str, str]:
    """Where the names point on the registry: each run moves those that its inputs say, when it is over."""
    found: dict[str, str] = {}
    runs = [run for run in repo.workflows["release-docker.yml"].runs if run.conclusion == "success"]
    for run in sorted(runs, key=lambda run: run.attempt.updated_at):
        version = run.head_branch.removeprefix("v")
        if run.inputs["retag-latest"] == "true":
            found["latest"] = version
        if run.inputs["retag-series"] == "true":
            found[version.rpartition(".")[0]] = version
    return found


async def releases(stage: Stage, version: str) -> None:
    tagged(stage, version)
    await stage.says(f"/release {version}")
    await stage.until(lambda: stage.state(version) == "released")


@pytest.mark.parametrize("order", [*permutations(VERSIONS)][::5], ids=" ".join)
async def test_whatever_the_order_the_names_end_at_the_same_versions(
    stage: Stage, order: tuple[str, ...]
) -> None:
    await begins(stage)
    for version in order:
        await releases(stage, version)

    wanted = {"latest": "1.1.0", "0.24": "0.24.9", "1.0": "1.0.4", "1.1": "1.1.0"}
    assert names(stage.oss) == wanted
    assert names(stage.ee) == wanted


async def test_four_versions_at_once_end_at_the_same_names(stage: Stage) -> None:
    await begins(stage, *VERSIONS)
    await stage.says("/release 1.1.0 1.0.4 0.24.9 1.0.3")
    await stage.until(lambda: all(stage.state(version) == "released" for version in VERSIONS))

    wanted = {"latest": "1.1.0", "0.24": "0.24.9", "1.0": "1.0.4", "1.1": "1.1.0"}
    assert (names(stage.oss), names(stage.ee)) == (wanted, wanted)


async def test_the_status_comment_shows_before_and_after(stage: Stage) -> None:
    await begins(stage)
    await releases(stage, "1.0.3")
    await releases(stage, "1.1.0")
    await releases(stage, "1.0.4")

    assert "`latest` moved from 1.0.3 to 1.1.0" in stage.status("1.1.0").body
    assert "`latest` stayed at 1.1.0" in stage.status("1.0.4").body
    assert "`1.0` moved from 1.0.3 to 1.0.4" in stage.status("1.0.4").body


async def test_a_version_that_was_released_before_the_bot_came_is_known_by_its_tag(stage: Stage) -> None:
    await begins(stage, "1.1.0", "2.0.0-rc1", "nightly", "1.0.2")
    await releases(stage, "1.0.3")

    assert names(stage.oss) == {"1.0": "1.0.3"}


async def test_a_higher_version_that_was_cancelled_before_its_images_came_out_has_no_names(
    stage: Stage,
) -> None:
    await begins(stage, "1.1.0")
    stage.workflow(stage.oss, "release-docker.yml").on_run(about="1.1.0").runs_until_told()
    await stage.says("/release 1.1.0")
    await stage.passes(minutes=1)
    await stage.says("/release cancel 1.1.0")
    await stage.until(lambda: stage.state("1.1.0") == "cancelled")
    await releases(stage, "1.0.3")

    assert names(stage.oss) == {"latest": "1.0.3", "1.0": "1.0.3"}


async def test_a_release_that_was_cancelled_after_its_images_came_out_keeps_its_names(stage: Stage) -> None:
    await begins(stage, "1.1.0")
    stage.workflow(stage.ee, "release-docker.yml").on_run(about="1.1.0").runs_until_told()
    await stage.says("/release 1.1.0")
    await stage.until(lambda: stage.step("oss-docker", "1.1.0") == "passed")
    await stage.says("/release cancel 1.1.0")
    await stage.until(lambda: stage.state("1.1.0") == "cancelled")
    await releases(stage, "1.0.3")

    assert names(stage.oss) == {"latest": "1.1.0", "1.1": "1.1.0", "1.0": "1.0.3"}
    assert names(stage.ee) == {"latest": "1.0.3", "1.0": "1.0.3"}


async def adopts_hers(stage: Stage, *, failing: int = 1) -> None:
    """The images of 1.1.0 could not be built, and ada builds them by hand, leaving all names alone."""
    await begins(stage, "1.0.3", "1.1.0")
    docker = stage.workflow(stage.oss, "release-docker.yml")
    docker.on_run(runs=failing).job("build").fails(log="error: cannot find symbol")
    await stage.says("/release 1.1.0")
    await stage.until(lambda: stage.state("1.1.0") == "needs attention")
    inputs = {"retag-latest": "false", "retag-series": "false"}
    hers = stage.world.hand("ada").starts(docker, "v1.1.0", **inputs)
    await stage.passes(minutes=1)
    await stage.says(f"/release adopt 1.1.0 oss-docker {hers.id}")


async def test_a_name_is_not_said_to_be_moved_by_a_run_that_a_person_started(stage: Stage) -> None:
    await adopts_hers(stage)
    await stage.until(lambda: stage.state("1.1.0") == "released")

    assert "1.1.0" not in names(stage.oss).values()
    assert not re.search(r"move[sd]( from \S+)? to 1\.1\.0", stage.status("1.1.0").body)


async def test_a_new_run_after_that_of_a_person_is_told_again_which_names_to_move(stage: Stage) -> None:
    await adopts_hers(stage, failing=2)
    await stage.until(lambda: stage.state("1.1.0") == "needs attention")
    await stage.passes(minutes=5)
    await stage.says("/release redo 1.1.0 oss-docker")
    await stage.until(lambda: stage.state("1.1.0") == "released")

    assert names(stage.oss) == {"latest": "1.1.0", "1.1": "1.1.0"}


async def test_what_one_address_of_github_refuses_all_day_is_told_once(stage: Stage) -> None:
    await begins(stage, "1.0.3")
    stage.world.trouble.answers("GET", r"/git/matching-refs/", 403, "Not accessible", times=None)
    await stage.says("/release 1.0.3")
    await stage.passes(hours=6)

    assert stage.state() == "needs attention"
    assert len([said for said in stage.said() if "@maya" in said]) <= 2  # once for each edition


async def test_after_the_database_was_lost_an_older_version_does_not_take_a_name_back(stage: Stage) -> None:
    await begins(stage)
    await releases(stage, "1.1.0")
    await stage.closes()
    for file in stage.folder.glob("bot.db*"):
        file.unlink()
    await stage.opens()
    await releases(stage, "1.0.3")

    assert names(stage.oss)["latest"] == "1.1.0"


async def test_while_the_tags_cannot_be_read_nothing_is_sent(stage: Stage) -> None:
    await begins(stage, "1.0.3")
    trouble = stage.world.trouble.answers("GET", r"/git/matching-refs/", 502, "Server Error", times=None)
    await stage.says("/release 1.0.3")
    await stage.passes(minutes=10)
    meanwhile = stage.dispatches()
    stage.world.trouble.ends(trouble)
    await stage.until(lambda: stage.state("1.0.3") == "released", hours=1)

    assert meanwhile == []
    assert names(stage.oss)["latest"] == "1.0.3"


async def releases_edition(stage: Stage, version: str, edition: str) -> None:
    tagged(stage, version)
    await stage.says(f"/release {version} edition={edition}")
    await stage.until(lambda: stage.state(version) == "released")


async def test_a_higher_version_that_was_released_as_another_edition_alone_has_not_the_name_of_this_one(
    stage: Stage,
) -> None:
    await begins(stage, "1.0.2")
    stage.pipeline(EDITIONS)
    await releases_edition(stage, "1.0.4", "full")
    await releases_edition(stage, "1.0.3", "community")
    assert "`latest-community` moved from 1.0.2 to 1.0.3" in stage.status("1.0.3").body

    await releases_edition(stage, "1.0.1", "community")
    assert "`latest-community` stayed at 1.0.3" in stage.status("1.0.1").body


async def test_of_a_higher_version_known_by_its_tag_alone_every_edition_counts_as_released(
    stage: Stage,
) -> None:
    await begins(stage, "1.0.4")
    stage.pipeline(EDITIONS)
    await releases_edition(stage, "1.0.3", "community")

    assert "`latest-community` was left alone: 1.0.4 is higher" in stage.status("1.0.3").body


async def test_a_version_that_was_released_before_the_file_had_editions_counts_for_each_of_them(
    stage: Stage,
) -> None:
    await begins(stage)
    await releases(stage, "1.0.4")
    stage.pipeline(EDITIONS)
    await releases_edition(stage, "1.0.3", "community")

    assert "`latest-community` was left alone: 1.0.4 is higher" in stage.status("1.0.3").body
