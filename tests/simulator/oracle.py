"""GitHub's own description as a judge of the simulator: githubkit's generated models, version 2026-03-10.

Rule: an answer or a request body without an entry here is an error of the test, so nothing goes unjudged.
"""

from collections.abc import Iterable
from functools import cache
from typing import TypeAlias

import githubkit_schemas.v2026_03_10.models as github
from pydantic import TypeAdapter
from typing_extensions import TypeForm

from bot.simulator.ledger import Entry

Shape: TypeAlias = TypeForm[object]

PLACE = "/repos/{owner}/{repo}"
ACTIONS = PLACE + "/actions"
RUN = ACTIONS + "/runs/{run_id}"
JOB = ACTIONS + "/jobs/{job_id}"
COMMENT = PLACE + "/issues/comments/{comment_id}"
EMPTY: Shape = dict[str, object]

ANSWERS: dict[tuple[str, str], dict[int, Shape | None]] = {
    ("GET", "/app"): {200: github.Integration},
    ("GET", "/app/installations"): {200: list[github.Installation]},
    ("GET", "/app/installations/{installation_id}"): {200: github.Installation},
    ("POST", "/app/installations/{installation_id}/access_tokens"): {201: github.InstallationToken},
    ("GET", PLACE + "/installation"): {200: github.Installation},
    ("GET", "/orgs/{org}/installation"): {200: github.Installation},
    ("GET", "/users/{org}/installation"): {200: github.Installation},
    ("GET", "/installation/repositories"): {200: github.InstallationRepositoriesGetResponse200},
    ("DELETE", "/installation/token"): {204: None},
    ("GET", "/app/hook/deliveries"): {200: list[github.HookDeliveryItem]},
    ("GET", "/app/hook/deliveries/{delivery_id}"): {200: github.HookDelivery},
    ("POST", "/app/hook/deliveries/{delivery_id}/attempts"): {202: EMPTY},
    ("GET", "/versions"): {200: list[str]},
    ("GET", "/meta"): {200: github.ApiOverview},
    ("GET", "/rate_limit"): {200: github.RateLimitOverview},
    ("GET", "/users/{username}"): {200: github.PublicUser},
    ("GET", "/orgs/{org}/repos"): {200: list[github.MinimalRepository]},
    ("GET", PLACE): {200: github.FullRepository},
    ("GET", PLACE + "/collaborators/{username}"): {204: None},
    ("GET", PLACE + "/collaborators/{username}/permission"): {200: github.RepositoryCollaboratorPermission},
    ("GET", PLACE + "/git/ref/{ref}"): {200: github.GitRef},
    ("GET", PLACE + "/git/matching-refs/{ref}"): {200: list[github.GitRef]},
    ("GET", PLACE + "/git/tags/{tag_sha}"): {200: github.GitTag},
    ("GET", PLACE + "/commits"): {200: list[github.Commit]},
    ("GET", PLACE + "/commits/{ref}"): {200: github.Commit},
    ("GET", PLACE + "/branches"): {200: list[github.ShortBranch]},
    ("GET", PLACE + "/branches/{branch}"): {200: github.BranchWithProtection},
    ("GET", PLACE + "/contents/{path}"): {200: github.ContentFile},
    ("GET", ACTIONS + "/workflows"): {200: github.ReposOwnerRepoActionsWorkflowsGetResponse200},
    ("GET", ACTIONS + "/workflows/{workflow_id}"): {200: github.Workflow},
    ("POST", ACTIONS + "/workflows/{workflow_id}/dispatches"): {
        200: github.WorkflowDispatchResponse,
        204: None,
    },
    ("GET", ACTIONS + "/workflows/{workflow_id}/runs"): {
        200: github.ReposOwnerRepoActionsWorkflowsWorkflowIdRunsGetResponse200
    },
    ("GET", ACTIONS + "/runs"): {200: github.ReposOwnerRepoActionsRunsGetResponse200},
    ("GET", RUN): {200: github.WorkflowRun},
    ("GET", RUN + "/attempts/{attempt_number}"): {200: github.WorkflowRun},
    ("GET", RUN + "/jobs"): {200: github.ReposOwnerRepoActionsRunsRunIdJobsGetResponse200},
    ("GET", RUN + "/attempts/{attempt_number}/jobs"): {
        200: github.ReposOwnerRepoActionsRunsRunIdAttemptsAttemptNumberJobsGetResponse200
    },
    ("GET", RUN + "/pending_deployments"): {200: list[github.PendingDeployment]},
    ("GET", RUN + "/approvals"): {200: list[github.EnvironmentApprovals]},
    ("POST", RUN + "/rerun"): {201: github.EmptyObject},
    ("POST", RUN + "/rerun-failed-jobs"): {201: github.EmptyObject},
    ("POST", RUN + "/cancel"): {202: github.EmptyObject},
    ("POST", RUN + "/force-cancel"): {202: github.EmptyObject},
    ("GET", JOB): {200: github.Job},
    ("GET", JOB + "/logs"): {302: None},
    ("POST", JOB + "/rerun"): {201: github.EmptyObject},
    ("POST", PLACE + "/check-runs"): {201: github.CheckRun},
    ("GET", PLACE + "/check-runs/{check_run_id}"): {200: github.CheckRun},
    ("PATCH", PLACE + "/check-runs/{check_run_id}"): {200: github.CheckRun},
    ("GET", PLACE + "/check-runs/{check_run_id}/annotations"): {200: list[github.CheckAnnotation]},
    ("GET", PLACE + "/check-suites/{check_suite_id}/check-runs"): {
        200: github.ReposOwnerRepoCheckSuitesCheckSuiteIdCheckRunsGetResponse200
    },
    ("GET", PLACE + "/commits/{ref}/check-runs"): {
        200: github.ReposOwnerRepoCommitsRefCheckRunsGetResponse200
    },
    ("GET", PLACE + "/issues/{issue_number}"): {200: github.Issue},
    ("GET", PLACE + "/issues/{issue_number}/comments"): {200: list[github.IssueComment]},
    ("POST", PLACE + "/issues/{issue_number}/comments"): {201: github.IssueComment},
    ("GET", PLACE + "/issues/comments"): {200: list[github.IssueComment]},
    ("GET", COMMENT): {200: github.IssueComment},
    ("PATCH", COMMENT): {200: github.IssueComment},
    ("DELETE", COMMENT): {204: None},
    ("GET", COMMENT + "/reactions"): {200: list[github.Reaction]},
    ("POST", COMMENT + "/reactions"): {200: github.Reaction, 201: github.Reaction},
    ("DELETE", COMMENT + "/reactions/{reaction_id}"): {204: None},
}
REQUESTS: dict[tuple[str, str], Shape] = {
    ("POST", "/app/installations/{installation_id}/access_tokens"): (
        github.AppInstallationsInstallationIdAccessTokensPostBody
    ),
    ("POST", ACTIONS + "/workflows/{workflow_id}/dispatches"): (
        github.ReposOwnerRepoActionsWorkflowsWorkflowIdDispatchesPostBody
    ),
    ("POST", RUN + "/rerun"): github.ReposOwnerRepoActionsRunsRunIdRerunPostBody,
    ("POST", RUN + "/rerun-failed-jobs"): github.ReposOwnerRepoActionsRunsRunIdRerunFailedJobsPostBody,
    ("POST", JOB + "/rerun"): github.ReposOwnerRepoActionsJobsJobIdRerunPostBody,
    ("POST", PLACE + "/check-runs"): (
        github.ReposOwnerRepoCheckRunsPostBodyOneof0 | github.ReposOwnerRepoCheckRunsPostBodyOneof1
    ),
    ("PATCH", PLACE + "/check-runs/{check_run_id}"): (
        github.ReposOwnerRepoCheckRunsCheckRunIdPatchBodyAnyof0
        | github.ReposOwnerRepoCheckRunsCheckRunIdPatchBodyAnyof1
    ),
    (
        "POST",
        PLACE + "/issues/{issue_number}/comments",
    ): github.ReposOwnerRepoIssuesIssueNumberCommentsPostBody,
    ("PATCH", COMMENT): github.ReposOwnerRepoIssuesCommentsCommentIdPatchBody,
    ("POST", COMMENT + "/reactions"): github.ReposOwnerRepoIssuesCommentsCommentIdReactionsPostBody,
}


@cache
def _adapter(method: str, template: str, status: int) -> TypeAdapter[object] | None:
    shape = ANSWERS[method, template][status]
    return None if shape is None else TypeAdapter(shape)


def check_answer(method: str, template: str, status: int, body: object) -> None:
    """Raises pydantic.ValidationError when GitHub's description does not know such an answer."""
    if status in (301, 304, 307) or status >= 400:
        TypeAdapter(github.BasicError | None).validate_python(body)
        return
    adapter = _adapter(method, template, status)
    if adapter is None:
        assert not body, f"{method} {template}: {status} has no body"
    else:
        adapter.validate_python(body)


def check_request(method: str, template: str, body: object) -> None:
    """Raises pydantic.ValidationError when GitHub's description does not know such a request body."""
    if body is None:
        return
    TypeAdapter(REQUESTS[method, template]).validate_python(body)


def check_ledger(ledger: Iterable[Entry]) -> None:
    """Holds every answered request of a world against the description: what was sent and what came back.

    Refused requests are judged by their answer only; staged failures and raw files not at all.
    """
    for entry in ledger:
        if entry.template is None or entry.status is None or entry.fault or isinstance(entry.answer, str):
            continue
        if entry.status != 304:
            check_answer(entry.method, entry.template, entry.status, entry.answer)
        if entry.status < 400:
            check_request(entry.method, entry.template, entry.body)
