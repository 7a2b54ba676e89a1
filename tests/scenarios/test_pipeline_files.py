"""The pipeline file missing, broken or changed: who is told what, and what still works."""

import pytest

from tests.scenarios.stage import EE, ONE_STEP, PIPELINE_FILE, Stage

TOLD = ["eyes", "confused"]
DONE = ["eyes", "rocket"]
BROKEN = """\
pipelines:
  release:
    steps:
      build: {repo: acme/widget, dispach: build.yml}
      images: {needs: biuld, repo: acme/widget, dispatch: release-docker.yml}
"""
OTHER_NAME = ONE_STEP.replace("release:", "hotfix:")


async def running(stage: Stage) -> None:
    """A release that is under way, its run going on until somebody ends it."""
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")


# -- missing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["/release 1.0.3", "/release help", "/release 1.0.3 --dry-run", "/release what"]
)
async def test_without_a_file_whoever_may_write_hears_where_it_belongs(stage: Stage, text: str) -> None:
    stage.oss.files.clear()
    await stage.opens()
    comment = await stage.says(text, by="walt")

    assert stage.reactions(comment) == TOLD
    assert "There is no pipeline file" in stage.answer()
    assert f"`{PIPELINE_FILE}`" in stage.answer()
    assert len(stage.said()) == 1


@pytest.mark.parametrize("by", ["tess", "stranger"])
async def test_without_a_file_nobody_else_hears_anything(stage: Stage, by: str) -> None:
    stage.oss.files.clear()
    await stage.opens()
    comment = await stage.says("/release 1.0.3", by=by)
    await stage.passes(minutes=1)

    assert stage.reactions(comment) == []
    assert stage.said() == []


@pytest.mark.parametrize("text", ["/deploy 1.0.3", "/hotfix help", "/merge"])
async def test_without_a_file_other_slash_commands_are_not_ours(stage: Stage, text: str) -> None:
    stage.oss.files.clear()
    await stage.opens()
    comment = await stage.says(text, by="ada")

    assert stage.reactions(comment) == []
    assert stage.said() == []


async def test_a_missing_file_elsewhere_is_told_without_naming_a_path_of_the_machine(stage: Stage) -> None:
    await stage.opens(PIPELINES=str(stage.folder / "none.yml"))
    comment = await stage.says("/release 1.0.3")

    assert stage.reactions(comment) == TOLD
    assert "There is no pipeline file" in stage.answer()
    assert str(stage.folder) not in stage.answer()


async def test_a_missing_file_in_a_private_repository_does_not_name_that_repository(stage: Stage) -> None:
    await stage.opens(PIPELINES=f"{EE}:release.yml")
    comment = await stage.says("/release 1.0.3")

    assert stage.reactions(comment) == TOLD
    assert "There is no pipeline file" in stage.answer()
    assert EE not in stage.answer()


# -- broken --------------------------------------------------------------------------------------------------


async def test_the_mistakes_of_a_broken_file_are_told_with_their_places(stage: Stage) -> None:
    stage.pipeline(BROKEN)
    await stage.opens()
    comment = await stage.says("/release 1.0.3", by="walt")

    assert stage.reactions(comment) == TOLD
    assert f"{PIPELINE_FILE}:4:34: " in stage.answer()
    assert "did you mean `dispatch`?" in stage.answer()
    assert f"{PIPELINE_FILE}:5:23: " in stage.answer()
    assert "did you mean `build`?" in stage.answer()
    assert stage.dispatches() == []


async def test_the_mistakes_of_a_file_in_a_private_repository_are_told_by_their_place_only(
    stage: Stage,
) -> None:
    stage.pipeline(BROKEN, stage.ee, path="secret/plans.yml")
    await stage.opens(PIPELINES=f"{EE}:secret/plans.yml")
    comment = await stage.says("/release 1.0.3")

    assert stage.reactions(comment) == TOLD
    assert "line 4, column 34" in stage.answer()
    assert "line 5, column 23" in stage.answer()
    for secret in (EE, "dispach", "biuld", "plans.yml"):
        assert secret not in stage.answer()


async def test_of_a_broken_file_nobody_without_write_hears(stage: Stage) -> None:
    stage.pipeline(BROKEN)
    await stage.opens()
    comment = await stage.says("/release 1.0.3", by="stranger")

    assert stage.reactions(comment) == []
    assert stage.said() == []


async def test_a_file_that_was_mended_is_good_for_the_next_command(stage: Stage) -> None:
    stage.pipeline(BROKEN)
    await stage.opens()
    await stage.says("/release 1.0.3")
    stage.pipeline(ONE_STEP)
    comment = await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert stage.reactions(comment) == DONE


async def test_a_file_that_github_cannot_hand_out_now_is_no_missing_file(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    stage.world.trouble.answers("GET", "/contents/", 502, "Server Error", times=None)
    comment = await stage.says("/release 1.0.3")
    await stage.passes(minutes=1)

    assert stage.reactions(comment) == TOLD
    assert "There is no pipeline file" not in stage.answer()
    assert stage.answer().startswith("`/release 1.0.3` (09:00 UTC) was not carried out: ")
    assert stage.dispatches() == []


async def test_while_the_file_cannot_be_read_who_has_only_triage_is_told_too(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    stage.world.give_role("maya", "triage", stage.oss)
    stage.world.trouble.answers("GET", "/contents/", 502, "Server Error", times=None)
    comment = await stage.says("/release 1.0.3")
    await stage.passes(minutes=1)

    assert stage.reactions(comment) == TOLD
    assert stage.answer().startswith("`/release 1.0.3` (09:00 UTC) was not carried out: ")


async def test_where_there_is_no_file_who_has_only_triage_is_met_with_silence(stage: Stage) -> None:
    becomes(stage, None)
    await stage.opens()
    stage.world.give_role("maya", "triage", stage.oss)
    comment = await stage.says("/release 1.0.3")
    await stage.passes(minutes=1)

    assert stage.reactions(comment) == []


@pytest.mark.parametrize(
    ("unreadable", "why"),
    [
        ("# a comment\n" * 100_000, "it is larger than 1 MiB"),
        ("name: \udcff", "it is not text in UTF-8"),
    ],
    ids=["too large", "no text"],
)
async def test_a_file_that_is_there_and_cannot_be_read_is_a_mistake_with_a_place(
    stage: Stage, unreadable: str, why: str
) -> None:
    stage.pipeline(unreadable)
    await stage.opens()
    comment = await stage.says("/release 1.0.3")

    assert stage.reactions(comment) == TOLD
    assert f"{PIPELINE_FILE}:1:1: {why}" in stage.answer()


async def test_of_a_local_file_that_cannot_be_read_no_path_of_the_machine_is_told(stage: Stage) -> None:
    (stage.folder / "plans").mkdir()
    await stage.opens(PIPELINES="plans")
    await stage.says("/release 1.0.3")

    assert "plans:1:1: the file cannot be read: Is a directory" in stage.answer()
    assert str(stage.folder) not in stage.answer()


async def test_a_mistake_in_a_local_file_is_told_in_public_by_its_place_only(stage: Stage) -> None:
    (stage.folder / "plans.yml").write_text(BROKEN)
    await stage.opens(PIPELINES="plans.yml")
    comment = await stage.says("/release 1.0.3")

    assert stage.reactions(comment) == TOLD
    assert "line 4, column 34" in stage.answer()
    for secret in ("dispach", "biuld"):
        assert secret not in stage.answer()


async def test_a_mistake_in_a_local_file_is_told_in_full_where_everything_is_private(stage: Stage) -> None:
    stage.oss.visibility = "private"
    (stage.folder / "plans.yml").write_text(BROKEN)
    await stage.opens(PIPELINES="plans.yml")
    await stage.says("/release 1.0.3")

    assert "plans.yml:4:34: " in stage.answer()
    assert "did you mean `dispatch`?" in stage.answer()


ODD_FOR_SUFFIXES = """\
pipelines:
  release:
    steps:
      build: {dispatch: build.yml, inputs: {version: "{{ (version | replace('.', '')) | int }}"}}
"""


async def test_a_version_that_a_template_cannot_take_is_refused_with_what_is_wrong(stage: Stage) -> None:
    stage.pipeline(ODD_FOR_SUFFIXES)
    await stage.opens()
    comment = await stage.says("/release 1.0.3-rc1")
    await stage.passes(minutes=1)
    assert stage.reactions(comment) == TOLD
    assert "`int` works on digits" in stage.answer()
    assert stage.dispatches() == []

    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    assert stage.run(stage.oss, "build.yml").inputs == {"version": "103"}


async def test_what_a_template_of_a_private_file_cannot_take_is_not_quoted_in_public(stage: Stage) -> None:
    stage.pipeline(ODD_FOR_SUFFIXES, stage.ee, path="secret/plans.yml")
    await stage.opens(PIPELINES=f"{EE}:secret/plans.yml")
    comment = await stage.says("/release 1.0.3-rc1")

    assert stage.reactions(comment) == TOLD
    for secret in (EE, "replace", "plans.yml"):
        assert secret not in stage.answer()


@pytest.mark.parametrize("command", ["1.0.3-rc1", "1.0.3-rc1 --dry-run"])
async def test_what_a_template_of_a_local_file_cannot_take_is_not_quoted_in_public(
    stage: Stage, command: str
) -> None:
    (stage.folder / "plans.yml").write_text(ODD_FOR_SUFFIXES)
    await stage.opens(PIPELINES="plans.yml")
    comment = await stage.says(f"/release {command}")

    assert stage.reactions(comment) == TOLD
    assert "pipeline file: it has a text that cannot be used for this version" in stage.answer()
    assert "replace" not in stage.answer()


async def test_where_the_settings_name_a_file_the_repositorys_own_is_not_read(stage: Stage) -> None:
    stage.pipeline(BROKEN)
    stage.pipeline(ONE_STEP, stage.ee, path="release.yml")
    await stage.opens(PIPELINES=f"{EE}:release.yml")
    comment = await stage.says("/release 1.0.3")

    assert stage.reactions(comment) == DONE


# -- while a release is open ---------------------------------------------------------------------------------

FILES = {"missing": None, "broken": BROKEN, "not YAML": "pipelines: [", "of another pipeline": OTHER_NAME}


def becomes(stage: Stage, text: str | None) -> None:
    if text is None:
        del stage.oss.files[PIPELINE_FILE]
    else:
        stage.pipeline(text)


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
async def test_an_open_release_is_steered_by_its_frozen_plan_whatever_became_of_the_file(
    stage: Stage, text: str | None
) -> None:
    await running(stage)
    becomes(stage, text)
    status = await stage.says("/release status")
    pause = await stage.says("/release pause")
    await stage.until(lambda: stage.state() == "paused")
    resume = await stage.says("/release resume 1.0.3")
    stage.run(stage.oss, "build.yml").finish()
    await stage.until(lambda: stage.state() == "released")

    assert [stage.reactions(comment) for comment in (status, pause, resume)] == [DONE, DONE, DONE]


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
async def test_while_the_file_is_unusable_only_starting_is_refused(stage: Stage, text: str | None) -> None:
    await running(stage)
    becomes(stage, text)
    comment = await stage.says("/release 1.0.4")
    await stage.passes(minutes=1)

    assert stage.reactions(comment) == TOLD
    assert [status.version for status in stage.statuses()] == ["1.0.3"]
    assert stage.state() == "running"
    assert len(stage.dispatches()) == 1


async def test_while_the_file_cannot_be_read_a_line_that_may_be_nobodys_holds_no_command_up(
    stage: Stage,
) -> None:
    await running(stage)
    stage.world.trouble.answers("GET", "/contents/", 500, times=None)
    for _ in range(3):
        stage.world.hand("mallory").comments(stage.issue, "/foo")
    await stage.passes(seconds=5)
    pause = await stage.says("/release pause 1.0.3")
    await stage.passes(seconds=1)
    assert stage.reactions(pause) == ["eyes"]

    await stage.passes(minutes=1)
    assert stage.reactions(pause) == DONE
    assert stage.state() == "paused"


async def test_commands_by_a_name_of_the_file_wait_for_it_in_their_order(stage: Stage) -> None:
    stage.pipeline(OTHER_NAME)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    stage.world.trouble.answers("GET", "/contents/", 500, times=None)
    stage.world.hand("mallory").comments(stage.issue, "/foo")
    given = [await stage.says(f"/hotfix {words}") for words in ("1.0.3", "pause", "status")]
    await stage.passes(minutes=2)
    assert [stage.reactions(comment) for comment in given] == [[], [], []]

    stage.world.trouble.ends()
    await stage.passes(minutes=1)
    assert [stage.reactions(comment) for comment in given] == [DONE, DONE, DONE]
    assert stage.state() == "paused"


async def test_a_slip_of_the_pen_is_explained_although_the_file_is_gone(stage: Stage) -> None:
    await running(stage)
    becomes(stage, None)
    comment = await stage.says("/release puase")

    assert stage.reactions(comment) == TOLD
    assert "Did you mean `/release pause`?" in stage.answer()


async def test_the_role_of_the_frozen_plan_counts_and_not_that_of_the_changed_file(stage: Stage) -> None:
    await running(stage)
    stage.pipeline(ONE_STEP.replace("steps:", "permission: write\n    steps:"))
    comment = await stage.says("/release cancel", by="walt")

    assert stage.reactions(comment) == TOLD
    assert "`maintain`" in stage.answer()
    assert stage.state() == "running"


async def test_a_finished_release_still_has_a_status_when_the_file_is_gone(stage: Stage) -> None:
    await running(stage)
    stage.run(stage.oss, "build.yml").finish()
    await stage.until(lambda: stage.state() == "released")
    becomes(stage, None)
    comment = await stage.says("/release status 1.0.3")

    assert stage.reactions(comment) == DONE
    assert "**release 1.0.3: released.**" in stage.answer()


async def test_two_pipelines_in_one_file_have_each_their_command_and_their_help(stage: Stage) -> None:
    steps = ONE_STEP.split("  release:\n")[1]
    stage.pipeline(f"pipelines:\n  release:\n{steps}  hotfix:\n    permission: admin\n{steps}")
    await stage.opens()
    await stage.says("/hotfix help")
    assert "**release**" in stage.answer()
    assert "**hotfix**" in stage.answer()
    assert "`admin`" in stage.answer()

    refused = await stage.says("/hotfix 1.0.3")
    started = await stage.says("/hotfix 1.0.3", by="ada")
    await stage.until(lambda: stage.state() == "released")
    assert stage.reactions(refused) == TOLD
    assert stage.reactions(started) == DONE
    assert stage.status().pipeline == "hotfix"
