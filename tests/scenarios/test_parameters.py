"""Parameters: what is chosen with a command is checked before anything starts, and reaches every release of it."""

import pytest

from tests.scenarios.stage import OSS, Stage

CHOICES = f"""\
pipelines:
  release:
    parameters:
      java: {{values: [17, 21], default: 21}}
      edition: [community, full]
    steps:
      build:
        repo: {OSS}
        dispatch: build.yml
        ref: develop
        inputs: {{version: "{{{{ version }}}}", java: "{{{{ java }}}}", edition: "{{{{ edition }}}}"}}
"""
DONE, REFUSED = ["eyes", "rocket"], ["eyes", "confused"]


@pytest.fixture
async def choosing(stage: Stage) -> Stage:
    stage.world.add_workflow(stage.oss, "build.yml", inputs=["version", "java", "edition"])
    stage.pipeline(CHOICES)
    return await stage.opens()


async def test_what_is_chosen_reaches_the_workflow_and_the_rest_has_its_default(choosing: Stage) -> None:
    comment = await choosing.says("/release 1.0.3 edition=full")
    await choosing.until(lambda: choosing.state() == "released")

    assert choosing.reactions(comment) == DONE
    inputs = choosing.run(choosing.oss, "build.yml").inputs
    assert inputs == {"version": "1.0.3", "java": "21", "edition": "full"}


async def test_every_version_of_a_command_has_its_parameters_wherever_they_stand(choosing: Stage) -> None:
    await choosing.says("/release 1.0.3 JAVA=17 0.24.9 edition=Community")
    await choosing.until(lambda: choosing.state("1.0.3") == choosing.state("0.24.9") == "released")

    runs = choosing.workflow(choosing.oss, "build.yml").runs
    assert {run.inputs["version"]: (run.inputs["java"], run.inputs["edition"]) for run in runs} == {
        "1.0.3": ("17", "community"),
        "0.24.9": ("17", "community"),
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("edition=full java=11", "`java`"),
        ("edition=full jaav=17", "`jaav` is not a parameter of `release`"),
        ("java=17", "`edition`"),
        ("edition=full java=", "`java`"),
        ("edition=full edition=full", "given twice"),
    ],
)
async def test_a_parameter_that_does_not_fit_refuses_the_whole_command(
    choosing: Stage, given: str, told: str
) -> None:
    comment = await choosing.says(f"/release 1.0.3 0.24.9 {given}")
    await choosing.passes(minutes=2)

    assert choosing.reactions(comment) == REFUSED
    assert told in choosing.answer()
    assert "Nothing was done." in choosing.answer()
    assert choosing.statuses() == []
    assert choosing.dispatches() == []


async def test_a_pipeline_without_parameters_takes_none(stage: Stage) -> None:
    await stage.opens()
    comment = await stage.says("/release 1.0.3 java=21")

    assert stage.reactions(comment) == REFUSED
    assert "`release` has no parameters" in stage.answer()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("dry-run=1", "--dry-run"), ("dry_run=true", "--dry-run"), ("Continue=", "--continue")],
)
@pytest.mark.parametrize("kept", ["here", "in private"])
async def test_an_option_that_is_typed_like_a_parameter_is_understood_as_it_was_meant(
    stage: Stage, typed: str, meant: str, kept: str
) -> None:
    if kept == "in private":
        stage.pipeline(CHOICES, stage.world.add_repository("acme/ops", visibility="private"), path="all.yml")
        stage.oss.files.clear()
    await stage.opens(**({"PIPELINES": "acme/ops:all.yml"} if kept == "in private" else {}))
    comment = await stage.says(f"/release 1.0.3 {typed}")

    assert stage.reactions(comment) == REFUSED
    assert f"Did you mean `{meant}`?" in stage.answer()
    assert stage.statuses() == []


async def test_a_parameter_may_be_named_as_an_option(stage: Stage) -> None:
    stage.world.add_workflow(stage.oss, "build.yml", inputs=["version", "java", "edition"])
    stage.pipeline(CHOICES.replace("edition: [", "dry_run: [").replace("{{ edition }}", "{{ dry_run }}"))
    await stage.opens()
    await stage.says("/release 1.0.3 dry-run=full")
    assert "did you mean `dry_run`?" in stage.answer()

    await stage.says("/release 1.0.3 dry_run=full")
    await stage.until(lambda: stage.state() == "released")


async def test_a_dry_run_tells_what_is_chosen_for_each_version_defaults_too(choosing: Stage) -> None:
    await choosing.says("/release 1.0.3 0.24.9 edition=full --dry-run")

    assert "**release 1.0.3** would start with `java=21` and `edition=full`." in choosing.answer()
    assert "**release 0.24.9** would start with `java=21` and `edition=full`." in choosing.answer()


async def test_help_lists_the_parameters_with_an_example_that_is_a_command(choosing: Stage) -> None:
    await choosing.says("/release help")

    assert "- `java`: `17` or `21`; `21` unless given" in choosing.answer()
    assert "- `edition`: `community` or `full`; has to be given" in choosing.answer()
    assert "as in `/release 1.0.3 edition=community`:" in choosing.answer()
    for example in ("/release 1.0.3 edition=community", "/release 1.0.3 --dry-run edition=community"):
        assert f"| `{example}` |" in choosing.answer()


async def test_what_help_shows_can_be_typed_as_it_stands(choosing: Stage) -> None:
    await choosing.says("/release help")
    rows = [
        line
        for line in choosing.answer().splitlines()
        if line.startswith("| `/release VERSION [VERSION …] --dry")
    ]
    comment = await choosing.says(rows[0].rsplit("`", 2)[1])

    assert choosing.reactions(comment) == DONE


async def test_what_is_missing_is_told_as_the_whole_line_to_type(choosing: Stage) -> None:
    await choosing.says("/release 1.0.3 0.24.9 java=17 --dry-run")

    line = "/release 1.0.3 0.24.9 java=17 edition=community --dry-run"
    assert f"`community` or `full`, for example `{line}`. Nothing was done." in choosing.answer()
    comment = await choosing.says(line)
    assert choosing.reactions(comment) == DONE


@pytest.mark.parametrize(
    "command",
    [
        "1.0.3 edition=secret-one",
        "1.0.3 edition=nonsense",
        "1.0.3",
        "1.0.3 edition=secret-one --dry-run",
        "1.0.3 edition=nonsense --dry-run",
        "help",
    ],
)
async def test_of_a_file_in_a_private_repository_no_allowed_value_is_told_in_public(
    stage: Stage, command: str
) -> None:
    ops = stage.world.add_repository("acme/ops", visibility="private")
    stage.world.add_workflow(stage.oss, "build.yml", inputs=["version", "java", "edition"])
    stage.pipeline(
        CHOICES.replace("community", "secret-one").replace("full", "secret-two"), ops, path="all.yml"
    )
    stage.oss.files.clear()
    await stage.opens(PIPELINES="acme/ops:all.yml")
    comment = await stage.says(f"/release {command}")
    await stage.passes(minutes=2)

    everything = "\n".join(comment.body for comment in stage.world.comments_of_bot(stage.oss))
    assert "secret" not in everything
    refused = command in {"1.0.3", "1.0.3 edition=nonsense", "1.0.3 edition=nonsense --dry-run"}
    assert stage.reactions(comment) == (REFUSED if refused else DONE)


async def test_which_parameter_is_wrong_is_told_wherever_the_file_is_kept(stage: Stage) -> None:
    ops = stage.world.add_repository("acme/ops", visibility="private")
    stage.pipeline(CHOICES, ops, path="all.yml")
    stage.oss.files.clear()
    await stage.opens(PIPELINES="acme/ops:all.yml")
    await stage.says("/release 1.0.3 edition=nonsense java=17")

    assert "This does not fit the pipeline's parameters: `edition`" in stage.answer()
    assert "Nothing was done." in stage.answer()


async def test_the_way_to_go_on_with_a_version_keeps_what_was_chosen(stage: Stage) -> None:
    stage.world.add_workflow(stage.oss, "build.yml", inputs=["version", "java", "edition"])
    start = CHOICES.replace("ref: develop", 'ref: develop\n        unless-tag: "v{{ version }}"')
    stage.pipeline(start)
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    await stage.opens()
    await stage.says("/release 1.0.3 edition=full")

    assert "type `/release 1.0.3 edition=full --continue`" in stage.answer()


async def test_where_the_file_is_private_going_on_is_offered_with_the_parameters_as_before(
    stage: Stage,
) -> None:
    ops = stage.world.add_repository("acme/ops", visibility="private")
    stage.world.add_workflow(stage.oss, "build.yml", inputs=["version", "java", "edition"])
    images = f"      images: {{needs: build, repo: {OSS}, dispatch: release-docker.yml, ref: develop}}\n"
    start = CHOICES.replace("ref: develop", 'ref: develop\n        unless-tag: "v{{ version }}"')
    stage.pipeline(start + images, ops, path="all.yml")
    stage.oss.files.clear()
    stage.workflow(stage.oss, "release-docker.yml").on_run(runs=1).runs_until_told()
    await stage.opens(PIPELINES="acme/ops:all.yml")
    await stage.says("/release 1.0.3 edition=full")
    await stage.until(lambda: stage.step("images") == "running")
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.state() == "cancelled")
    await stage.passes(minutes=1)

    assert (
        "`/release 1.0.3 --continue`, with the same parameters as before, starts it again" in stage.answer()
    )
    assert "edition=full" not in stage.answer()
