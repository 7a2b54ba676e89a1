"""What a webhook delivery can tell: the closed set of happenings, each in the bot's own words.

Rule: types only. Which payload becomes which happening is `bot.core.intake`'s business, and nobody else's.
A happening is a hint: it says where to look, never what is true.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Visibility = Literal["public", "internal", "private"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySeen:
    """A repository as a delivery shows it; `installation_id` is None where the delivery names none."""

    id: int
    full_name: str
    visibility: Visibility
    installation_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSeen:
    """A workflow run as GitHub shows it, in a webhook or in a REST answer.

    `status` and `conclusion` are GitHub's words, unknown ones included: what the bot does not know is neither
    finished nor a success. Times are aware and in UTC.
    """

    id: int
    attempt: int
    """From 1. https://docs.github.com/rest/actions/workflow-runs"""
    status: str
    conclusion: str | None
    event: str
    path: str
    """The workflow file in its repository, without the `@ref` that GitHub may append."""
    head_branch: str | None
    """Branch or tag; None for a run on a commit that has no name any more."""
    head_sha: str
    display_title: str
    """The run's name; empty in those webhooks that leave it out."""
    actor_login: str | None
    triggering_actor_login: str | None
    """Who started this attempt; None for a deleted account."""
    created_at: datetime
    run_started_at: datetime
    """Start of this attempt: it moves with every re-run, `created_at` does not."""
    updated_at: datetime
    html_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentCreated:
    """A person wrote a comment; nobody has edited it as far as this delivery tells."""

    repository: RepositorySeen
    issue_number: int
    is_pull_request: bool
    comment_id: int
    author_id: int
    author_login: str
    body: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentDeleted:
    repository: RepositorySeen
    comment_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChanged:
    repository: RepositorySeen
    run: RunSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChanged:
    """A job moved, so its run is worth a look: job events come for every attempt, run events may not."""

    repository: RepositorySeen
    run_id: int
    run_attempt: int
    waiting: bool = False
    """It waits for somebody to approve an environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonPressed:
    """A person pressed one of the buttons that the bot put on its check run."""

    repository: RepositorySeen
    check_run_id: int
    external_id: str
    identifier: str
    sender_id: int
    sender_login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRerunAsked:
    """A person pressed GitHub's own Re-run on a check run of the bot."""

    repository: RepositorySeen
    check_run_id: int
    external_id: str
    sender_id: int
    sender_login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallationChanged:
    """`repositories`: the full names that the delivery lists, which need not be all of the installation."""

    installation_id: int
    action: str
    repositories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ping:
    """GitHub tries the address out."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A delivery that means nothing to the bot; the reason is for the log and holds no payload text."""

    reason: str


Happening = (
    CommentCreated
    | CommentDeleted
    | RunChanged
    | JobChanged
    | ButtonPressed
    | CheckRerunAsked
    | InstallationChanged
    | Ping
)
