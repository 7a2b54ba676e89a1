"""REST: check runs. A completed one cannot be reopened; a new one of its name takes its place."""

from __future__ import annotations

from datetime import datetime

from bot.simulator.call import PAGING, Answer, Call, HttpError, Permission, Routes, not_found, paged
from bot.simulator.check_limits import invalid, validate
from bot.simulator.ledger import JsonObject
from bot.simulator.repositories import Annotation, CheckAction, CheckRun
from bot.simulator.shapes_issues import annotation_shape, check_run_shape, hook_check_run_shape

ROUTES = Routes()
READ, WRITE = Permission("checks"), Permission("checks", "write")
CHECKS = "/repos/{owner}/{repo}/check-runs"
CHANGEABLE = (
    "name",
    "details_url",
    "external_id",
    "status",
    "started_at",
    "conclusion",
    "completed_at",
    "output",
    "actions",
)


@ROUTES.on("POST", CHECKS, WRITE, body=(*CHANGEABLE, "head_sha"))
def create_check_run(call: Call) -> Answer:
    name, sha = call.text("name"), call.text("head_sha")
    validate(call.body, creating=True)
    if sha not in call.repository.commits:
        raise HttpError(422, f"No commit found for SHA: {sha}")
    world = call.world
    suites = [each.suite_id for each in _standing(call, sha) if each.app is world.app]
    suite = suites[0] if suites else world.new_id("suite")
    check = CheckRun(world.new_id("check_run"), call.repository, world.app, name, sha, suite)
    check.started_at = world.now()
    _apply(call, check)
    call.repository.check_runs[check.id] = check
    _announce(call, check, "created")
    if check.status == "completed":
        _announce(call, check, "completed")
    return Answer(201, check_run_shape(world, check))


@ROUTES.on("PATCH", CHECKS + "/{check_run_id}", WRITE, body=CHANGEABLE)
def update_check_run(call: Call) -> Answer:
    check = _check_run(call)
    if check.app is not call.world.app:
        whose = "check run can only be modified by the GitHub App that created it."
        raise HttpError(403, f"Invalid app_id `{call.world.app.id}` - {whose}")
    validate(call.body, creating=False)
    before = check.status
    wanted = call.body.get("status", "completed" if "conclusion" in call.body else before)
    if before == "completed" and wanted != "completed":
        # A completed check run cannot go back; a new one of the same name takes its place.
        raise invalid("A completed check run cannot be reopened.")
    _apply(call, check)
    if before != "completed" and check.status == "completed":
        _announce(call, check, "completed")
    return Answer(200, check_run_shape(call.world, check))


@ROUTES.on("GET", CHECKS + "/{check_run_id}", READ)
def show_check_run(call: Call) -> Answer:
    return Answer(200, check_run_shape(call.world, _check_run(call)))


@ROUTES.on("GET", CHECKS + "/{check_run_id}/annotations", READ, query=PAGING)
def list_annotations(call: Call) -> Answer:
    check = _check_run(call)
    return paged(call, [annotation_shape(call.world, check, each) for each in check.annotations])


@ROUTES.on(
    "GET",
    "/repos/{owner}/{repo}/commits/{ref+}/check-runs",
    READ,
    query=(*PAGING, "check_name", "status", "filter", "app_id"),
)
def list_check_runs(call: Call) -> Answer:
    sha = call.repository.resolve(call.params["ref"])
    if sha is None:
        raise HttpError(422, f"No commit found for SHA: {call.params['ref']}")
    found = sorted(_standing(call, sha), key=lambda check: check.id, reverse=True)
    if call.query.get("filter", "latest") == "latest":
        newest: dict[tuple[int, str, int], CheckRun] = {}
        for check in found:
            newest.setdefault((check.app.id, check.name, check.suite_id), check)
        found = list(newest.values())
    wanted = {"check_name": "name", "status": "status"}
    for key, attribute in wanted.items():
        if key in call.query:
            found = [check for check in found if getattr(check, attribute) == call.query[key]]
    if "app_id" in call.query:
        found = [check for check in found if str(check.app.id) == call.query["app_id"]]
    return paged(call, [check_run_shape(call.world, check) for check in found], "check_runs")


@ROUTES.on(
    "GET",
    "/repos/{owner}/{repo}/check-suites/{check_suite_id}/check-runs",
    READ,
    query=(*PAGING, "check_name", "status", "filter"),
)
def list_check_runs_of_suite(call: Call) -> Answer:
    """The newest of each name. https://docs.github.com/rest/checks/runs#list-check-runs-in-a-check-suite"""
    suite = call.number("check_suite_id")
    found = {check.name: check for check in call.repository.check_runs.values() if check.suite_id == suite}
    if not found and all(run.suite_id != suite for run in call.repository.runs.values()):
        raise not_found()
    return paged(call, [check_run_shape(call.world, check) for check in found.values()], "check_runs")


def _standing(call: Call, sha: str) -> list[CheckRun]:
    return [check for check in call.repository.check_runs.values() if check.head_sha == sha]


def _check_run(call: Call) -> CheckRun:
    found = call.repository.check_runs.get(call.number("check_run_id"))
    if found is None:
        raise not_found()
    return found


def _announce(call: Call, check: CheckRun, action: str) -> None:
    parts: JsonObject = {"check_run": hook_check_run_shape(call.world, check)}
    hook = call.world.hook
    hook.announce("check_run", action, parts, repository=call.repository, sender=call.world.bot)


# -- taking over what was sent ---------------------------------------------------------------------------


def _apply(call: Call, check: CheckRun) -> None:
    body = call.body
    for key in ("name", "details_url", "external_id", "status"):
        if key in body:
            setattr(check, key, str(body[key]))
    if "conclusion" in body:
        check.conclusion, check.status = str(body["conclusion"]), "completed"
    if check.status == "completed" and check.completed_at is None:
        check.completed_at = call.world.now()
    for key in ("started_at", "completed_at"):
        if key in body:
            setattr(check, key, _moment(str(body[key])))
    output = body.get("output")
    if isinstance(output, dict):
        check.title, check.summary = output.get("title", check.title), output.get("summary", check.summary)
        check.text = output.get("text", check.text)
        check.annotations += [_annotation(each) for each in output.get("annotations", [])]
    actions = body.get("actions")
    if isinstance(actions, list):
        check.actions = [CheckAction(a["label"], a["description"], a["identifier"]) for a in actions]


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"{text} is not a valid date-time.") from None


def _annotation(shape: JsonObject) -> Annotation:
    line = shape.get("start_line")
    return Annotation(
        str(shape.get("message", "")), str(shape.get("path", "")), line if isinstance(line, int) else 1
    )
