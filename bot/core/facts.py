"""What GitHub says when asked: small frozen facts, and the closed set of ways in which it can refuse.

A workflow run as GitHub shows it is `bot.core.deliveries.RunSeen`: webhooks and answers share that shape.
"""

from dataclasses import dataclass
from datetime import datetime

VISIBILITIES = ("public", "internal", "private")
"""Widest first. https://docs.github.com/rest/repos/repos#get-a-repository"""


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    id: int
    full_name: str
    visibility: str
    default_branch: str
    archived: bool = False


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """What GitHub answers about a person's access: `role_name` may be a custom role, `permission` never is."""

    login: str
    user_id: int | None
    role_name: str
    permission: str


@dataclass(frozen=True, slots=True)
class WorkflowFacts:
    id: int
    path: str
    state: str


@dataclass(frozen=True, slots=True)
class JobFacts:
    """One job of one run attempt; `failed_step` is the first step that did not succeed.

    A job that was not run again in a later attempt is listed there once more, with its old times.
    """

    id: int
    name: str
    status: str
    conclusion: str | None
    failed_step: str | None
    check_run_id: int | None
    url: str | None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    began: bool = False
    """A runner had it, or anything else says that something of it may have happened."""

    @property
    def seconds(self) -> float:
        """How long it ran; 0 while nobody knows."""
        if self.started_at is None or self.completed_at is None:
            return 0.0
        return max(0.0, (self.completed_at - self.started_at).total_seconds())


@dataclass(frozen=True, slots=True)
class AnnotationFacts:
    """`path`: the file it stands at; `.github` where it stands at none."""

    message: str
    path: str


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """`author`: the login, or the name in the commit where there is no account."""

    sha: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Dispatched:
    """The answer to a dispatch: the run's id, or None where the server tells none (GHES before 3.21)."""

    run_id: int | None
    url: str | None


@dataclass(frozen=True, slots=True)
class CommentFacts:
    id: int
    body: str
    by_app: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LoggedDelivery:
    """One attempt to deliver a webhook, as GitHub's log shows it; a redelivery has the same `guid`."""

    id: int
    guid: str
    event: str
    action: str | None
    repository_id: int | None
    delivered_at: datetime


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page of the delivery log, newest first; `cursor` leads to the next one."""

    deliveries: tuple[LoggedDelivery, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class CheckFacts:
    id: int
    name: str
    external_id: str
    status: str
    conclusion: str | None


class GitHubError(Exception):
    """GitHub did not do what was asked. `definite` = it is certain that nothing was done.

    The text may name private repositories: it goes to the log and to people with access, never to a public place.
    `said`: the same for people, without the method and the address that were `call`ed.
    """

    definite = True

    def __init__(self, said: str, *, call: str = "") -> None:
        super().__init__(f"{said} ({call})" if call else said)
        self.said = said


class Unreachable(GitHubError):
    """No usable answer: connection, time-out, 5xx or nonsense. `sent` = the request may have been carried out.

    `until`: before that time nothing is asked; None where nobody knows.
    """

    def __init__(self, said: str, *, sent: bool, until: datetime | None = None, call: str = "") -> None:
        super().__init__(said, call=call)
        self.sent = sent
        self.definite = not sent
        self.until = until


class Withheld(GitHubError):
    """Not sent, and not to be tried again: since it was decided on, something else is wanted."""

    definite = True


class Limited(GitHubError):
    """A rate limit; nothing was done and nothing more may be asked before `until`."""

    def __init__(self, said: str, until: datetime) -> None:
        super().__init__(said)
        self.until = until


class OutOfTurn(Limited):
    """Its turn among the writes comes too late for it; nothing was sent, and a place is kept for it."""


class Unauthorized(GitHubError):
    """401, also after renewing the token; nothing was done. It is tried again later."""


class NotFound(GitHubError):
    """404: it is not there, or this token may not see it."""


class Gone(NotFound):
    """410: it was there once."""


class Forbidden(GitHubError):
    """403 with a reason other than a rate limit: a missing permission, a locked issue, a run that cannot be re-run."""


class Conflict(GitHubError):
    """409."""


class Unprocessable(GitHubError):
    """422: GitHub understood and refused."""


class Moved(GitHubError):
    """The repository has another name now (301, 307): nothing was done under the old one."""


class NotInstalled(GitHubError):
    """The app is not installed on that repository, or its installation lacks a permission the bot asks for."""


class Suspended(NotInstalled):
    """The installation is suspended."""
