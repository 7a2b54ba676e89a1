"""What a good pipeline file means: pipelines to be listed and found, and the plan of a release."""

from pathlib import Path

import pytest

from bot.core.plan import ApprovalStep, DispatchStep, Plan, Retry, RunStep, WatchStep
from bot.core.versions import Version
from bot.pipeline.load import load
from bot.pipeline.plans import Pipelines, make_plan
from bot.pipeline.template import BadTemplate

CONTRACT = (Path(__file__).parent / "files" / "contract.yml").read_text(encoding="utf-8")
STEPS = "pipelines:\n  release:\n    steps:\n"


def read(text: str) -> Pipelines:
    return load(text, "f.yml")


def plan_of(text: str, version: str = "1.0.3", home: str = "acme/home") -> Plan:
    pipeline = read(text).find("release")
    assert pipeline is not None
    return make_plan(pipeline, Version.parse(version), home=home, file_repo=None)


def plan_of_step(text: str, version: str = "1.0.3") -> Plan:
    return plan_of(f"{STEPS}      build: {text}\n", version)


def run_step(text: str) -> RunStep:
    (step,) = plan_of_step(text).run_steps
    return step


def inputs_of(step: object) -> dict[str, str]:
    assert isinstance(step, DispatchStep)
    return dict(step.inputs)


def test_the_example_of_the_contract_makes_its_plan() -> None:
    pipeline = read(CONTRACT).find("release")
    assert pipeline is not None
    retry = Retry(transient=3, flaky=2, unknown=1, broken=0, wait=30.0)

    plan = make_plan(pipeline, Version.parse("1.0.3"), home="acme/widget", file_repo="acme/releases")

    def start(name: str, repo: str) -> DispatchStep:
        return DispatchStep(
            name,
            (),
            repo,
            "global-start-release.yml",
            "develop",
            inputs=(("releaseVersion", "1.0.3"),),
            unless_tag="v1.0.3",
            version_tag=("v", ""),
        )

    def watch(name: str, need: str, repo: str) -> WatchStep:
        return WatchStep(name, (need,), repo, "pre-release.yml", "v1.0.3", "push", 900.0, 21_600.0, retry)

    def images(name: str, repo: str) -> DispatchStep:
        return DispatchStep(name, ("go",), repo, "release-docker.yml", "v1.0.3", version_tag=("v", ""))

    assert plan == Plan(
        pipeline="release",
        version="1.0.3",
        about="Micro release of both editions, then their images",
        permission="maintain",
        group="1.0",
        steps=(
            start("oss-start", "acme/widget"),
            watch("oss", "oss-start", "acme/widget"),
            start("ee-start", "acme/widget-ee"),
            watch("ee", "ee-start", "acme/widget-ee"),
            ApprovalStep("go", ("oss", "ee"), "Publish the images?"),
            images("oss-docker", "acme/widget"),
            images("ee-docker", "acme/widget-ee"),
        ),
        home="acme/widget",
        file_repo="acme/releases",
    )


def test_help_can_tell_what_a_pipeline_is() -> None:
    pipelines = read(CONTRACT)
    pipeline = pipelines.find("RELEASE")
    assert pipeline is not None

    assert pipelines.names == ("release",)
    assert list(pipelines) == [pipeline]
    assert (pipeline.name, pipeline.permission) == ("release", "maintain")
    assert pipeline.about == "Micro release of both editions, then their images"
    assert pipeline.repositories("Acme/Widget") == ("Acme/Widget", "acme/widget-ee")
    assert [(step.name, step.kind) for step in pipeline.steps][3:6] == [
        ("ee", "watch"),
        ("go", "approval"),
        ("oss-docker", "dispatch"),
    ]


def test_an_unknown_pipeline_is_not_found() -> None:
    assert read(CONTRACT).find("relase") is None


def test_a_step_without_settings_gets_the_defaults_of_the_contract() -> None:
    plan = plan_of_step("{dispatch: build.yml}")

    assert plan.steps == (DispatchStep("build", (), "acme/home", "build.yml", ref=""),)
    assert (plan.permission, plan.group, plan.about) == ("maintain", "1.0.3", "")
    assert run_step("{watch: build.yml, ref: main}") == WatchStep(
        "build", (), "acme/home", "build.yml", "main", event="push", appears_within=900.0, timeout=21_600.0
    )


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("true", "true"),
        ("1.10", "1.10"),
        ("007", "007"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("1e3", "1e3"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-11-21", "2026-11-21"),
        (".inf", ".inf"),
        ("null", "null"),
        ("~", "~"),
        ("", ""),
        ("''", ""),
        ("' a '", " a "),
        ('"a\\nb"', "a\nb"),
        ('\'{"a": {"b": 1}}\'', '{"a": {"b": 1}}'),
        ("&a 1.10", "1.10"),
    ],
)
def test_an_input_is_sent_as_it_is_written(written: str, sent: str) -> None:
    plan = plan_of_step(f"\n        dispatch: build.yml\n        inputs:\n          value: {written}")

    assert inputs_of(plan.step("build")) == {"value": sent}


def test_the_version_1_1_of_yaml_changes_no_text() -> None:
    text = "%YAML 1.1\n---\n" + STEPS + "      build: {dispatch: build.yml, inputs: {a: yes, b: 0777}}\n"

    assert inputs_of(plan_of(text).step("build")) == {"a": "yes", "b": "0777"}


def test_an_alias_stands_for_what_its_anchor_holds() -> None:
    text = STEPS + "      a: {dispatch: a.yml, retry: &r {flaky: 5}}\n      b: {dispatch: b.yml, retry: *r}\n"

    assert [step.retry.flaky for step in plan_of(text).run_steps] == [5, 5]


@pytest.mark.parametrize(
    ("written", "retry"),
    [
        ("2", Retry(transient=2, flaky=2, unknown=2, broken=2)),
        ("0", Retry(transient=0, flaky=0, unknown=0, broken=0)),
        ("{any: 4}", Retry(transient=4, flaky=4, unknown=4, broken=4)),
        ("{any: 4, broken: 0}", Retry(transient=4, flaky=4, unknown=4, broken=0)),
        ("{transient: 10, wait: 2m}", Retry(transient=10, wait=120.0)),
        ("{wait: 0s}", Retry(wait=0.0)),
        ("{}", Retry()),
    ],
)
def test_retry_fills_in_what_is_not_written(written: str, retry: Retry) -> None:
    assert run_step(f"{{dispatch: build.yml, retry: {written}}}").retry == retry


@pytest.mark.parametrize("written", ["a", "[a]"])
def test_needs_is_a_name_or_a_list(written: str) -> None:
    text = STEPS + f"      a: {{approval: a?}}\n      b: {{approval: b?, needs: {written}}}\n"

    assert plan_of(text).step("b").needs == ("a",)


@pytest.mark.parametrize(
    "written", ["build.yml", ".github/workflows/build.yml", "./.github/workflows/build.yml"]
)
def test_a_workflow_is_named_by_its_file_alone(written: str) -> None:
    assert run_step(f"{{dispatch: {written}}}").workflow == "build.yml"


def test_one_repository_has_one_spelling_in_a_plan() -> None:
    text = (
        STEPS
        + "      a: {repo: Acme/HOME, dispatch: a.yml}\n"
        + "      b: {repo: Acme/Other, dispatch: b.yml}\n"
        + "      c: {repo: acme/other, dispatch: c.yml}\n"
    )

    assert plan_of(text).repositories == ("acme/home", "Acme/Other")


def test_names_and_approvals_keep_their_letters() -> None:
    text = "pipelines:\n  Release:\n    steps:\n      Go: {approval: 'Publish {{ version }}?'}\n"

    plan = plan_of(text)

    assert plan.pipeline == "Release"
    assert plan.steps == (ApprovalStep("Go", (), "Publish 1.0.3?"),)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            "{dispatch: a.yml, ref: \"{{ 'main' if patch == '0' else '' }}\"}",
            "step `build`, `ref`: the name of the branch or tag is empty",
        ),
        (
            "{dispatch: a.yml, unless-tag: \"{{ 'v1' if patch == '0' else '' }}\"}",
            "step `build`, `unless-tag`: the name of the branch or tag is empty",
        ),
        (
            "{watch: a.yml, ref: \"{{ 'v1' if patch == '0' else 'a b' }}\"}",
            "step `build`, `ref`: `a b` cannot be the name of a branch or tag",
        ),
        (
            "{watch: a.yml, ref: \"{{ 'v1' if patch == '0' else 'a\\nb' }}\"}",
            "step `build`, `ref`: `a b` cannot be the name of a branch or tag",
        ),
    ],
)
def test_a_text_that_fails_for_this_version_only_names_its_step(written: str, message: str) -> None:
    plan_of_step(written, "1.1.0")

    with pytest.raises(BadTemplate) as bad:
        plan_of_step(written, "1.1.1")

    assert str(bad.value) == message


def test_an_empty_group_names_its_pipeline() -> None:
    text = (
        "pipelines:\n  release:\n    concurrency: \"{{ 'all' if patch == '0' else '' }}\"\n"
        "    steps: {build: {dispatch: build.yml}}\n"
    )

    with pytest.raises(BadTemplate, match="`concurrency` of `release`: the concurrency group is empty"):
        plan_of(text, "1.1.1")


def test_a_fixed_group_joins_all_versions() -> None:
    text = "pipelines:\n  release:\n    concurrency: all\n    steps: {build: {dispatch: build.yml}}\n"

    assert {plan_of(text, version).group for version in ("1.0.3", "2.0.0")} == {"all"}
