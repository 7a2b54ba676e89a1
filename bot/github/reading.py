"""From GitHub's JSON to facts.

Rule: only what is used is required, and an answer of another shape is a lost answer, never a guess.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from bot.core.facts import (
    AnnotationFacts,
    CheckFacts,
    CommentFacts,
    CommitFacts,
    Dispatched,
    JobFacts,
    RepositoryFacts,
    RoleFacts,
    Unreachable,
    WorkflowFacts,
)
from bot.core.intake import BadShape, Fields, visibility_of


@contextmanager
def understand(call: str) -> Iterator[None]:
    """Turns a shape that GitHub does not document into Unreachable(sent=True)."""
    try:
        yield
    except BadShape as error:
        text = f"GitHub answered in a form that the bot does not know: {error}"
        raise Unreachable(text, sent=True, call=call) from error


def mapping(data: object) -> Mapping[str, object]:
    if not isinstance(data, Mapping):
        raise BadShape("the answer is not an object")
    return data


def items(data: object, key: str | None) -> tuple[Mapping[str, object], ...]:
    """The objects of one page: the answer itself, or what stands under `key`."""
    listed = data if key is None else mapping(data).get(key)
    if not isinstance(listed, list):
        raise BadShape("the answer holds no list")
    return tuple(mapping(item) for item in listed)


def repository_from_http(item: Mapping[str, object]) -> RepositoryFacts:
    fields = Fields(item)
    return RepositoryFacts(
        id=fields.number("id"),
        full_name=fields.filled("full_name"),
        visibility=visibility_of(fields),
        default_branch=fields.filled("default_branch"),
        archived=item.get("archived") is True,
    )


def role_from_http(item: Mapping[str, object], login: str) -> RoleFacts:
    fields = Fields(item)
    user = fields.under("user") if fields.has("user") else None
    permission = fields.filled("permission")
    return RoleFacts(
        login=user.filled("login") if user else login,
        user_id=user.number("id") if user else None,
        role_name=fields.text_or_none("role_name") or permission,
        permission=permission,
    )


def workflow_from_http(item: Mapping[str, object]) -> WorkflowFacts:
    fields = Fields(item)
    return WorkflowFacts(fields.number("id"), fields.filled("path").partition("@")[0], fields.filled("state"))


def dispatched_from_http(item: Mapping[str, object]) -> Dispatched:
    fields = Fields(item)
    return Dispatched(fields.number("workflow_run_id"), fields.text_or_none("html_url"))


def id_from_http(data: object) -> int:
    return Fields(mapping(data)).number("id")


def job_from_http(item: Mapping[str, object]) -> JobFacts:
    fields = Fields(item)
    return JobFacts(
        id=fields.number("id"),
        name=fields.text("name"),
        status=fields.filled("status"),
        conclusion=fields.text_or_none("conclusion"),
        failed_step=_failed_step(fields),
        check_run_id=_check_run_id(fields.text_or_none("check_run_url")),
        url=fields.text_or_none("html_url"),
        started_at=fields.time_or_none("started_at"),
        completed_at=fields.time_or_none("completed_at"),
        began=_began(item, fields),
    )


def commit_from_http(item: Mapping[str, object]) -> CommitFacts:
    """`author` of the whole is the account, if there is one; the one inside is what git knows."""
    fields = Fields(item)
    git = fields.under("commit").under("author")
    login = fields.under("author").text_or_none("login") if fields.has("author") else None
    return CommitFacts(fields.filled("sha"), login or git.text("name"), git.time("date"))


def _failed_step(job: Fields) -> str | None:
    for step in job.list_of("steps"):
        if step.text_or_none("conclusion") not in (None, "success", "skipped"):
            return step.text("name")
    return None


def _began(item: Mapping[str, object], job: Fields) -> bool:
    """GitHub names the runner as soon as one has the job: until then its id is 0 or null, and there are no steps.

    https://docs.github.com/rest/actions/workflow-jobs#list-jobs-for-a-workflow-run-attempt
    """
    if item.get("runner_id") or item.get("runner_name"):
        return True
    if item.get("status") == "in_progress" or item.get("conclusion") not in (None, "cancelled", "skipped"):
        return True
    return any(
        step.text_or_none("status") in {"in_progress", "completed"}
        and step.text_or_none("conclusion") != "skipped"
        for step in job.list_of("steps")
    )


def _check_run_id(url: str | None) -> int | None:
    """The id of a job and of its check run differ in older runs, so the URL's end decides."""
    last = urlsplit(url or "").path.rpartition("/")[2]
    return int(last) if last.isascii() and last.isdigit() else None


def check_from_http(item: Mapping[str, object]) -> CheckFacts:
    fields = Fields(item)
    return CheckFacts(
        id=fields.number("id"),
        name=fields.text("name"),
        external_id=fields.text_or_none("external_id") or "",
        status=fields.filled("status"),
        conclusion=fields.text_or_none("conclusion"),
    )


def comment_from_http(item: Mapping[str, object], *, app_id: int, app_login: str) -> CommentFacts:
    """`by_app`: written by this app in its own name, or by it for somebody."""
    fields = Fields(item)
    author = fields.under("user").text("login") if fields.has("user") else ""
    through = fields.under("performed_via_github_app") if fields.has("performed_via_github_app") else None
    return CommentFacts(
        id=fields.number("id"),
        body=fields.text_or_none("body") or "",
        by_app=author == app_login or (through is not None and through.number("id") == app_id),
        created_at=fields.time("created_at"),
    )


def reaction_from_http(item: Mapping[str, object]) -> tuple[str | None, str]:
    """Who gave it - None: an account that is gone - and what."""
    fields = Fields(item)
    return (fields.under("user").filled("login") if fields.has("user") else None), fields.filled("content")


def annotation_from_http(item: Mapping[str, object]) -> tuple[str, AnnotationFacts]:
    """Level, and title with message."""
    fields = Fields(item)
    title, message = fields.text_or_none("title"), fields.text_or_none("message") or ""
    said = AnnotationFacts(f"{title}: {message}" if title else message, fields.text_or_none("path") or "")
    return fields.text_or_none("annotation_level") or "", said
