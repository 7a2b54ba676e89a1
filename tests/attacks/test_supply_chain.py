"""What the bot itself is made of and fed with - files of others, libraries, statements - and how it is stopped."""

import ast
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.plan import DispatchStep
from bot.engine.triggers import trigger_problems
from bot.pipeline.load import MOST_BYTES, BadPipelineFile, load
from tests.attacks.forging import versions_sent, writes_unheard
from tests.scenarios.stage import ONE_STEP, OSS, PIPELINE_FILE, TWO_EDITIONS, Stage
from tests.test_layers import MODULES

OFTEN = settings(max_examples=150)
STEP = DispatchStep("build", (), OSS, "build.yml", "develop", inputs=(("version", "1.0.3"),))
GOOD = "on:\n  workflow_dispatch:\n    inputs:\n      version: {required: true}\n"

# -- files ---------------------------------------------------------------------------------------------------

EVIL_FILES = {
    "a Python object": "pipelines: !!python/object/apply:os.system ['touch owned']\n",
    "a Python name": "pipelines: !!python/name:os.system\n",
    "a tag": "pipelines: !secret x\n",
    "a merge": "a: &a {x: y}\npipelines:\n  <<: *a\n",
    "an include": "pipelines: !include /etc/passwd\n",
    "an unknown key": "pipelines: {}\nenv: {A: b}\n",
    "more than a mebibyte": "# x\n" * (MOST_BYTES // 4 + 1) + ONE_STEP,
}


@pytest.mark.parametrize("text", EVIL_FILES.values(), ids=EVIL_FILES)
def test_attack_47_a_pipeline_file_that_wants_more_than_to_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadPipelineFile):
        load(text, "f.yml")


@pytest.mark.parametrize(
    "written", ["${HOME}", "$HOME", "%PATH%", "~/x", "{{ env }}", "{{ HOME }}", "${{ secrets.A }}"]
)
async def test_attack_47_nothing_of_the_environment_is_filled_into_a_pipeline(
    stage: Stage, written: str
) -> None:
    stage.pipeline(ONE_STEP.replace('"{{ version }}"', f"'{written}'"))
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.passes(seconds=30)

    assert versions_sent(stage) in (set(), {written})
    assert "{{" not in written or versions_sent(stage) == set()


ODD_WORKFLOWS = {
    "a number": "on: 5",
    "a list of numbers": "on: [1, 2]",
    "inputs that are a list": "on: {workflow_dispatch: {inputs: [a]}}",
    "inputs that are text": "on: {workflow_dispatch: {inputs: a}}",
    "a day that never was": "on: 2001-99-99",
    "brackets": "[" * 3_000,
    "braces": "{" * 3_000,
    "dashes": "- " * 3_000,
    "an anchor that holds itself": "on: &a [*a]",
    "a long line": f"a: {'x' * 900_000}\n{GOOD}",
    "a long text": "a: |\n" + "  xxxx\n" * 140_000 + GOOD,
    "many keys": "".join(f"k{number}: [a, b]\n" for number in range(45_000)) + GOOD,
    "a Python object": "on: !!python/object/apply:os.system ['touch owned']",
    "nothing": "",
    "a digit too many": f"on: {'9' * 5_000}",
    "control characters": "on: \x00",
}


@pytest.mark.parametrize("text", ODD_WORKFLOWS.values(), ids=ODD_WORKFLOWS)
@OFTEN
@given(again=st.none())
def test_attack_47_a_workflow_file_however_odd_is_a_problem_and_told_soon(text: str, again: None) -> None:
    assert len(trigger_problems(text, STEP)) == 1


@OFTEN
@given(
    st.text()
    | st.lists(st.sampled_from([*"{}[]:,-?&*!|>\n 'a5\"", "on", ": ", "\n  ", "workflow_dispatch"])).map(
        "".join
    )
)
def test_attack_47_any_workflow_file_is_good_or_a_list_of_problems(text: str) -> None:
    assert all(problem.startswith("`build.yml` ") for problem in trigger_problems(text, STEP))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD, []),
        (GOOD + "jobs: {a: {steps: []}}\n", []),
        (GOOD + "env:\n" + "".join(f"  k{number}: v\n" for number in range(9_000)), []),
        (GOOD + f"a: {'x' * 20_000}\n", []),
        ("on: [push, workflow_dispatch]", ["`build.yml` has no input `version`"]),
        ("on: workflow_dispatch", ["`build.yml` has no input `version`"]),
        ("x: &x {workflow_dispatch: {inputs: {version: {}}}}\non: *x\n", []),
        (GOOD + "      channel: {required: true}\n", ["`build.yml` requires the input `channel`"]),
        (GOOD + "      channel: {required: true, default: a}\n", []),
        (GOOD + "jobs: [\n", ["`build.yml` is not valid YAML"]),
        ("on: push", ["`build.yml` lacks the `workflow_dispatch` trigger"]),
    ],
)
def test_what_a_workflow_file_says_against_its_dispatch(text: str, said: list[str]) -> None:
    assert trigger_problems(text, STEP) == said


async def test_attack_47_an_odd_workflow_file_refuses_the_version_and_holds_up_nobody(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.files["develop:.github/workflows/build.yml"] = (
        "on: {workflow_dispatch: {inputs: [" + "[" * 3_000
    )
    await stage.opens()
    comment = await stage.says("/release 1.0.3")
    await stage.passes(seconds=30)

    assert stage.reactions(comment) == ["eyes", "confused"]
    assert "`build.yml`" in stage.answer()
    assert stage.dispatches() == []


async def test_attack_48_only_the_file_of_the_default_branch_counts(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    for ref in ("refs/pull/9/head", "refs/pull/9/merge", "pull/9/head", "feature", "main", "v1.0.3"):
        stage.oss.files[f"{ref}:{PIPELINE_FILE}"] = ONE_STEP.replace("build.yml", "release-docker.yml")
    pull_request = stage.world.add_issue(stage.oss, 9, by="mallory", pull_request=True)
    await stage.opens()
    await stage.says("/release 1.0.3", issue=pull_request)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert stage.dispatches() == ["widget/build.yml@develop"]
    asked = stage.world.ledger.matching("GET", rf"/contents/{re.escape(PIPELINE_FILE)}$")
    assert asked
    assert {entry.query.get("ref") for entry in asked} == {None}


# -- libraries and statements --------------------------------------------------------------------------------

OTHER_CLIENTS = {
    "requests",
    "aiohttp",
    "urllib3",
    "httpcore",
    "http.client",
    "urllib.request",
    "ftplib",
    "websockets",
}


def test_attack_51_no_other_way_to_speak_http_slips_in() -> None:
    """`httpx` itself has one place (tests/test_layers.py); a client that repeats requests by itself has none."""
    strays = [
        f"{module.name} imports {name}"
        for module in MODULES
        for name in module.imports
        if name in OTHER_CLIENTS or name.split(".")[0] in OTHER_CLIENTS
    ]

    assert strays == []


MADE_OF = {"_COLUMNS", "mark", "marks", "row", "rows"}
"""What texts of statements are put together from: the names of columns, and marks for values."""


def _statements(tree: ast.Module) -> list[ast.JoinedStr]:
    made = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    return [
        node
        for node in made
        if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|LOCK)\b", _text(node))
    ]


def _text(node: ast.JoinedStr) -> str:
    return "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))


def test_attack_52_no_value_stands_in_the_text_of_a_statement() -> None:
    strays = [
        f"{module.name}:{statement.lineno}: {name.id}"
        for module in MODULES
        if module.name.startswith("bot.store")
        for statement in _statements(module.tree)
        for name in ast.walk(statement)
        if isinstance(name, ast.Name) and name.id not in MADE_OF
    ]

    assert strays == []


BOBBY = "'; DROP TABLE releases; --"


async def test_attack_52_statements_in_texts_stay_texts(stage: Stage) -> None:
    stage.pipeline(ONE_STEP.replace("steps:", f'about: "{BOBBY}"\n    steps:'))
    build = stage.oss.workflows["build.yml"]
    build.run_name = BOBBY
    build.on_run().jobs(BOBBY)
    build.on_run(attempts=2).job(BOBBY).fails(log=f"{BOBBY}\nsyntax error")
    await stage.opens()
    await stage.says(f"/release {BOBBY}")
    bobby = stage.world.account("robert'); drop table students;--")
    writes_unheard(stage, "/release status", by=bobby)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")
    assert BOBBY in stage.status().body
    await stage.bot_restarts()
    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released")


# -- stopping it ---------------------------------------------------------------------------------------------


async def _many_releases_under_way(stage: Stage) -> None:
    stage.pipeline(TWO_EDITIONS)
    await stage.opens()
    await stage.says("/release " + " ".join(f"1.0.{number}" for number in range(3)))
    await stage.until(lambda: len(stage.dispatches()) >= 2)


async def test_attack_53_suspending_the_app_on_github_stops_every_send_within_a_second(stage: Stage) -> None:
    await _many_releases_under_way(stage)
    acme = stage.world.installation("acme")
    stage.world.hand("ada").suspends(acme)
    await stage.passes(seconds=1)
    sent = len([entry for entry in stage.world.ledger.dispatches if entry.effect])
    await stage.passes(minutes=30)
    assert len([entry for entry in stage.world.ledger.dispatches if entry.effect]) == sent

    stage.world.hand("ada").unsuspends(acme)
    await stage.until(lambda: {status.state for status in stage.statuses()} == {"released"})
    assert len([entry for entry in stage.world.ledger.dispatches if entry.effect]) == 12


async def test_attack_53_a_pause_holds_back_every_send_but_those_under_way_for_ten_seconds(
    stage: Stage,
) -> None:
    await _many_releases_under_way(stage)
    for number in range(3):
        stage.world.hand("ada").comments(stage.issue, f"/release pause 1.0.{number}")
    await stage.passes(seconds=11)
    sent = len(stage.dispatches())
    await stage.passes(minutes=30)

    assert len(stage.dispatches()) == sent
    assert {status.state for status in stage.statuses()} == {"paused"}


async def test_attack_53_a_process_that_is_stopped_sends_nothing_more(stage: Stage) -> None:
    await _many_releases_under_way(stage)
    await stage.closes()
    stage.world.hook.post.loses()
    asked = len(stage.world.ledger)
    await stage.passes(hours=1)

    assert len(stage.world.ledger) == asked
