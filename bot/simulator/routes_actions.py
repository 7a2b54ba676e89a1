"""REST: workflows and their dispatch."""

from __future__ import annotations

import json

from bot.simulator.call import PAGING, Answer, Call, HttpError, Permission, Routes, not_found, paged
from bot.simulator.runs import Workflow
from bot.simulator.shapes import repository_url, web_url
from bot.simulator.shapes_actions import workflow_shape

ROUTES = Routes()
READ, WRITE = Permission("actions"), Permission("actions", "write")
MOST_INPUTS = 25
WORKFLOWS = "/repos/{owner}/{repo}/actions/workflows"


@ROUTES.on("GET", WORKFLOWS, READ, query=PAGING)
def list_workflows(call: Call) -> Answer:
    shapes = [workflow_shape(call.world, each) for each in call.repository.workflows.values()]
    return paged(call, shapes, "workflows")


@ROUTES.on("GET", WORKFLOWS + "/{workflow_id}", READ)
def show_workflow(call: Call) -> Answer:
    return Answer(200, workflow_shape(call.world, asked_workflow(call)))


def asked_workflow(call: Call) -> Workflow:
    """By number or file name; HttpError 404 when there is none."""
    found = call.repository.workflow(call.params["workflow_id"])
    if found is None:
        raise not_found()
    return found


@ROUTES.on(
    "POST", WORKFLOWS + "/{workflow_id}/dispatches", WRITE, body=("ref", "inputs", "return_run_details")
)
def dispatch(call: Call) -> Answer:
    """https://docs.github.com/rest/actions/workflows#create-a-workflow-dispatch-event"""
    _check_details_key(call)
    workflow, ref = asked_workflow(call), call.text("ref")
    sha = call.repository.resolve(ref) if ref not in call.repository.commits else None
    if sha is None:
        raise HttpError(422, f"No ref found for: {ref}")
    name = ref.removeprefix("refs/").removeprefix("heads/").removeprefix("tags/")
    _check_startable(workflow, name)
    inputs = _inputs(call, workflow)
    run = call.world.actions.start(
        workflow, event="workflow_dispatch", ref=name, sha=sha, actor=call.world.bot, inputs=inputs
    )
    if call.version == "2022-11-28" and call.body.get("return_run_details") is not True:
        return Answer(204)
    url = f"{repository_url(call.world, call.repository)}/actions/runs/{run.id}"
    html_url = f"{web_url(call.world, call.repository)}/actions/runs/{run.id}"
    return Answer(200, {"workflow_run_id": run.id, "run_url": url, "html_url": html_url})


def _check_details_key(call: Call) -> None:
    """The key came in February 2026 and went in 2026-03-10; who does not know it refuses it."""
    if "return_run_details" not in call.body:
        return
    if not call.world.knows_return_run_details:
        raise HttpError(422, '"return_run_details" is not a permitted key.')
    if call.version != "2022-11-28":
        call.world.unexpected.append(f"dispatch: 'return_run_details' was sent under version {call.version}")
        raise HttpError(422, '"return_run_details" is not a permitted key.')


def _check_startable(workflow: Workflow, ref: str) -> None:
    if workflow.state == "deleted":
        raise not_found()
    if workflow.state != "active":
        raise HttpError(422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow")
    if not workflow.can_be_dispatched(ref):
        raise HttpError(422, "Workflow does not have 'workflow_dispatch' trigger")


def _inputs(call: Call, workflow: Workflow) -> dict[str, str]:
    given = call.body.get("inputs", {})
    if not isinstance(given, dict):
        raise HttpError(422, "Invalid request.\n\nFor 'properties/inputs', the value is not an object.")
    if len(given) > MOST_INPUTS:
        raise HttpError(422, f"Invalid request.\n\nNo more than {MOST_INPUTS} properties are allowed.")
    strange = [name for name in given if name not in workflow.inputs]
    if strange:
        raise HttpError(422, f"Unexpected inputs provided: {json.dumps(strange)}")
    for name, known in workflow.inputs.items():
        if known.required and known.default is None and name not in given:
            raise HttpError(422, f"Required input '{name}' not provided")
        if known.options and name in given and given[name] not in known.options:
            raise HttpError(
                422, f"Provided value '{given[name]}' for input '{name}' not in the list of allowed values"
            )
    return {name: str(value) for name, value in given.items()}
