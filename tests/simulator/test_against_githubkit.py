"""Every endpoint of the simulator, asked once on a lively stage, held against GitHub's own description."""

import pytest
from pydantic import ValidationError

from bot.simulator.ledger import Entry, JsonObject
from bot.simulator.repositories import Annotation
from bot.simulator.routing import ROUTES
from bot.simulator.world import NEW_VERSION, OLD_VERSION

from .oracle import ANSWERS, REQUESTS, check_answer, check_request
from .stage import Stage

P = "/repos/acme/widget"
APP_ONLY = ("/app", "/repos/acme/widget/installation", "/orgs/acme/installation", "/users/acme/installation")


async def _lively(stage: Stage) -> dict[str, object]:
    """Something of everything, and the numbers under which it is found."""
    stage.pre.on_run(attempts=1).job("build").fails(annotations=(Annotation("it broke"),))
    stage.pre.on_run(about="v2").waits_for_environment("prod", job="build")
    stage.start.on_run().waits_for_environment("prod", job="build")
    (failed,) = stage.maya.pushes_tag(stage.oss, "v1", annotated=True)
    (waiting,) = stage.maya.pushes_tag(stage.oss, "v2")
    (again,) = stage.maya.pushes_tag(stage.oss, "v3")
    comment = stage.maya.comments(stage.issue, "hello")
    await stage.pass_time(hours=1)
    stage.maya.approves(waiting)
    live = stage.maya.starts(stage.start, releaseVersion="9")
    tag = stage.oss.tags["v1"].annotation
    return {
        "run": failed.id,
        "waiting": waiting.id,
        "again": again.id,
        "again_job": again.attempt.jobs[0].id,
        "live": live.id,
        "job": failed.attempt.jobs[0].id,
        "check": failed.attempt.jobs[0].check_run.id,
        "suite": failed.suite_id,
        "comment": comment.id,
        "tag": tag.sha if tag else "",
        "delivery": stage.world.hook.log[0].id,
    }


def _asks() -> list[tuple[str, str, JsonObject | None]]:
    """Method, path and body, in an order in which each is possible."""
    check: JsonObject = {"name": "release 1 / oss", "status": "queued", "external_id": "r/oss"}
    output = {"title": "t", "summary": "s", "annotations": []}
    button = {"label": "Retry", "description": "Again", "identifier": "retry"}
    reads = [
        *("/app", "/app/installations", "/app/installations/7001", f"{P}/installation"),
        *("/orgs/acme/installation", "/users/acme/installation", "/app/hook/deliveries"),
        *("/app/hook/deliveries/{delivery}", "/installation/repositories", "/orgs/acme/repos"),
        *("/versions", "/meta", "/rate_limit", "/users/maya", P, f"{P}/collaborators/maya"),
        *(f"{P}/collaborators/maya/permission", f"{P}/git/ref/tags/v1", f"{P}/git/ref/heads/develop"),
        *(f"{P}/git/matching-refs/tags/v", f"{P}/git/tags/{{tag}}", f"{P}/commits", f"{P}/commits/v1"),
        *(f"{P}/branches", f"{P}/branches/develop", f"{P}/contents/.github/workflows/start.yml"),
        *(f"{P}/actions/workflows", f"{P}/actions/workflows/start.yml", f"{P}/actions/runs"),
        *(f"{P}/actions/workflows/start.yml/runs", f"{P}/actions/runs/{{run}}"),
        *(f"{P}/actions/runs/{{run}}/attempts/1", f"{P}/actions/runs/{{run}}/jobs?filter=all"),
        *(f"{P}/actions/runs/{{run}}/attempts/1/jobs", f"{P}/actions/runs/{{live}}/pending_deployments"),
        *(f"{P}/actions/runs/{{waiting}}/approvals", f"{P}/actions/jobs/{{job}}"),
        *(f"{P}/actions/jobs/{{job}}/logs", f"{P}/check-runs/{{check}}"),
        *(f"{P}/check-runs/{{check}}/annotations", f"{P}/commits/v1/check-runs", f"{P}/issues/7"),
        f"{P}/check-suites/{{suite}}/check-runs",
        *(f"{P}/issues/7/comments", f"{P}/issues/comments", f"{P}/issues/comments/{{comment}}"),
    ]
    made: list[tuple[str, str, JsonObject | None]] = [
        ("POST", "/app/installations/7001/access_tokens", {"permissions": {"actions": "write"}}),
        ("POST", "/app/hook/deliveries/{delivery}/attempts", None),
        (
            "POST",
            f"{P}/actions/workflows/start.yml/dispatches",
            {"ref": "develop", "inputs": {"releaseVersion": "1"}},
        ),
        ("POST", f"{P}/actions/runs/{{run}}/rerun-failed-jobs", {}),
        ("POST", f"{P}/actions/runs/{{again}}/rerun", None),
        ("POST", f"{P}/actions/jobs/{{waiting_job}}/rerun", None),
        ("POST", f"{P}/actions/runs/{{live}}/cancel", None),
        ("POST", f"{P}/actions/runs/{{live}}/force-cancel", None),
        ("POST", f"{P}/check-runs", {**check, "head_sha": "{sha}", "output": output}),
        ("PATCH", f"{P}/check-runs/{{made_check}}", {"conclusion": "action_required", "actions": [button]}),
        ("POST", f"{P}/issues/7/comments", {"body": "hello"}),
        ("PATCH", f"{P}/issues/comments/{{comment}}", {"body": "hello again"}),
        ("POST", f"{P}/issues/comments/{{comment}}/reactions", {"content": "eyes"}),
        ("GET", f"{P}/issues/comments/{{comment}}/reactions", None),
        ("DELETE", f"{P}/issues/comments/{{comment}}/reactions/{{reaction}}", None),
        ("DELETE", f"{P}/issues/comments/{{comment}}", None),
        ("DELETE", "/installation/token", None),
    ]
    return [("GET", path, None) for path in reads] + made


@pytest.fixture(params=[NEW_VERSION, OLD_VERSION])
async def entries(stage: Stage, request: pytest.FixtureRequest) -> list[Entry]:
    """The ledger after everything was asked once."""
    stage.version = request.param
    numbers = await _lively(stage)
    app, installation = stage.jwt(), await stage.token()
    for method, template, body in _asks():
        sha = stage.oss.branches["develop"]
        numbers["waiting_job"] = stage.pre.runs[1].attempt.jobs[0].id
        numbers["made_check"] = max(stage.oss.check_runs)
        reactions = stage.issue.comments[0].reactions
        numbers["reaction"] = reactions[0].id if reactions else 0
        given = {**body, "head_sha": sha} if body and "head_sha" in body else body
        if "waiting_job" in template:
            await stage.pass_time(seconds=600)
        path = template.format(**numbers)
        token = app if path.startswith(APP_ONLY) else installation
        if token is app:
            token = app = stage.jwt()
        await stage.ask(method, path, given, token=token)
    return stage.world.ledger


async def test_every_endpoint_answers_as_github_describes_it(entries: list[Entry]) -> None:
    wrong = [
        f"{entry.method} {entry.path}: {entry.status} {entry.answer}"
        for entry in entries
        if entry.status is None or entry.status >= 400
    ]
    assert wrong == []
    asked = {(entry.method, entry.template) for entry in entries}
    assert asked == {(route.method, route.template) for route in ROUTES} == set(ANSWERS)


async def test_every_body_that_was_sent_is_one_that_github_describes(entries: list[Entry]) -> None:
    sent = [entry for entry in entries if entry.body is not None and entry.template is not None]
    for entry in sent:
        check_request(entry.method, str(entry.template), entry.body)
    assert {(entry.method, entry.template) for entry in sent} <= set(REQUESTS)


def test_the_judge_is_strict() -> None:
    with pytest.raises(ValidationError):
        check_answer("GET", "/repos/{owner}/{repo}/issues/{issue_number}", 200, {"id": 1})
    with pytest.raises(ValidationError):
        check_request("POST", "/repos/{owner}/{repo}/check-runs", {"name": "no commit"})
