"""From webhook payloads, and the same objects in REST answers, to happenings.

Rule: the only file that knows GitHub's JSON shapes of deliveries. The event header is not covered by the
signature, so the shape decides: what lacks a field that the event must have is ignored with a reason.
Only what is used is required, as real payloads differ from GitHub's own description of them.
https://docs.github.com/webhooks/webhook-events-and-payloads
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from bot.core.deliveries import (
    ButtonPressed,
    CheckRerunAsked,
    CommentCreated,
    CommentDeleted,
    Happening,
    Ignored,
    InstallationChanged,
    JobChanged,
    Ping,
    RepositorySeen,
    RunChanged,
    RunSeen,
    Visibility,
)

_MOST_ID = 2**63 - 1  # both databases keep ids in eight bytes
_FULL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_JOB_ACTIONS = frozenset({"queued", "waiting", "in_progress", "completed"})
_CLICKS = frozenset({"requested_action", "rerequested"})
_RUN_ACTIONS = frozenset({"requested", "in_progress", "completed"})
_INSTALLATION_ACTIONS = frozenset(
    {"created", "deleted", "suspend", "unsuspend", "new_permissions_accepted", "added", "removed"}
)


class BadShape(ValueError):
    """A field is missing or not of the type GitHub documents; the message names it, without its value."""


class _NotForUs(Exception):
    """Well formed, and still nothing for the bot; the message is the reason."""


class Fields:
    """Typed reading of one JSON object; every complaint names the path of the field."""

    def __init__(self, item: Mapping[str, object], path: str = "") -> None:
        self._item = item
        self._path = path

    def _name(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self._item.get(key) is not None

    def text(self, key: str) -> str:
        value = self._item.get(key)
        if not isinstance(value, str):
            raise BadShape(f"{self._name(key)} is not text")
        return value

    def filled(self, key: str) -> str:
        """Text that is not empty."""
        if not (value := self.text(key)):
            raise BadShape(f"{self._name(key)} is empty")
        return value

    def text_or_none(self, key: str) -> str | None:
        return self.text(key) if self.has(key) else None

    def number(self, key: str) -> int:
        """An id or a count: a whole number from 1."""
        value = self._item.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _MOST_ID:
            raise BadShape(f"{self._name(key)} is not a positive whole number")
        return value

    def flag(self, key: str) -> bool:
        value = self._item.get(key)
        if not isinstance(value, bool):
            raise BadShape(f"{self._name(key)} is neither true nor false")
        return value

    def time_or_none(self, key: str) -> datetime | None:
        return self.time(key) if self.has(key) else None

    def time(self, key: str) -> datetime:
        try:
            moment = datetime.fromisoformat(self.text(key))
            if moment.tzinfo is None:
                raise BadShape(f"{self._name(key)} is a time without a zone")
            return moment.astimezone(UTC)
        except BadShape:
            raise
        except (ValueError, OverflowError):
            raise BadShape(f"{self._name(key)} is not a time") from None

    def under(self, key: str) -> "Fields":
        return Fields(_object(self._item.get(key), self._name(key)), self._name(key))

    def list_of(self, key: str) -> tuple["Fields", ...]:
        """The objects of a list; none where the field is missing or null."""
        value = self._item.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise BadShape(f"{self._name(key)} is not a list")
        return tuple(Fields(_object(item, self._name(key)), self._name(key)) for item in value)


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise BadShape(f"{name} is not an object")
    return value


def read_delivery(event: str, payload: Mapping[str, object]) -> Happening | Ignored:
    """What a delivery means. `event` is the text of `X-GitHub-Event`. Never raises."""
    reader = _READERS.get(event)
    if reader is None:
        return Ignored("this event is not used")
    try:
        return reader(Fields(payload))
    except BadShape as problem:
        return Ignored(f"not a {event} delivery: {problem}")
    except _NotForUs as reason:
        return Ignored(str(reason))


def second_key(event: str, payload: Mapping[str, object]) -> str | None:
    """What makes two deliveries the same one although their delivery ids differ (two hooks, a relay).

    None where it does not matter. A click has no name of its own: the same body is the same click, so that one that was
    refused does not become good when somebody sends it again later. A new click on what has changed since is another.
    """
    try:
        fields = Fields(payload)
        action = fields.text("action")
        repository = fields.under("repository").number("id")
        match event:
            case "issue_comment" if action == "created":
                return f"comment:{repository}:{fields.under('comment').number('id')}:{action}"
            case "issue_comment" if action == "edited":
                return edit_key(repository, fields.under("comment").number("id"))
            case "workflow_run" if action in _RUN_ACTIONS:
                run = fields.under("workflow_run")
                return f"run:{repository}:{run.number('id')}:{run.number('run_attempt')}:{action}"
            case "workflow_job" if action in _JOB_ACTIONS:
                job = fields.under("workflow_job")
                return f"job:{repository}:{job.number('id')}:{job.number('run_attempt')}:{action}"
            case "check_run" if action in _CLICKS and fields.has("check_run"):
                return f"click:{repository}:{_digest(payload)}"
    except BadShape:
        pass
    return None


def edit_key(repository_id: int, comment_id: int) -> str:
    """The second key of the delivery that tells of an edit: what was edited in the second in which it was written
    does not show it in its times.
    """
    return f"comment:{repository_id}:{comment_id}:edited"


def _digest(payload: Mapping[str, object]) -> str:
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def comment_from_listing(repository: RepositorySeen, item: Mapping[str, object]) -> CommentCreated | Ignored:
    """A comment object of `GET /repos/{owner}/{repo}/issues/comments`; an edited comment is no command.

    https://docs.github.com/rest/issues/comments#list-issue-comments-for-a-repository
    """
    try:
        comment = Fields(item)
        _unedited(comment)
        issue = urlsplit(comment.text("issue_url")).path.rpartition("/issues/")[2]
        if not re.fullmatch(r"[1-9][0-9]{0,17}", issue):
            raise BadShape("issue_url does not end with an issue's number")
        # /OWNER/REPO/pull/12: the third part tells, since a repository may itself be named "pull".
        page = urlsplit(comment.text("html_url")).path.split("/")
        return _comment(repository, comment, issue=int(issue), is_pull_request=page[3:4] == ["pull"])
    except ValueError as problem:  # BadShape is one; so is what urlsplit raises for a broken address
        return Ignored(
            f"not a comment: {problem}" if isinstance(problem, BadShape) else "not a comment: bad URL"
        )
    except _NotForUs as reason:
        return Ignored(str(reason))


def may_be_answered(item: Mapping[str, object]) -> bool:
    """Whether it carries a reaction that ends a command, whoever gave it: a listing tells the counts alone."""
    counts = item.get("reactions")
    return isinstance(counts, Mapping) and bool(counts.get("rocket") or counts.get("confused"))


def run_from_http(item: Mapping[str, object]) -> RunSeen:
    """A workflow run object, of REST or of a webhook. Raises BadShape.

    https://docs.github.com/rest/actions/workflow-runs#get-a-workflow-run
    """
    return _run(Fields(item))


def _run(run: Fields) -> RunSeen:
    return RunSeen(
        id=run.number("id"),
        # GitHub's description promises neither: one odd run must not hide the others of its page.
        attempt=run.number("run_attempt") if run.has("run_attempt") else 1,
        status=run.text_or_none("status") or "unknown",
        conclusion=run.text_or_none("conclusion"),
        event=run.filled("event"),
        path=run.filled("path").partition("@")[0],
        head_branch=run.text_or_none("head_branch"),
        head_sha=run.filled("head_sha"),
        # GitHub leaves display_title out of workflow_run.in_progress.
        display_title=run.text_or_none("display_title") or "",
        actor_login=_login_or_none(run, "actor"),
        triggering_actor_login=_login_or_none(run, "triggering_actor"),
        created_at=run.time("created_at"),
        run_started_at=run.time("run_started_at" if run.has("run_started_at") else "created_at"),
        updated_at=run.time("updated_at"),
        html_url=run.text("html_url"),
    )


def _login_or_none(item: Fields, key: str) -> str | None:
    return item.under(key).text("login") if item.has(key) else None


def _repository(delivery: Fields) -> RepositorySeen:
    repository = delivery.under("repository")
    installation = delivery.under("installation").number("id") if delivery.has("installation") else None
    return RepositorySeen(
        id=repository.number("id"),
        full_name=_full_name(repository),
        visibility=visibility_of(repository),
        installation_id=installation,
    )


def _full_name(repository: Fields) -> str:
    """`owner/name`, safe as part of a URL's path."""
    name = repository.text("full_name")
    if not _FULL_NAME.fullmatch(name) or {".", ".."} & set(name.split("/")):
        raise BadShape("full_name is not owner/name")
    return name


def visibility_of(repository: Fields) -> Visibility:
    """Older servers send `private` alone; where the two disagree or the word is new, the narrower counts."""
    private = repository.flag("private")
    match repository.text_or_none("visibility"):
        case "internal" if private:
            return "internal"
        case "public" | None if not private:
            return "public"
        case _:
            return "private"


def _person(user: Fields, *, whose: str) -> tuple[int, str]:
    """Id and login of a person. Logins can be renamed and taken over, so only the id says who it is."""
    login = user.filled("login")
    if user.text("type") != "User" or login.lower().endswith("[bot]"):
        raise _NotForUs(f"the {whose} is not a person")
    return user.number("id"), login


def _comment(
    repository: RepositorySeen, comment: Fields, *, issue: int, is_pull_request: bool
) -> CommentCreated:
    if comment.has("performed_via_github_app"):
        raise _NotForUs("an app wrote the comment for somebody")
    author_id, author_login = _person(comment.under("user"), whose="author")
    return CommentCreated(
        repository=repository,
        issue_number=issue,
        is_pull_request=is_pull_request,
        comment_id=comment.number("id"),
        author_id=author_id,
        author_login=author_login,
        body=comment.text("body"),
        created_at=comment.time("created_at"),
        updated_at=comment.time("updated_at"),
    )


def _unedited(comment: Fields) -> None:
    """An edited comment is no command, whoever wrote it: others may edit it, and it keeps its author."""
    if comment.time("updated_at") != comment.time("created_at"):
        raise _NotForUs("the comment was edited")


def _read_comment(delivery: Fields) -> Happening:
    repository, comment, issue = _repository(delivery), delivery.under("comment"), delivery.under("issue")
    match delivery.text("action"):
        case "created":
            sender_id, _ = _person(delivery.under("sender"), whose="sender")
            number, is_pull_request = issue.number("number"), issue.has("pull_request")
            created = _comment(repository, comment, issue=number, is_pull_request=is_pull_request)
            if created.author_id != sender_id:
                raise _NotForUs("the sender is not the author of the comment")
            _unedited(comment)
            return created
        case "deleted":
            return CommentDeleted(repository=repository, comment_id=comment.number("id"))
        case _:
            raise _NotForUs("only new comments are commands")


def _read_run(delivery: Fields) -> Happening:
    if delivery.text("action") not in _RUN_ACTIONS:
        raise _NotForUs("this action is not used")
    return RunChanged(repository=_repository(delivery), run=_run(delivery.under("workflow_run")))


def _read_job(delivery: Fields) -> Happening:
    if delivery.text("action") not in _JOB_ACTIONS:
        raise _NotForUs("this action is not used")
    job = delivery.under("workflow_job")
    return JobChanged(
        repository=_repository(delivery),
        run_id=job.number("run_id"),
        run_attempt=job.number("run_attempt"),
        waiting=delivery.text("action") == "waiting",
    )


def _read_check_run(delivery: Fields) -> Happening:
    """Only the app that made a check run hears of these two actions.

    https://docs.github.com/webhooks/webhook-events-and-payloads#check_run
    """
    action = delivery.text("action")
    if action not in _CLICKS:
        raise _NotForUs("this action is not used")
    check, repository = delivery.under("check_run"), _repository(delivery)
    sender_id, sender_login = _person(delivery.under("sender"), whose="sender")
    asked = CheckRerunAsked(
        repository=repository,
        check_run_id=check.number("id"),
        external_id=check.filled("external_id"),
        sender_id=sender_id,
        sender_login=sender_login,
    )
    if action == "rerequested":
        return asked
    return ButtonPressed(
        repository=repository,
        check_run_id=asked.check_run_id,
        external_id=asked.external_id,
        identifier=delivery.under("requested_action").filled("identifier"),
        sender_id=sender_id,
        sender_login=sender_login,
    )


def _read_installation(delivery: Fields) -> Happening:
    action = delivery.text("action")
    if action not in _INSTALLATION_ACTIONS:
        raise _NotForUs("this action is not used")
    installation = delivery.under("installation")
    # Every delivery carries `installation.id`, the whole object comes with these two events only: without
    # this line the deletion of a comment, replayed under another event name, would be that of the app.
    installation.number("app_id")
    # `installation` lists `repositories`; `installation_repositories` what was added and what was removed.
    keys = ("repositories", "repositories_added", "repositories_removed")
    return InstallationChanged(
        installation_id=installation.number("id"),
        action=action,
        repositories=tuple(_full_name(item) for key in keys for item in delivery.list_of(key)),
    )


def _read_ping(delivery: Fields) -> Happening:
    delivery.number("hook_id")
    return Ping()


_READERS: Mapping[str, Callable[[Fields], Happening]] = {
    "issue_comment": _read_comment,
    "workflow_run": _read_run,
    "workflow_job": _read_job,
    "check_run": _read_check_run,
    "installation": _read_installation,
    "installation_repositories": _read_installation,
    "ping": _read_ping,
}
