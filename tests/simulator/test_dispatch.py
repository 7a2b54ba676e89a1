"""Dispatch: both API versions, and what GitHub refuses."""

import pytest

from bot.simulator.runs import Input
from bot.simulator.world import NEW_VERSION, OLD_VERSION, Urls

from .stage import Stage

PATH = "/repos/acme/widget/actions/workflows/start.yml/dispatches"
GOOD = {"ref": "develop", "inputs": {"releaseVersion": "1.0.3"}}


@pytest.mark.parametrize(
    ("version", "more", "status"),
    [
        (NEW_VERSION, {}, 200),
        (OLD_VERSION, {}, 204),
        (OLD_VERSION, {"return_run_details": True}, 200),
        (OLD_VERSION, {"return_run_details": False}, 204),
        (None, {}, 204),
    ],
)
async def test_the_answer_names_the_run_where_the_version_does(
    stage: Stage, version: str | None, more: dict[str, bool], status: int
) -> None:
    stage.version = version
    answer = await stage.ask("POST", PATH, {**GOOD, **more})
    assert answer.status_code == status
    assert (stage.start.run.id == answer.json()["workflow_run_id"]) if status == 200 else not answer.content


async def test_an_enterprise_server_refuses_the_new_version_and_the_new_key() -> None:
    stage = Stage(Urls(api="https://ghe.example/api/v3", web="https://ghe.example"))
    stage.world.api_versions, stage.world.knows_return_run_details = (OLD_VERSION,), False
    token = stage.jwt()
    new = await stage.get("/app", token=token)
    stage.version = OLD_VERSION
    refused = await stage.ask("POST", PATH, {**GOOD, "return_run_details": True})

    assert (new.status_code, "is not a supported API version" in new.json()["message"]) == (400, True)
    assert refused.status_code == 422
    assert stage.start.runs == []
    assert (await stage.ask("POST", PATH, GOOD)).status_code == 204
    assert stage.world.unexpected == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({**GOOD, "ref": "main"}, "No ref found for: main"),
        ({**GOOD, "inputs": {"version": "1"}}, 'Unexpected inputs provided: ["version"]'),
        ({"ref": "develop"}, "Required input 'releaseVersion' not provided"),
    ],
)
async def test_a_dispatch_that_cannot_run_is_refused(stage: Stage, body: object, message: str) -> None:
    answer = await stage.ask("POST", PATH, body)
    assert (answer.status_code, answer.json()["message"]) == (422, message)
    assert not stage.world.ledger.dispatches[-1].effect


async def test_a_commit_is_no_ref(stage: Stage) -> None:
    sha = stage.oss.branches["develop"]
    answer = await stage.ask("POST", PATH, {**GOOD, "ref": sha})
    assert answer.json()["message"] == f"No ref found for: {sha}"


async def test_a_disabled_workflow_and_one_without_trigger_are_refused(stage: Stage) -> None:
    stage.start.state = "disabled_manually"
    disabled = await stage.ask("POST", PATH, GOOD)
    stage.start.state = "active"
    stage.start.without_trigger.add("develop")
    triggerless = await stage.ask("POST", PATH, GOOD)

    assert (disabled.status_code, triggerless.status_code) == (422, 422)
    assert triggerless.json()["message"] == "Workflow does not have 'workflow_dispatch' trigger"


async def test_a_run_name_shows_the_inputs(stage: Stage) -> None:
    workflow = stage.world.add_workflow(
        stage.oss, "docker.yml", inputs={"nonce": Input()}, run_name="Docker {nonce}"
    )
    path = "/repos/acme/widget/actions/workflows/docker.yml/dispatches"
    await stage.ask("POST", path, {"ref": "develop", "inputs": {"nonce": "n-17"}})
    listed = (await stage.get("/repos/acme/widget/actions/workflows/docker.yml/runs")).json()
    assert listed["workflow_runs"][0]["display_title"] == "Docker n-17" == workflow.run.display_title


async def test_a_workflow_file_can_be_read_with_its_trigger_and_inputs(stage: Stage) -> None:
    path = "/repos/acme/widget/contents/.github/workflows/start.yml"
    text = (await stage.get(path, Accept="application/vnd.github.raw+json")).text
    assert "workflow_dispatch:\n    inputs:\n      releaseVersion:\n        required: true" in text
