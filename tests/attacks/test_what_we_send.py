"""What reaches GitHub Actions: nothing that a person typed but a version, and no success but that of our own run."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.commands import Start
from bot.core.grammar import parse_comment
from bot.core.plan import DispatchStep
from bot.core.versions import Version
from bot.github.tokens import PERMISSIONS, Purpose
from bot.markdown import command_lines
from bot.pipeline.load import BadPipelineFile, load
from bot.pipeline.plans import make_plan
from bot.simulator.ledger import JsonObject
from bot.simulator.repositories import CheckRun
from bot.simulator.shapes_actions import run_shape, workflow_shape
from bot.simulator.shapes_issues import hook_check_run_shape
from bot.simulator.transport import SimulatorTransport
from bot.simulator.webhooks import Courier
from tests.attacks.forging import versions_sent
from tests.scenarios.stage import EE, ONE_CHAIN, ONE_STEP, Stage
from tests.scenarios.wire import Wire

EVIL = "https://evil.example"

# -- inputs, refs and paths ----------------------------------------------------------------------------------

EVERYWHERE = """\
pipelines:
  release:
    concurrency: "{{ series }}"
    steps:
      a:
        repo: acme/widget
        dispatch: build.yml
        ref: "release/{{ version }}"
        inputs: {version: "{{ version }}", major: "{{ major }}", text: "{{ minor ~ patch ~ series }}"}
        unless-tag: "v{{ version }}"
      b: {needs: a, repo: acme/widget, watch: build.yml, ref: "v{{ version }}"}
"""
PIPELINE = load(EVERYWHERE, "f.yml").pipelines[0]
SAFE = re.compile(r"[A-Za-z0-9./-]{1,200}")
PIECES = (
    *(
        "1",
        "0",
        ".",
        "-",
        "rc",
        "v",
        " ",
        "\t",
        "\n/release ",
        ";",
        "$(id)",
        "`",
        "${{ x }}",
        "{{ version }}",
    ),
    *("../", "--dry-run", "%0a", "\u200d", "\u202e", "１", "1.0.3", "'", '"', "|", "&", "<", "\x00"),
)
TYPED = st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@given(TYPED)
def test_attack_29_of_what_a_person_types_only_a_version_reaches_inputs_refs_and_tags(typed: str) -> None:
    command = parse_comment(command_lines(f"/release {typed}"), ["release"])
    if not isinstance(command, Start):
        return
    for text in command.versions:
        plan = make_plan(PIPELINE, Version.parse(text), home="acme/widget", file_repo=None)
        step = plan.step("a")
        assert isinstance(step, DispatchStep)
        sent = [plan.group, step.ref, step.unless_tag or "", *(value for _, value in step.inputs)]
        assert [value for value in sent if not SAFE.fullmatch(value) or ".." in value] == []


@pytest.mark.parametrize(
    "line",
    [
        "release-docker.yml",
        "redo release-docker.yml",
        "redo ../../release-docker.yml",
        "retry 1.0.3 release-docker",
        "skip build/../../x",
        "adopt build https://github.com/acme/widget/actions/runs/1/../../workflows/release-docker.yml",
        "adopt build https://evil.example/acme/widget/actions/runs/17000000001",
        "1.0.4 release-docker.yml",
        "1.0.4 ref=main",
    ],
)
async def test_attack_30_no_text_of_a_comment_chooses_a_workflow(stage: Stage, line: str) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    comment = await stage.says(f"/release {line}")
    await stage.passes(minutes=2)

    assert stage.reactions(comment)[-1] == "confused"
    assert stage.dispatches() == ["widget/build.yml@develop"]


@pytest.mark.parametrize("key", ["dispatch", "watch", "repo", "event", "nonce"])
def test_attack_30_what_becomes_part_of_an_address_is_no_template(key: str) -> None:
    kind = "" if key in {"dispatch", "watch"} else "watch: a.yml, ref: v1, "
    kind = "dispatch: a.yml, " if key == "nonce" else kind
    text = f"pipelines: {{release: {{steps: {{a: {{{kind}{key}: '{{{{ version }}}}.yml', needs: []}}}}}}}}"

    with pytest.raises(BadPipelineFile):
        load(text, "f.yml")


# -- tokens --------------------------------------------------------------------------------------------------


async def test_attack_32_a_right_that_an_owner_adds_is_in_no_token(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    stage.world.installation("acme").permissions |= {"contents": "write", "administration": "write"}
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    asked = {frozenset(token.permissions.items()) for token in stage.world.tokens.values()}
    assert asked <= {frozenset(PERMISSIONS[purpose].items()) for purpose in Purpose}
    assert not any(("contents", "write") in permissions for permissions in asked)


async def test_attack_33_the_token_that_writes_in_public_opens_nothing_in_private(stage: Stage) -> None:
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    stolen = [text for text, token in stage.world.tokens.items() if token.repositories == (stage.oss,)]
    assert any("issues" in stage.world.tokens[text].permissions for text in stolen)
    places = ("", "/issues/comments", "/actions/runs", "/contents/.github/release-bot.yml")
    async with httpx.AsyncClient(transport=SimulatorTransport(stage.world, stage.clock.sleep)) as thief:
        answers = [
            await thief.get(
                f"{stage.world.urls.api}/repos/{EE}{place}", headers={"authorization": f"token {text}"}
            )
            for text in stolen
            for place in places
        ]

    assert {answer.status_code for answer in answers} == {404}


# -- addresses that somebody else supplies -------------------------------------------------------------------


def _poisoned(body: bytes) -> bytes:
    """Every address in an answer or a delivery leads elsewhere."""
    return re.sub(rb"https://(?:api\.)?github\.com", EVIL.encode(), body)


class Poisoning(httpx.AsyncBaseTransport):
    """GitHub, whose answers name an attacker's host wherever they hold an address."""

    def __init__(self, line: httpx.AsyncBaseTransport) -> None:
        self._line = line

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._line.handle_async_request(request)
        await answer.aread()
        kept = {name: value for name, value in answer.headers.items() if name != "content-length"}
        if "link" in kept:
            kept["link"] = _poisoned(kept["link"].encode()).decode()
        return httpx.Response(answer.status_code, headers=kept, content=_poisoned(answer.content))


def _poison(stage: Stage) -> None:
    async def send(body: bytes, headers: dict[str, str]) -> int:
        evil = _poisoned(body)
        good = hmac.new(stage.world.webhook_secret.encode(), evil, hashlib.sha256).hexdigest()
        return await stage._post(evil, {**headers, "X-Hub-Signature-256": f"sha256={good}"})

    stage.courier = Courier(stage.world, send)
    stage.wire = Wire(Poisoning(SimulatorTransport(stage.world, stage.clock.sleep)))


async def test_attack_34_no_address_of_a_payload_or_an_answer_is_ever_asked_or_shown(stage: Stage) -> None:
    """Requests to a host that GitHub is not are noted by the simulator, and close no book."""
    _poison(stage)
    stage.pipeline(ONE_CHAIN)
    stage.oss.workflows["pre-release.yml"].on_run(attempts=1).job("build").fails(
        log="connection reset by peer"
    )
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert stage.world.unexpected == []
    assert [e.path for e in stage.world.ledger.writes if "evil" in json.dumps(e.body)] == []


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", r"/repos/acme/widget$"),
        ("GET", r"/contents/"),
        ("GET", r"/permission$"),
        ("GET", r"/actions/.*runs"),
        ("POST", r"/dispatches$"),
        ("POST", r"/access_tokens$"),
        ("POST", r"/issues/7/comments$"),
    ],
)
async def test_attack_34_a_redirect_to_another_host_is_never_followed(
    rough_stage: Stage, method: str, path: str, status: int
) -> None:
    stage = rough_stage  # a repository that moves away under a command is worth a line in the log
    stage.pipeline(ONE_STEP)
    await stage.opens()
    headers = {"location": f"{EVIL}/login"}
    fault = stage.world.trouble.answers(method, path, status, "Moved", headers=headers, times=None)
    await stage.says("/release 1.0.3")
    await stage.passes(minutes=3)

    assert fault.hits
    assert stage.world.unexpected == []
    assert len(stage.dispatches()) <= 1


async def test_attack_34_a_log_is_fetched_without_any_credential(stage: Stage) -> None:
    seen: list[httpx.Request] = []

    class Watching(SimulatorTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return await super().handle_async_request(request)

    stage.wire = Wire(Watching(stage.world, stage.clock.sleep))
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().job("build").fails(log="syntax error")
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")

    elsewhere = [request for request in seen if not str(request.url).startswith(stage.world.urls.api)]
    assert elsewhere
    assert {name for request in elsewhere for name in request.headers} & {"authorization", "cookie"} == set()


# -- successes that are none ---------------------------------------------------------------------------------


async def _running(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")


def _green_check(stage: Stage) -> None:
    """The token of a workflow can create a check run of any name."""
    ours = stage.checks("build")[-1]
    fake = CheckRun(
        stage.world.new_id("check_run"),
        stage.oss,
        stage.world.actions_app,
        ours.name,
        ours.head_sha,
        ours.suite_id,
        "completed",
        "success",
        ours.external_id,
    )
    stage.oss.check_runs[fake.id] = fake
    shape: JsonObject = {"check_run": hook_check_run_shape(stage.world, fake)}
    stage.world.hook.announce("check_run", "completed", shape, repository=stage.oss)


def _button_of_a_foreign_check(stage: Stage) -> None:
    ours = stage.checks("build")[-1]
    shape = {**hook_check_run_shape(stage.world, ours), "id": ours.id + 1_000_000}
    parts: JsonObject = {"check_run": shape, "requested_action": {"identifier": "skip"}}
    maya = stage.world.account("maya")
    stage.world.hook.announce("check_run", "requested_action", parts, repository=stage.oss, sender=maya)


def _delivery_that_says_success(stage: Stage) -> None:
    run = stage.run(stage.oss, "build.yml")
    over = {"status": "completed", "conclusion": "success"}
    parts: JsonObject = {
        "workflow_run": run_shape(stage.world, run, run.attempts[-1]) | over,
        "workflow": workflow_shape(stage.world, run.workflow),
    }
    stage.world.hook.announce("workflow_run", "completed", parts, repository=stage.oss)


def _green_run_of_another_workflow(stage: Stage) -> None:
    build = stage.oss.workflows["build.yml"]
    other = stage.world.add_workflow(
        stage.oss, "imitation.yml", run_name="build {version}", inputs=["version"]
    )
    other.name = build.name
    stage.world.hand("mallory").starts(other, "develop", version="1.0.3")


def _green_run_of_the_workflow_by_a_person(stage: Stage) -> None:
    build = stage.oss.workflows["build.yml"]
    build.rules.clear()
    stage.world.hand("mallory").starts(build, "develop", version="1.0.3")


@pytest.mark.parametrize(
    "pretends",
    [
        _green_check,
        _button_of_a_foreign_check,
        _delivery_that_says_success,
        _green_run_of_another_workflow,
        _green_run_of_the_workflow_by_a_person,
    ],
)
async def test_attack_35_a_step_passes_by_its_own_run_alone(
    stage: Stage, pretends: Callable[[Stage], None]
) -> None:
    await _running(stage)
    ours = stage.run(stage.oss, "build.yml")
    pretends(stage)
    await stage.passes(minutes=10)

    assert stage.step("build") == "running"
    ours.finish("failure")
    await stage.until(lambda: stage.step("build") != "running")
    assert stage.step("build") in {"retrying", "needs attention"}
    assert versions_sent(stage) == {"1.0.3"}
